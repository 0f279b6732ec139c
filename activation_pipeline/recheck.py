"""Does everything still hold? Asked when a delivery starts, of the warehouse as it is now.

Between gate and send people may leave the list; nobody may join it. So every planned record
is judged again by the same query that made the plan, and whoever is not eligible for the
same record any more is held back. What concerns the whole plan refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline import measures
from activation_pipeline.errors import RefusedError
from activation_pipeline.expressions import column, inside, named, text
from activation_pipeline.lapsed import check_logic
from activation_pipeline.notation import written_duration
from activation_pipeline.population import SEPARATOR, population_query
from activation_pipeline.snapshots import verify_content
from activation_pipeline.sources import relations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Pause
    from activation_pipeline.expressions import Relations
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.warehouse import Engine


def permitted_plan(contract: Contract, evaluation: Evaluation | None, *, now: datetime) -> Plan:
    """Find the plan that may be sent as far as its own judgement and age say, or say why none may.

    Raises:
        RefusedError: there is no plan, its newest preparation failed or did not finish, its
            decision is to pause, or the plan is too old.
    """
    name, owner = contract.name, contract.owners.workflow
    if evaluation is None:
        raise RefusedError(
            f"{name}: not delivered: no finished plan (none yet, or the last one was interrupted); "
            f"run activation plan {name}; owner: {owner}",
            clause="plan",
        )
    plan = evaluation.plan
    if plan is None:
        raise RefusedError(
            f"{name}: not delivered: the last plan could not be made: {evaluation.message}; "
            f"owner: {owner}; mend it, then run activation plan {name}",
            clause="plan",
        )
    if evaluation.decision == "pause":
        stops = [result for result in evaluation.results if result.stops]
        clause = stops[0].gate if stops else "launch"
        decided = f"launch: the contract's decision is pause; owner: {owner}"
        why = evaluation_stops(evaluation) or decided
        raise RefusedError(
            f"{name}: not delivered: plan {plan.id} was paused by {why}; "
            f"see activation status {name}",
            clause=clause,
        )
    _check_age(contract, evaluation, plan, now)
    return plan


def evaluation_stops(evaluation: Evaluation) -> str:
    """Name what stops a plan now: signatures given since then are taken into account."""
    return "; ".join(
        f"{result.gate} ({result.message}; owner: {result.owner})"
        for result in evaluation.results
        if result.stops
    )


def _check_age(contract: Contract, evaluation: Evaluation, plan: Plan, now: datetime) -> None:
    age, limit = now - evaluation.at, contract.workflow.decision_window
    if age > limit or now < evaluation.at:
        hours = age.total_seconds() / 3600
        raise RefusedError(
            f"{contract.name}: not delivered: plan {plan.id} is {hours:.1f} h old, at most "
            f"{written_duration(limit)} (decision_window); run activation plan {contract.name}; "
            f"owner: {contract.owners.workflow}",
            clause="freshness",
        )


def check_decision(contract: Contract, evaluation: Evaluation, runtime: Runtime) -> None:
    """Refuse a plan whose results or decision are not in the ledger as this package wrote them.

    Raises:
        RefusedError: the chain does not hold them as they stand.
    """
    if not runtime.ledger.chain.holds_decision(evaluation.preparation):
        raise RefusedError(
            f"{contract.name}: not delivered: the gate results or the decision of the newest plan "
            "were changed or added past the package; run activation verify, then "
            f"activation plan {contract.name}; owner: {contract.owners.workflow}",
            clause="ledger",
        )


def check_pauses(contract: Contract, destination: str, pauses: tuple[Pause, ...]) -> None:
    """Refuse while the contract or the destination is paused.

    A pause of another contract is among ``pauses`` where that one writes the same here.

    Raises:
        RefusedError: names who paused, since when, why, until when, and who may restart.
    """
    for pause in pauses:
        if pause.contract != contract.name or pause.destination in (None, destination):
            told = pause.told_in(contract.name, contract.monitoring.restarted_by)
            raise RefusedError(
                f"{contract.name}: {destination}: not delivered: {told}: activation status "
                f"{pause.contract}; owner: {contract.owners.workflow}",
                clause="not_paused",
            )


def recheck(
    contract: Contract,
    plan: Plan,
    destination: str,
    runtime: Runtime,
    *,
    lists: Mapping[str, Mapping[str, int]],
    now: datetime,
) -> dict[tuple[str, str], str]:
    """Judge every planned record again; say who is held back, and why.

    Args:
        contract: as it is now.
        plan: permitted.
        destination: one of the contract's.
        runtime: where everything is.
        lists: the rows of each suppression list as the plan found it.
        now: UTC.

    Returns:
        (key, destination id) -> reasons, for planned records that are not eligible now or
        resolve to another record. Records that leave a list are never held back.

    Raises:
        RefusedError: snapshot, logic or source are not what was gated.
        WarehouseError, RetryableError: the warehouse does not answer; nothing is sent.
    """
    part = runtime.snapshots.part(contract.name, plan.id, destination)
    verify_content(part, plan.part(destination).content)
    manifest = runtime.read_manifest()
    check_logic(contract, plan, manifest, runtime)
    with runtime.snapshots.workspace() as folder, runtime.warehouse(folder) as engine:
        tables = relations(contract, manifest)
        _check_source(contract, engine, tables, now)
        _check_lists(contract, engine, tables, lists)
        return _held(contract, engine, tables, (destination, part), now)


def _check_source(contract: Contract, engine: Engine, tables: Relations, now: datetime) -> None:
    """Refuse when the source or a feed went stale, or into the future, since the plan."""
    newest = exp.Max(this=exp.cast(column(contract.freshness.column), "timestamp"))
    found = engine.rows(exp.select(named(newest, "newest")).from_(tables.source))
    ages = {contract.freshness.column: (found[0]["newest"], contract.freshness.stale_after)}
    feeds = measures.feeds_query(contract, tables)
    known = {row["feed"]: row["as_of"] for row in engine.rows(feeds)} if feeds else {}
    for feed, limit in contract.source.feeds.items():
        ages[f"feed {feed}"] = (known.get(feed), limit)
    for name, (value, limit) in ages.items():
        at = measures.utc(value)
        if at is None or at > now or now - at > limit:
            seen = "has no event" if at is None else f"was last seen {at:%Y-%m-%d %H:%M} UTC"
            raise RefusedError(
                f"{contract.name}: not delivered: {name} {seen}, at most {written_duration(limit)} "
                f"old; owner: {contract.owners.source_model}; refresh the source, then plan again",
                clause="freshness",
            )


def _check_lists(
    contract: Contract,
    engine: Engine,
    tables: Relations,
    lists: Mapping[str, Mapping[str, int]],
) -> None:
    """Refuse when a suppression list lost all its rows, or some of its keys, since the plan.

    Whoever was put on it meanwhile would not be held back.
    """
    for model, rule in contract.suppression.models.items():
        found = engine.rows(measures.list_query(tables.models[model]))[0]
        had = lists.get(model, {}).get("rows", 0)
        if found["null_keys"] or (had and not found["rows"] and not rule.may_be_empty):
            fault = f"{found['null_keys']} rows without a key" if found["null_keys"] else "no rows"
            raise RefusedError(
                f"{contract.name}: not delivered: {model} has {fault} now, it had {had} when the "
                f"plan was made; owner: {rule.owner}; mend the list, then run activation plan "
                f"{contract.name}",
                clause="suppression_ready",
            )


def _held(
    contract: Contract,
    engine: Engine,
    tables: Relations,
    planned: tuple[str, Path],
    now: datetime,
) -> dict[tuple[str, str], str]:
    destination, part = planned
    engine.files("part", [part])
    engine.table("scope", _scope(contract, tables, destination))
    engine.table(
        "population",
        population_query(contract, tables, now=now, scope=exp.to_table("scope")),
    )
    here = column(f"id:{destination}", "n")
    moved = exp.NullSafeNEQ(this=here, expression=column("destination_id", "p"))
    query = (
        exp.select(
            column("key", "p"),
            column("destination_id", "p"),
            column("disposition", "n"),
            column("reasons", "n"),
        )
        .from_(exp.to_table("part").as_("p"))
        .join(
            exp.to_table("population").as_("n"),
            on=column("key", "p").eq(column("key", "n")),
            join_type="left",
        )
        .where(exp.NEQ(this=column("operation", "p"), expression=exp.Literal.string("remove")))
        .where(
            exp.or_(
                exp.Is(this=column("key", "n"), expression=exp.null()),
                exp.NEQ(this=column("disposition", "n"), expression=exp.Literal.string("eligible")),
                moved,
            )
        )
    )
    return {
        (row["key"], row["destination_id"]): _why(row["disposition"], row["reasons"])
        for row in engine.rows(query)
    }


def _why(disposition: str | None, reasons: str | None) -> str:
    if disposition is None:
        return "gone"
    if disposition == "eligible":
        return "other_record"
    return ",".join(filter(None, (reasons or "").split(SEPARATOR))) or disposition


def _scope(contract: Contract, tables: Relations, destination: str) -> exp.Query:
    """Select the planned keys, and every key that now resolves to one of the planned records."""
    identity = tables.models[contract.matching.identity_for(destination)]
    planned = exp.select(column("destination_id")).from_("part")
    near = (
        exp.select(named(text(column("key")), "key"))
        .from_(identity)
        .where(inside(text(column("destination_id")), planned))
    )
    return exp.select(column("key")).from_("part").union(near, distinct=True)
