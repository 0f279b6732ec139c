"""Make a plan, judge it, and store both: everything before anything is sent.

Freezes the population out of the warehouse, compares it with what each destination holds
from us and holds now, writes the plan's snapshot, runs the gates and stores plan, results
and decision in one transaction. If it fails anywhere, the newest preparation has no
decision, and delivery refuses everything older.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from activation_pipeline import judgement, measures
from activation_pipeline.accounts import moved
from activation_pipeline.contract import fingerprint, meaning
from activation_pipeline.dispositions import ROLE_BASED
from activation_pipeline.errors import ActivationError
from activation_pipeline.evidence import Evidence, GateResult, Measures
from activation_pipeline.ledger import Evaluation
from activation_pipeline.logic import definition
from activation_pipeline.parts import Desk, freeze_part
from activation_pipeline.plan import Plan
from activation_pipeline.population import population_query
from activation_pipeline.runtime import target
from activation_pipeline.sources import model_names, relations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import Effort
    from activation_pipeline.manifest import Manifest
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.warehouse import Engine


@dataclass(frozen=True)
class _Frozen:
    """What was taken out of the warehouse in one short visit."""

    population: Path
    suppressed: Path
    feeds: list[dict[str, Any]]
    lists: dict[str, dict[str, Any]]


def prepare(
    contract: Contract, runtime: Runtime, *, now: datetime, retry_rejected: bool = False
) -> Evaluation:
    """Make and judge the contract's plan from the warehouse as it is now.

    Args:
        contract: as loaded and valid.
        runtime: where everything is.
        now: UTC; freshness is measured from it.
        retry_rejected: offer again what a destination refused before, though nothing changed.

    Returns:
        The stored evaluation with its plan, gate results and decision. An equal plan that
        exists already keeps its id and is judged anew.

    Raises:
        WarehouseError, RetryableError, PermanentError: no plan could be made; this is
            stored too, and nothing is sent until a preparation succeeds.
    """
    preparation = runtime.ledger.start_preparation(contract.name, now=now)
    try:
        with runtime.snapshots.workspace() as folder:
            evidence = _evidence(contract, runtime, folder, now=now, retry_rejected=retry_rejected)
            made, plan = folder / "plan", evidence.plan.id
            runtime.snapshots.publish_plan(made, contract.name, plan)
            runtime.snapshots.publish_population(made, contract.name, plan, preparation)
    except ActivationError as error:
        failed = Evaluation(preparation, contract.name, None, (), {}, "pause", str(error), now)
        runtime.ledger.record_evaluation(failed)
        raise
    judged = judgement.evaluate(evidence)
    results = judgement.with_signatures(judged, evidence.reviews, evidence.plan.id)
    decision = judgement.decision(contract, results)
    found = evidence.measures
    evaluation = Evaluation(
        preparation=preparation,
        contract=contract.name,
        plan=evidence.plan,
        results=results,
        measures={
            "candidates": found.candidates,
            "dispositions": found.dispositions(),
            "suppressed": found.suppressed({*contract.suppression.models, ROLE_BASED}),
            "reasons": found.reasons(),
            "lists": {name: asdict(state) for name, state in found.lists.items()},
            "newest": found.newest.isoformat() if found.newest else None,
            "efforts": {name: asdict(effort) for name, effort in evidence.efforts.items()},
        },
        decision=decision,
        message=stopping(results),
        at=now,
    )
    runtime.ledger.record_evaluation(evaluation)
    return evaluation


def stopping(results: tuple[GateResult, ...]) -> str:
    """Name the gates that stop a plan, each with what it found and who owns it."""
    return "; ".join(f"{r.gate}: {r.message} (owner {r.owner})" for r in results if r.stops)


def _evidence(
    contract: Contract, runtime: Runtime, folder: Path, *, now: datetime, retry_rejected: bool
) -> Evidence:
    manifest = runtime.read_manifest()
    (folder / "plan").mkdir()
    frozen = _freeze(contract, runtime, manifest, folder, now=now)
    # First of all: a client knows what a destination takes once it has checked.
    faults = _faults(contract, runtime)
    with runtime.engine(folder) as engine:
        engine.files("population", [frozen.population])
        desk = Desk(contract, runtime, engine, folder, now, retry_rejected)
        parts = tuple(freeze_part(desk, name) for name in contract.destinations)
        found = _measure(contract, engine, frozen, folder)
    logic = manifest.logic(model_names(contract))
    plan = Plan(contract.name, fingerprint(contract), definition(logic), parts)
    runtime.ledger.versions.keep(
        contract.name, {plan.fingerprint: meaning(contract), plan.definition: logic}, now=now
    )
    approved = (v for a in contract.launch.approvals for v in (a.fingerprint, a.definition) if v)
    return Evidence(
        contract=contract,
        plan=plan,
        measures=found,
        now=now,
        faults=faults,
        efforts=_efforts(contract, runtime, plan, faults),
        reviews=runtime.ledger.reviews(contract.name),
        pauses=runtime.ledger.pauses(contract.name, now=now, owned=contract.owned()),
        previous=runtime.ledger.previous(
            contract.name,
            delivered=not (contract.launch.caveats and contract.launch.caveats.alert_only),
        ),
        reviewed=runtime.ledger.reviewed(contract.name),
        versions=runtime.ledger.versions.known(
            contract.name, (plan.fingerprint, plan.definition, *approved)
        ),
    )


def _freeze(
    contract: Contract, runtime: Runtime, manifest: Manifest, folder: Path, *, now: datetime
) -> _Frozen:
    tables = relations(contract, manifest)
    frozen = _Frozen(
        population=folder / "plan" / "population.parquet",
        suppressed=folder / "suppressed.parquet",
        feeds=[],
        lists={},
    )
    with runtime.warehouse(folder) as engine:
        engine.write(population_query(contract, tables, now=now), frozen.population)
        engine.write(measures.suppressed_keys_query(contract, tables), frozen.suppressed)
        feeds = measures.feeds_query(contract, tables)
        if feeds is not None:
            frozen.feeds.extend(engine.rows(feeds))
        for model in contract.suppression.models:
            frozen.lists[model] = engine.rows(measures.list_query(tables.models[model]))[0]
    return frozen


def _measure(contract: Contract, engine: Engine, frozen: _Frozen, folder: Path) -> Measures:
    engine.files("suppressed", [frozen.suppressed])
    for name in contract.destinations:
        engine.files(f"part:{name}", [folder / "plan" / f"{name}.parquet"])
    found = measures.read_measures(
        groups=engine.rows(measures.groups_query()),
        totals=engine.rows(measures.totals_query(contract))[0],
        feeds=frozen.feeds,
        lists=frozen.lists,
    )
    leaked = engine.rows(measures.leaked_query(f"part:{name}" for name in contract.destinations))
    return replace(found, leaked=leaked[0]["leaked"])


def _faults(contract: Contract, runtime: Runtime) -> dict[str, tuple[str, ...]]:
    """Ask every destination whether it takes the mapping, and is the one that we know.

    No answer counts as a fault.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in contract.destinations:
        try:
            faults = runtime.client(contract, name).check(target(contract, name))
            other = moved(contract, name, runtime)
            told = (f"{fault.path}: {fault.message}" for fault in faults)
            found[name] = (*told, other) if other else tuple(told)
        except ActivationError as error:
            found[name] = (str(error),)
    return found


def _efforts(
    contract: Contract, runtime: Runtime, plan: Plan, faults: Mapping[str, tuple[str, ...]]
) -> dict[str, Effort]:
    """Ask every destination that takes the mapping what sending this plan costs there."""
    return {
        part.destination: runtime.client(contract, part.destination).effort(
            target(contract, part.destination), part.rows
        )
        for part in plan.parts
        if not faults[part.destination]
    }
