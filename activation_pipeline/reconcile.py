"""Read a delivered plan back from its destination and count what agrees.

A vendor's "accepted" is its word; this looks. Records are compared field by field with what
the plan wrote, members with whether they are on the list.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow.parquet as pq

from activation_pipeline.destinations import Address
from activation_pipeline.expiry.since import expired_since
from activation_pipeline.live import agrees
from activation_pipeline.python_values import python_rows
from activation_pipeline.runtime import target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import LiveRecord
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime

Finding = Literal["agrees", "differs", "missing", "ambiguous", "not_removed"]
_ROWS = 2_000


@dataclass(frozen=True)
class Reconciliation:
    """How the newest plan's accepted records look in the destination now."""

    contract: str
    destination: str
    plan: str | None
    counts: Mapping[str, int]

    @property
    def records(self) -> int:
        """Count the records that were read back."""
        return sum(self.counts.values())

    @property
    def drift(self) -> float:
        """Give the share of records that do not agree: 0 to 1."""
        return 1 - self.counts.get("agrees", 0) / self.records if self.records else 0.0


def reconcile(
    contract: Contract, destination: str, runtime: Runtime, *, clock: Callable[[], datetime]
) -> Reconciliation:
    """Read the newest plan's accepted records back and store the counts by finding.

    Where that plan was undone, the undo's records are read instead: they should stand now. What
    expired since is not looked for.

    Raises:
        RetryableError, PermanentError: the destination does not answer.
    """
    plan = _standing(contract, destination, runtime)
    if plan is None:
        return Reconciliation(contract.name, destination, None, {})
    log = runtime.ledger.deliveries
    where = target(contract, destination)
    outcomes = log.outcomes(plan.id, destination)
    skipped = {(o.key, o.destination_id) for o in outcomes if o.state != "accepted"}
    skipped.update(expired_since(plan, destination, runtime))
    done = log.done(plan.id, destination)
    client = runtime.client(contract, destination)
    found: Counter[str] = Counter()
    at = 0
    with pq.ParquetFile(runtime.snapshots.part(contract.name, plan.id, destination)) as file:
        for piece in file.iter_batches(batch_size=_ROWS):
            rows = [
                row
                for number, row in enumerate(python_rows(piece), start=at)
                if any(first <= number < last for first, last in done)
                and (row["key"], row["destination_id"]) not in skipped
            ]
            at += piece.num_rows
            addresses = [
                Address(row["key"], row["destination_id"], row["destination_key"]) for row in rows
            ]
            fields = [name for name in where.fields if f"write:{name}" in piece.schema.names]
            records = client.read(where, addresses, fields) if rows else ()
            found.update(
                _finding(row, record, fields) for row, record in zip(rows, records, strict=True)
            )
    runtime.ledger.record_reconciliation(
        contract.name, destination, plan.id, dict(found), now=clock()
    )
    return Reconciliation(contract.name, destination, plan.id, dict(found))


def _standing(contract: Contract, destination: str, runtime: Runtime) -> Plan | None:
    evaluation = runtime.ledger.newest(contract.name)
    plan = evaluation.plan if evaluation else None
    undos = runtime.ledger.incidents.undoing(contract.name, destination, plan.id) if plan else ()
    restoring = [each.restoring for each in undos if each.restoring is not None]
    return runtime.ledger.plan(restoring[-1]) if restoring else plan


def _finding(row: Mapping[str, Any], record: LiveRecord, fields: Sequence[str]) -> Finding:
    if row["operation"] == "remove":
        return "not_removed" if record.ids else "agrees"
    if len(record.ids) != 1:
        return "ambiguous" if record.ids else "missing"
    written = (name for name in fields if row[f"write:{name}"])
    same = all(agrees(row[f"after:{name}"], record.values.get(name)) for name in written)
    return "agrees" if same else "differs"
