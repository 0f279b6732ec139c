"""Which plans refreshed what a destination holds: allowed, not stopped there, and all answered.

Only reading. Which records and values such a plan speaks of is in its snapshots.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, reading, written

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection, Engine, Row


@dataclass(frozen=True)
class Refresh:
    """One preparation of a plan, as far as it concerns one destination.

    ``is_whole`` is true where the plan may go, nobody had paused the destination, and every row
    has an answer: what it does not change, it confirms. ``positions`` are those that its deliveries
    became there.
    """

    preparation: int
    plan: str
    at: datetime
    is_whole: bool
    positions: tuple[int, ...]


class Refreshes:
    """The refreshes of one installation's destinations."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = reading(engine)

    def since(self, contract: str, destination: str, since: datetime) -> tuple[Refresh, ...]:
        """List the preparations from a moment (UTC) on that had a plan, oldest first."""
        with self._engine.begin() as connection:
            rows = connection.execute(_evaluated(contract, since)).all()
            decided = _decided(connection, contract, rows)
            answered = _answered(connection, contract, destination)
            positions = _positions(connection, contract, destination)
            stops = _stops(connection, contract, destination)
        return tuple(
            Refresh(
                preparation=row.preparation,
                plan=row.plan,
                at=moment(row.at),
                is_whole=decided.get(row.preparation) != "pause"
                and not _is_stopped(stops, row.at)
                and _rows(row.body, destination) == answered.get(row.plan, 0),
                positions=tuple(positions.get(row.plan, ())),
            )
            for row in rows
        )

    def positions(self, contract: str, destination: str) -> dict[str, list[int]]:
        """Tell which positions of what a destination holds each plan's deliveries became."""
        with self._engine.begin() as connection:
            return _positions(connection, contract, destination)

    def delivered_at(self, contract: str, destination: str) -> dict[int, datetime]:
        """Tell when each position of what a destination holds was noted."""
        p = t.positions
        query = sa.select(p.c.position, p.c.at)
        query = query.where(p.c.contract == contract, p.c.destination == destination)
        with self._engine.begin() as connection:
            return {row.position: moment(row.at) for row in connection.execute(query)}

    def mark(self, contract: str, destination: str) -> str:
        """Name the state of everything that ``since`` reads; it changes when any of it does."""
        d, i, r = t.deliveries, t.batch_intents, t.batch_results
        mine = (d.c.contract == contract) & (d.c.destination == destination)
        newest = {
            "decision": sa.select(sa.func.max(t.decisions.c.id)).where(
                t.decisions.c.contract == contract
            ),
            "delivery": sa.select(sa.func.max(d.c.id)).where(mine),
            "result": sa.select(sa.func.max(r.c.intent))
            .join(i, i.c.id == r.c.intent)
            .join(d, d.c.id == i.c.delivery)
            .where(mine),
            "position": sa.select(sa.func.max(t.positions.c.position)).where(
                t.positions.c.contract == contract, t.positions.c.destination == destination
            ),
            "incident": sa.select(sa.func.max(t.incidents.c.id)).where(
                t.incidents.c.contract == contract
            ),
            "pause": sa.select(sa.func.max(t.pauses.c.id)).where(t.pauses.c.contract == contract),
        }
        with self._engine.begin() as connection:
            return "/".join(str(connection.scalar(query) or 0) for query in newest.values())


def _evaluated(contract: str, since: datetime) -> sa.Select[tuple[object, ...]]:
    e = t.evaluations
    return (
        sa.select(e.c.preparation, e.c.plan, e.c.at, t.plans.c.body)
        .join(t.plans, t.plans.c.id == e.c.plan)
        .where(e.c.contract == contract, e.c.at >= written(since))
        .order_by(e.c.preparation)
    )


def _decided(
    connection: Connection, contract: str, rows: Iterable[Row[tuple[object, ...]]]
) -> dict[int, str]:
    """Give each preparation's newest decision: a signature may have changed the first."""
    first = min((row.preparation for row in rows), default=0)
    d = t.decisions
    query = sa.select(d.c.preparation, d.c.decision).where(
        d.c.contract == contract, d.c.preparation >= first
    )
    return {row.preparation: row.decision for row in connection.execute(query.order_by(d.c.id))}


def _answered(connection: Connection, contract: str, destination: str) -> dict[str, int]:
    """Count each plan's rows that have an answer."""
    d, i, r = t.deliveries, t.batch_intents, t.batch_results
    total = sa.func.sum(r.c.accepted + r.c.rejected + r.c.held + r.c.unknown)
    query = (
        sa.select(d.c.plan, total.label("rows"))
        .join(i, i.c.delivery == d.c.id)
        .join(r, r.c.intent == i.c.id)
        .where(d.c.contract == contract, d.c.destination == destination)
        .group_by(d.c.plan)
    )
    return {row.plan: int(row.rows) for row in connection.execute(query)}


def _positions(connection: Connection, contract: str, destination: str) -> dict[str, list[int]]:
    p, d = t.positions, t.deliveries
    query = (
        sa.select(d.c.plan, p.c.position)
        .join(p, p.c.delivery == d.c.id)
        .where(p.c.contract == contract, p.c.destination == destination)
    )
    found: dict[str, list[int]] = {}
    for row in connection.execute(query):
        found.setdefault(row.plan, []).append(row.position)
    return found


def _stops(
    connection: Connection, contract: str, destination: str
) -> list[Row[tuple[object, ...]]]:
    """List the pauses and resumes of the destination itself; those of all stop the plan."""
    p = t.pauses
    query = sa.select(p.c.paused, p.c.until, p.c.at)
    query = query.where(p.c.contract == contract, p.c.destination == destination)
    return list(connection.execute(query.order_by(p.c.id)))


def _is_stopped(stops: Iterable[Row[tuple[object, ...]]], at: str) -> bool:
    """Say whether a pause was in force then; moments are text that sorts."""
    in_force: list[str | None] = []
    for word in stops:
        if word.at <= at:
            in_force = [*in_force, word.until] if word.paused else []
    return any(until is None or at < until for until in in_force)


def _rows(body: str, destination: str) -> int | None:
    parts = {part["destination"]: int(part["rows"]) for part in json.loads(body)}
    return parts.get(destination)
