"""Who may come back to a list that a plan took them off: asked of the warehouse as it is now.

Undoing a removal is a write that reaches somebody, so the lists of those to leave alone and the
matching rule are asked again; gates are not, since no candidate is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline import measures
from activation_pipeline.dispositions import ROLE_BASED
from activation_pipeline.errors import ActivationError
from activation_pipeline.expressions import Relations, column, inside, named, text
from activation_pipeline.identity import identity_query
from activation_pipeline.sources import relations
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime

# What went wrong in such an incident is what would have to vouch for them.
_DOUBTED = frozenset({"identity", "suppression"})

Barred = dict[tuple[str, str], str]


def barring(
    contract: Contract,
    destination: str,
    runtime: Runtime,
    part: Path,
    *,
    incident: str,
    returning: str,
) -> Callable[[str, str], str | None]:
    """Say of each record that a plan took off a list why it may not come back; None: it may.

    Args:
        contract: whose rules count.
        destination: where they would come back.
        runtime: where the warehouse is.
        part: the plan's snapshot.
        incident: its class; nobody comes back while identity or suppression is in doubt.
        returning: the operation of the rows that are asked about.
    """
    if incident in _DOUBTED:
        return lambda _key, _id: f"{incident}_in_doubt"
    found: Barred = {}
    try:
        with runtime.snapshots.workspace() as folder, runtime.warehouse(folder) as engine:
            tables = relations(contract, runtime.read_manifest())
            query = barred_query(contract, destination, tables, _asked(part, returning))
            for row in engine.rows(query):
                found[row["key"], row["destination_id"]] = row["reason"]
    except ActivationError:
        # Undoing does not wait for the warehouse; whoever cannot be asked about stays off.
        return lambda _key, _id: "not_checked"
    return lambda key, destination_id: found.get((key, destination_id))


def barred_query(
    contract: Contract, destination: str, tables: Relations, asked: exp.Query
) -> exp.Select:
    """Select who of ``asked`` may not come back: ``key``, ``destination_id``, ``reason``.

    Args:
        contract: lists, holdout and matching rules.
        destination: whose identity model is asked.
        tables: the contract's relations.
        asked: ``key`` and ``destination_id`` of whoever would come back.
    """
    model = contract.matching.identity_for(destination)
    key, record = column("key", "r"), column("destination_id", "r")
    lo, hi = column("lo", "i"), column("hi", "i")
    case = exp.Case()
    for reason, listed in _lists(contract, tables).items():
        case = case.when(inside(key.copy(), listed), exp.Literal.string(reason))
    if contract.matching.role_based_email == "exclude":
        flagged = column("role_based", "i").eq(exp.Literal.number(1))
        case = case.when(flagged, exp.Literal.string(ROLE_BASED))
    case = (
        case.when(exp.Is(this=lo, expression=exp.null()), exp.Literal.string("unmatched"))
        .when(exp.NEQ(this=lo.copy(), expression=hi), exp.Literal.string("ambiguous"))
        .when(exp.NEQ(this=lo.copy(), expression=record.copy()), exp.Literal.string("other_record"))
        .when(inside(record.copy(), _shared()), exp.Literal.string("colliding"))
    )
    on = key.copy().eq(column("key", "i"))
    judged = (
        exp.select(key, record, named(case, "reason"))
        .from_(asked.subquery("r"))
        .join(exp.to_table("identities").as_("i"), on=on, join_type="left")
        .with_("identities", as_=identity_query(contract, model, tables))
    )
    barred = exp.not_(exp.Is(this=column("reason"), expression=exp.null()))
    return exp.select(exp.Star()).from_(judged.subquery("judged")).where(barred)


def _asked(part: Path, returning: str) -> exp.Select:
    names = column("key"), column("destination_id")
    mine = column("operation").eq(exp.Literal.string(returning))
    return exp.select(*names).from_(parquet([part])).where(mine)


def _lists(contract: Contract, tables: Relations) -> Mapping[str, exp.Query]:
    """Name everybody who is to be left alone, by reason."""
    found = {"suppressed": _filled(measures.suppressed_keys_query(contract, tables))}
    for model in contract.suppression.review:
        listed = exp.select(named(text(column("key")), "key")).from_(tables.models[model])
        found[f"review:{model}"] = _filled(listed)
    holdout = contract.suppression.holdout
    if holdout is not None:
        drawn = exp.LT(this=column("draw"), expression=exp.Literal.number(holdout.share))
        listed = exp.select(named(text(column("key")), "key")).from_(tables.models[holdout.model])
        found["holdout"] = _filled(listed.where(drawn))
    return found


def _filled(listed: exp.Query) -> exp.Select:
    known = exp.not_(exp.Is(this=column("key"), expression=exp.null()))
    return exp.select(column("key")).from_(listed.subquery("listed")).where(known)


def _shared() -> exp.Select:
    """Select the records that several keys resolve to: one of them may be on a list."""
    several = exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1))
    one = column("lo").eq(column("hi"))
    rows = exp.select(column("lo")).from_("identities").where(one)
    return rows.group_by(column("lo")).having(several)
