"""What expired: since a plan was made, which compared with what is no longer there, or ever.

Sending such a row would make us believe that the fields that it leaves alone still hold what the
expiry took away, so the record waits for the next plan, which sends all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.expressions import column, named, timestamp
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


def expired_query(contract: str, destination: str, runtime: Runtime) -> exp.Query | None:
    """Compose what every expiry of a destination did, record by record; None: there was none.

    Returns:
        ``key``, ``destination_id``, ``expired_at`` (UTC) and ``what``: ``cleared``, ``removed``,
        ``flagged:<field>``, ``alerted:<field>``, or why something was left alone.
    """
    found: exp.Query | None = None
    for incident in runtime.ledger.incidents.all(contract):
        if incident.action != "expire" or incident.destination != destination:
            continue
        plan = incident.restoring or ""
        for each in (
            _told(runtime.snapshots.part(contract, plan, destination), "delivered_id", _deed()),
            _told(
                runtime.snapshots.withheld(contract, plan, destination),
                "destination_id",
                column("reason"),
            ),
        ):
            if each is not None:
                dated = each.select(named(timestamp(incident.at), "expired_at"), append=True)
                found = dated if found is None else found.union(dated, distinct=False)
    return found


def _deed() -> exp.Expr:
    leaves = column("operation").eq(exp.Literal.string("remove"))
    case = exp.Case().when(leaves, exp.Literal.string("removed"))
    return case.else_(exp.Literal.string("cleared"))


def _told(file: Path, identifier: str, what: exp.Expr) -> exp.Select | None:
    if not file.is_file():
        return None
    return exp.select(
        column("key"), named(column(identifier), "destination_id"), named(what, "what")
    ).from_(parquet([file]))
