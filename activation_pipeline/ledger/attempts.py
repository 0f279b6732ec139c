"""Every attempt to deliver, whole: for whoever keeps the ledger's history somewhere else.

Only reading, and by attempt, so that reading costs as much as what is new.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment
from activation_pipeline.ledger.records import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection, Engine, Row

_AT_ONCE = 500  # parameters of one statement; SQLite and PostgreSQL take more than this


@dataclass(frozen=True)
class AnsweredRows:
    """Neighbouring planned rows, and when their answer was noted; None: there was none."""

    first_row: int
    last_row: int
    at: datetime | None


@dataclass(frozen=True)
class WholeAttempt:
    """One attempt as it went, with its batches.

    ``outcome`` is ``running`` while it goes on and ``interrupted`` where its process is gone;
    ``planned`` are the plan's rows for the destination, None where the ledger lacks the plan.
    The other counts are those of this attempt.
    """

    attempt: Attempt
    started: datetime
    ended: datetime | None
    outcome: str
    planned: int | None
    accepted: int
    rejected: int
    held: int
    unknown: int
    batches: tuple[AnsweredRows, ...]

    @property
    def sent(self) -> int:
        """Count the rows of all batches that were begun."""
        return sum(batch.last_row - batch.first_row for batch in self.batches)

    @property
    def unanswered(self) -> int:
        """Count the rows of batches without an answer."""
        return sum(b.last_row - b.first_row for b in self.batches if b.at is None)


class Attempts:
    """All attempts of one installation."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine

    def begun(self) -> dict[int, datetime]:
        """List every attempt's id and when it began."""
        d = t.deliveries
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(d.c.id, d.c.at)).all()
        return {row.id: moment(row.at) for row in rows}

    def read(
        self, wanted: Collection[int], *, is_gone: Callable[[str, datetime], bool]
    ) -> list[WholeAttempt]:
        """Read some attempts, by their ids, in their order.

        Args:
            wanted: ids of attempts.
            is_gone: tells whether the holder of a lease, last renewed then, has died.
        """
        found = []
        ids = sorted(wanted)
        for start in range(0, len(ids), _AT_ONCE):
            with self._engine.begin() as connection:
                rows = connection.execute(_attempts(ids[start : start + _AT_ONCE])).all()
                found += [_whole(connection, row, is_gone) for row in rows]
        return found


def _attempts(ids: Collection[int]) -> sa.Select[tuple[object, ...]]:
    d, e, lease = t.deliveries, t.delivery_ends, t.leases
    return (
        sa.select(
            d.c.id,
            d.c.contract,
            d.c.destination,
            d.c.plan,
            d.c.at,
            e.c.at.label("ended"),
            e.c.outcome,
            t.plans.c.body,
            lease.c.holder,
            lease.c.renewed_at,
        )
        .select_from(
            d.outerjoin(e, e.c.delivery == d.c.id)
            .outerjoin(t.plans, t.plans.c.id == d.c.plan)
            .outerjoin(lease, lease.c.delivery == d.c.id)
        )
        .where(d.c.id.in_(ids))
        .order_by(d.c.id)
    )


def _whole(
    connection: Connection, row: Row[tuple[object, ...]], is_gone: Callable[[str, datetime], bool]
) -> WholeAttempt:
    i, r = t.batch_intents, t.batch_results
    query = (
        sa.select(
            i.c.first_row, i.c.last_row, r.c.at, r.c.accepted, r.c.rejected, r.c.held, r.c.unknown
        )
        .outerjoin(r, r.c.intent == i.c.id)
        .where(i.c.delivery == row.id)
        .order_by(i.c.first_row, i.c.id)
    )
    batches = connection.execute(query).all()

    def total(name: str) -> int:
        return sum(getattr(batch, name) or 0 for batch in batches)

    return WholeAttempt(
        attempt=Attempt(row.id, row.contract, row.destination, row.plan),
        started=moment(row.at),
        ended=moment(row.ended) if row.ended else None,
        outcome=row.outcome or _unfinished(row, is_gone),
        planned=_planned(row),
        accepted=total("accepted"),
        rejected=total("rejected"),
        held=total("held"),
        unknown=total("unknown"),
        batches=_joined(batches),
    )


def _unfinished(row: Row[tuple[object, ...]], is_gone: Callable[[str, datetime], bool]) -> str:
    lives = row.holder is not None and not is_gone(row.holder, moment(row.renewed_at))
    return "running" if lives else "interrupted"


def _planned(row: Row[tuple[object, ...]]) -> int | None:
    parts = json.loads(row.body) if row.body else ()
    rows = [part["rows"] for part in parts if part["destination"] == row.destination]
    return rows[0] if rows else None


def _joined(batches: Iterable[Row[tuple[object, ...]]]) -> tuple[AnsweredRows, ...]:
    return tuple(
        AnsweredRows(b.first_row, b.last_row, moment(b.at) if b.at else None) for b in batches
    )
