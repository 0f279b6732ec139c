"""What is over now in one destination, and when the next value is: read from files and the ledger.

Neither the warehouse nor a destination is asked, so it can be known while both are gone, and
every minute. Event times are moments in UTC: a change of clocks moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.contract import fingerprint
from activation_pipeline.expiry.ages import (
    Values,
    is_over,
    summary_query,
)
from activation_pipeline.expiry.opening import WRITTEN, open_ages, promises
from activation_pipeline.expressions import any_of, column
from activation_pipeline.sending import waiting_rows
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.incident import Incident
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.warehouse import Engine


@dataclass(frozen=True)
class Due:
    """What expires in one destination.

    ``over`` counts the records of which something is over now, ``new`` those among them that
    nobody dealt with; ``waiting`` are rows of an interrupted expiry. ``first`` is when the oldest
    new one expired, ``next`` when the next one will (UTC; None: there is none).
    """

    contract: str
    destination: str
    over: int = 0
    new: int = 0
    waiting: int = 0
    first: datetime | None = None
    next: datetime | None = None

    @property
    def is_due(self) -> bool:
        """Say whether there is something to do now."""
        return bool(self.new or self.waiting)


def due(contract: Contract, destination: str, runtime: Runtime, *, now: datetime) -> Due:
    """Say what of a destination's values is over at a moment (UTC), and when the next one is.

    At the limit a value still holds; it is over an instant later.
    """
    newest = newest_expiry(contract, destination, runtime)
    ranges = waiting_rows(runtime, newest[1], destination) if newest else ()
    waiting = sum(last - first for first, last in ranges)
    handled = handled_until(contract, newest)
    with runtime.snapshots.workspace() as folder, runtime.engine(folder) as engine:
        values = open_ages(engine, contract, destination, runtime, now=now, handled=handled)
        if values is None:
            return Due(contract.name, destination, waiting=waiting)
        found = due_of(engine, values, contract, now=now, handled=handled)
        return replace(found, waiting=waiting)


def due_of(
    engine: Engine,
    values: Values,
    contract: Contract,
    *,
    now: datetime,
    handled: datetime | None,
) -> Due:
    """Sum up the table ``ages``; what was over at ``handled`` is dealt with."""
    limit = contract.freshness.expire_after
    names = list(values.names)
    query = summary_query(
        values,
        names,
        before=now - limit,
        handled=handled - limit if handled is not None else None,
    )
    (row,) = engine.rows(query)
    first, coming = (
        min(
            (value for name, value in row.items() if name.startswith(which) and value), default=None
        )
        for which in ("first:", "next:")
    )
    return Due(
        contract=contract.name,
        destination=values.destination,
        over=row["over"],
        new=row["new"],
        first=_utc(first) + limit if first else None,
        next=_utc(coming) + limit if coming else None,
    )


def _utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def newest_expiry(
    contract: Contract, destination: str, runtime: Runtime
) -> tuple[Incident, Plan] | None:
    """Find the last expiry in a destination and the plan that it sent."""
    for incident in reversed(runtime.ledger.incidents.all(contract.name)):
        if (incident.action, incident.destination) == ("expire", destination):
            plan = runtime.ledger.plan(incident.restoring) if incident.restoring else None
            return (incident, plan) if plan is not None else None
    return None


def handled_until(contract: Contract, found: tuple[Incident, Plan] | None) -> datetime | None:
    """Say up to when what was over is dealt with; a changed contract may say something else."""
    if found is None or found[1].fingerprint != fingerprint(contract):
        return None
    return found[0].at


def still_over(
    contract: Contract,
    destination: str,
    runtime: Runtime,
    part: Path,
    folder: Path,
    *,
    now: datetime,
) -> frozenset[tuple[str, str]]:
    """Name the records of an interrupted expiry of which something is over still, as we hold them.

    Args:
        contract: as it is now.
        destination: where.
        runtime: where everything is.
        part: the expiry's snapshot.
        folder: a workspace.
        now: UTC.
    """
    before = now - contract.freshness.expire_after
    with runtime.engine(folder) as engine:
        values = open_ages(engine, contract, destination, runtime, now=now, handled=None)
        if values is None:
            return frozenset()
        words = promises(contract, destination)
        names = [name for name in values.names if words[name] in WRITTEN]
        flags = [is_over(name, before, fields=bool(values.fields)) for name in names]
        rows = exp.select(column("key"), column("delivered_id")).from_(parquet([part]))
        on = exp.and_(
            column("key", "a").eq(column("key", "p")),
            column("destination_id", "a").eq(column("delivered_id", "p")),
        )
        query = (
            exp.select(column("key", "a"), column("destination_id", "a"))
            .from_(exp.to_table("ages").as_("a"))
            .join(rows.subquery("p"), on=on)
            .where(any_of(flags))
        )
        return frozenset((row["key"], row["destination_id"]) for row in engine.rows(query))
