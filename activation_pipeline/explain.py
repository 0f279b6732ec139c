"""One record's path through everything that was kept: from the candidate to the read-back.

Reads the frozen snapshots and the ledger. Possible only because each stage is a value that
was kept; nothing is computed anew. Field values are in the result on purpose: it is for the
person who asks about this key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from activation_pipeline.delivered import current_query
from activation_pipeline.errors import ActivationError, ConfigurationError
from activation_pipeline.expressions import column, text
from activation_pipeline.population import SEPARATOR
from activation_pipeline.sources import relations
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from activation_pipeline.contract import Contract
    from activation_pipeline.incident import Incident
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.ledger.history import ReadBack, Signature
    from activation_pipeline.ledger.records import RecordOutcome
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.warehouse import Engine

_UNRESOLVED = ("unmatched", "ambiguous", "colliding")


@dataclass(frozen=True)
class Candidate:
    """One row of the population: what was offered, and where it stayed or went, and why."""

    as_of: Any
    disposition: str
    reasons: tuple[str, ...]
    details: str
    values: Mapping[str, Any]
    ids: Mapping[str, str | None]


@dataclass(frozen=True)
class FieldChange:
    """One field of a planned row; ``live`` is the destination's own value, as JSON."""

    field: str
    before: Any
    live: Any
    after: Any
    written: bool


@dataclass(frozen=True)
class Change:
    """One planned row and its fate; ``state``: an outcome's, ``waiting`` or ``alert only``."""

    destination_id: str
    operation: str
    fields: tuple[FieldChange, ...]
    state: str
    outcomes: tuple[RecordOutcome, ...]


@dataclass(frozen=True)
class Held:
    """What the destination holds from us: last delivered values, their event time, their plan."""

    destination_id: str
    values: Mapping[str, Any]
    as_of: Any
    certain: bool
    plan: str | None


@dataclass(frozen=True)
class Undoing:
    """One undo or expiry of this key, oldest first: what was written, why some was left alone."""

    incident: Incident
    changes: tuple[Change, ...]
    left: tuple[str, ...]


@dataclass(frozen=True)
class InDestination:
    """The record's path in one destination; several rows where a key moved between records."""

    destination: str
    held: tuple[Held, ...]
    changes: tuple[Change, ...]
    withheld: tuple[str, ...]
    read_back: ReadBack | None
    undone: tuple[Undoing, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Everything kept about one key of one contract; ``candidates`` is empty for an unknown key.

    ``identity`` has the identity models' rows for a key that did not resolve: destination,
    record id, rule; as the warehouse has them now, or why it could not be asked.
    """

    contract: str
    key: str
    evaluation: Evaluation | None
    candidates: tuple[Candidate, ...]
    identity: tuple[str, ...]
    destinations: tuple[InDestination, ...]
    signatures: tuple[Signature, ...]


def explain(contract: Contract, key: str, runtime: Runtime) -> Explanation:
    """Tell the path of one key through the contract's newest plan.

    Raises:
        ConfigurationError: the plan's snapshots are not where they were written.
    """
    evaluation = runtime.ledger.newest(contract.name)
    plan = evaluation.plan if evaluation else None
    candidates: tuple[Candidate, ...] = ()
    with runtime.snapshots.workspace() as folder, runtime.engine(folder) as engine:
        if plan is not None:
            path = runtime.snapshots.population(contract.name, plan.id)
            if not path.is_file():
                raise ConfigurationError(
                    f"{contract.name}: plan {plan.id} has no snapshot under ACTIVATION_HOME; "
                    f"run activation plan {contract.name}"
                )
            rows = engine.rows(_of_key(exp.select("*").from_(parquet([path])), key))
            candidates = tuple(_candidate(row) for row in rows)
        places = tuple(
            _in_destination(contract, name, key, (plan, runtime, engine))
            for name in contract.destinations
        )
    reasons = {reason for each in candidates for reason in each.reasons}
    unresolved = any(reason.partition(":")[0] in _UNRESOLVED for reason in reasons)
    return Explanation(
        contract=contract.name,
        key=key,
        evaluation=evaluation,
        candidates=candidates,
        identity=_identity_now(contract, key, runtime) if unresolved else (),
        destinations=places,
        signatures=runtime.ledger.history.signatures(contract.name, plan.id) if plan else (),
    )


def _of_key(query: exp.Select, key: str) -> exp.Select:
    return query.where(column("key").eq(exp.Literal.string(key)))


def _prefixed(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {n.removeprefix(prefix): value for n, value in row.items() if n.startswith(prefix)}


def _candidate(row: Mapping[str, Any]) -> Candidate:
    return Candidate(
        as_of=row["as_of"],
        disposition=row["disposition"],
        reasons=tuple(filter(None, (row["reasons"] or "").split(SEPARATOR))),
        details=row["details"] or "",
        values=_prefixed(row, "value:"),
        ids=_prefixed(row, "id:"),
    )


def _in_destination(
    contract: Contract, name: str, key: str, kept: tuple[Plan | None, Runtime, Engine]
) -> InDestination:
    plan, runtime, engine = kept
    changes: tuple[Change, ...] = ()
    withheld: tuple[str, ...] = ()
    if plan is not None and any(part.destination == name for part in plan.parts):
        changes = _changes(contract, name, key, (plan, runtime, engine))
        path = runtime.snapshots.withheld(contract.name, plan.id, name)
        rows = engine.rows(_of_key(exp.select("*").from_(parquet([path])), key))
        withheld = tuple(row["reason"] for row in rows)
    return InDestination(
        destination=name,
        held=_held(contract.name, name, key, runtime, engine),
        changes=changes,
        withheld=withheld,
        read_back=runtime.ledger.history.last_read_back(contract.name, name),
        undone=tuple(_undone(contract, name, key, runtime, engine)),
    )


def _undone(
    contract: Contract, name: str, key: str, runtime: Runtime, engine: Engine
) -> Iterator[Undoing]:
    for incident in runtime.ledger.incidents.all(contract.name):
        restoring = runtime.ledger.plan(incident.restoring) if incident.restoring else None
        if restoring is None or incident.destination != name:
            continue
        changes = _changes(contract, name, key, (restoring, runtime, engine))
        path = runtime.snapshots.withheld(contract.name, restoring.id, name)
        left = engine.rows(_of_key(exp.select(column("reason")).from_(parquet([path])), key))
        if changes or left:
            yield Undoing(incident, changes, tuple(row["reason"] for row in left))


def _changes(
    contract: Contract, name: str, key: str, kept: tuple[Plan, Runtime, Engine]
) -> tuple[Change, ...]:
    plan, runtime, engine = kept
    path = runtime.snapshots.part(contract.name, plan.id, name)
    rows = engine.rows(_of_key(exp.select("*").from_(parquet([path], numbered=True)), key))
    batches = runtime.ledger.history.batches(plan.id, name) if rows else ()
    noted = runtime.ledger.history.outcomes_of(plan.id, name, key) if rows else ()
    alert_only = bool(contract.launch.caveats and contract.launch.caveats.alert_only)
    found = []
    for row in rows:
        mine = tuple(o for o in noted if o.destination_id == row["destination_id"])
        state = _state(row["file_row_number"], batches, mine)
        found.append(
            Change(
                destination_id=row["destination_id"],
                operation=row["operation"],
                fields=_fields(row),
                state="alert only" if alert_only and state == "waiting" else state,
                outcomes=mine,
            )
        )
    return tuple(found)


def _fields(row: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(
            field=field,
            before=row[f"before:{field}"],
            live=row[f"live:{field}"],
            after=after,
            written=bool(row[f"write:{field}"]),
        )
        for field, after in _prefixed(row, "after:").items()
    )


def _state(
    row: int, batches: Sequence[tuple[int, int, bool]], noted: Sequence[RecordOutcome]
) -> str:
    """Name what became of a row: an exception that was noted, else what its batch says."""
    if noted:
        return noted[-1].state
    mine = [answered for first, last, answered in batches if first <= row < last]
    if not mine:
        return "waiting"
    return "accepted" if any(mine) else "unknown"


def _held(contract: str, name: str, key: str, runtime: Runtime, engine: Engine) -> tuple[Held, ...]:
    base, deltas = runtime.snapshots.delivered(contract, name)
    files = [*([base] if base else []), *deltas]
    if not files:
        return ()
    position = int(base.stem.removesuffix("-base")) if base else None
    current = current_query(parquet(files), base_position=position).subquery("held")
    rows = engine.rows(_of_key(exp.select("*").from_(current), key))
    return tuple(
        Held(
            destination_id=row["destination_id"],
            values=_prefixed(row, "field:"),
            as_of=row["as_of"],
            certain=row["certain"],
            plan=runtime.ledger.history.plan_at(contract, name, row["position"]),
        )
        for row in rows
    )


def _identity_now(contract: Contract, key: str, runtime: Runtime) -> tuple[str, ...]:
    """Look at the identity models' rows of one key; that they cannot be read is an answer too."""
    lines = []
    try:
        tables = relations(contract, runtime.read_manifest())
        with runtime.snapshots.workspace() as folder, runtime.warehouse(folder) as engine:
            for name in contract.destinations:
                model = contract.matching.identity_for(name)
                query = exp.select(column("destination_id"), column("rule")).from_(
                    tables.models[model]
                )
                mine = text(column("key")).eq(exp.Literal.string(key))
                rows = engine.rows(query.where(mine))
                lines += [f"{name}: {row['destination_id']} by {row['rule']}" for row in rows]
                lines += [] if rows else [f"{name}: {model} has no row for this key"]
    except ActivationError as error:
        return (f"not read: {error}",)
    return tuple(lines)
