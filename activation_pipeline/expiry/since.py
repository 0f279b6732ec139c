"""Which records expired after a plan was made: it compared with what is no longer there.

Sending such a row would make us believe that the fields that it leaves alone still hold what the
expiry took away, so the record waits for the next plan, which sends all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.expressions import column
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from pathlib import Path

    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime

EXPIRED = "expired_since_plan"


def expired_since(plan: Plan, destination: str, runtime: Runtime) -> dict[tuple[str, str], str]:
    """Name the records from which an expiry took something away that the plan did not see.

    Returns:
        (key, destination id) -> ``expired_since_plan``; the id is the one under which we hold it.
    """
    parts = [
        runtime.snapshots.part(plan.contract, each.id, destination)
        for each in _expiries(plan, destination, runtime)
    ]
    known: list[Path] = [part for part in parts if part.is_file()]
    if not known:
        return {}
    query = exp.select(column("key"), column("delivered_id")).distinct().from_(parquet(known))
    with runtime.snapshots.workspace() as folder, runtime.engine(folder) as engine:
        return {(row["key"], row["delivered_id"]): EXPIRED for row in engine.rows(query)}


def _expiries(plan: Plan, destination: str, runtime: Runtime) -> list[Plan]:
    """Find the expiries of which something was sent, and which the plan was not compared with."""
    found = []
    for incident in runtime.ledger.incidents.all(plan.contract):
        if incident.action != "expire" or incident.destination != destination:
            continue
        other = runtime.ledger.plan(incident.restoring) if incident.restoring else None
        if (
            other is not None
            and other.part(destination).position >= plan.part(destination).position
            and runtime.ledger.history.batches(other.id, destination)
        ):
            found.append(other)
    return found
