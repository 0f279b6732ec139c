"""What the ledger remembers, for people who ask: attempts, outcomes, words, read-backs.

Only reading. What decides about sending is asked of ``Ledger`` and ``Deliveries``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, reading, written
from activation_pipeline.ledger._words import intact_rows
from activation_pipeline.ledger.records import RecordOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Engine

_LOOK_BACK = 366


@dataclass(frozen=True)
class PastAttempt:
    """One delivery as it went; ``outcome`` and ``ended`` are None while it runs, or was cut off.

    ``lease`` is its sender and when that last said that it lives; None where it gave it back.
    """

    plan: str
    at: datetime
    outcome: str | None
    message: str
    ended: datetime | None
    lease: tuple[str, datetime] | None = None


@dataclass(frozen=True)
class Signature:
    """A role's recorded word on one plan and gate, with who spoke and why."""

    plan: str
    gate: str
    role: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class ReadBack:
    """The counts of one reconciliation, by finding."""

    plan: str
    counts: Mapping[str, int]
    at: datetime


def _stops(cause: Mapping[str, Any]) -> bool:
    return cause["overridden_by"] is None


class History:
    """The past of one installation's contracts."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine

    def last_attempt(self, contract: str, destination: str) -> PastAttempt | None:
        """Find the newest attempt to deliver; None: there never was one."""
        d, e, lease = t.deliveries, t.delivery_ends, t.leases
        query = (
            sa.select(
                *(d.c.plan, d.c.at, e.c.outcome, e.c.message, e.c.at.label("ended")),
                *(lease.c.holder, lease.c.renewed_at),
            )
            .outerjoin(e, e.c.delivery == d.c.id)
            .outerjoin(lease, lease.c.delivery == d.c.id)
            .where(d.c.contract == contract, d.c.destination == destination)
            .order_by(d.c.id.desc())
            .limit(1)
        )
        with self._engine.begin() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        ended = moment(row.ended) if row.ended else None
        held = (row.holder, moment(row.renewed_at)) if row.holder else None
        return PastAttempt(row.plan, moment(row.at), row.outcome, row.message or "", ended, held)

    def last_preparation(self, contract: str) -> datetime | None:
        """Tell when the newest preparation started, whatever came of it; None: there was none."""
        p = t.preparations
        newest = sa.select(p.c.at).where(p.c.contract == contract).order_by(p.c.id.desc()).limit(1)
        with self._engine.begin() as connection:
            found = connection.scalar(newest)
        return None if found is None else moment(found)

    def allowed_since(self, contract: str, at: datetime) -> bool:
        """Say whether a plan that was made after a moment was allowed to go."""
        d, p = t.decisions, t.preparations
        query = (
            sa.select(d.c.id)
            .join(p, p.c.id == d.c.preparation)
            .where(d.c.contract == contract, d.c.decision != "pause", p.c.at > written(at))
            .limit(1)
        )
        with self._engine.begin() as connection:
            return connection.scalar(query) is not None

    def stopped_since(self, contract: str, gate: str | None) -> datetime | None:
        """Tell since when every plan was stopped by this gate; a signature lets one pass.

        ``gate`` None looks for what no gate names: the contract's own decision, or plans that
        could not be made. Looks back over a year of daily plans at most.
        """
        d = t.decisions
        last_word = sa.select(sa.func.max(d.c.id)).where(d.c.contract == contract)
        query = (
            sa.select(d.c.decision, d.c.causes, d.c.at)
            .where(d.c.id.in_(last_word.group_by(d.c.preparation)))
            .order_by(d.c.preparation.desc())
            .limit(_LOOK_BACK)
        )
        since = None
        with self._engine.begin() as connection:
            for row in connection.execute(query):
                stops = [cause["gate"] for cause in json.loads(row.causes) if _stops(cause)]
                if row.decision != "pause" or (gate not in stops if gate else bool(stops)):
                    break
                since = moment(row.at)
        return since

    def has_senders(self) -> bool:
        """Say whether anybody holds a lease, of any contract; the dead ones count."""
        with reading(self._engine).begin() as connection:
            return connection.scalar(sa.select(t.leases.c.delivery).limit(1)) is not None

    def newest_attempt(self, contract: str, destination: str) -> int | None:
        """Give the id of the newest attempt to deliver; None: there never was one."""
        d = t.deliveries
        query = sa.select(sa.func.max(d.c.id))
        query = query.where(d.c.contract == contract, d.c.destination == destination)
        with self._engine.begin() as connection:
            found = connection.scalar(query)
        return None if found is None else int(found)

    def plan_at(self, contract: str, destination: str, position: int) -> str | None:
        """Name the plan whose delivery became this position of what the destination holds."""
        p, d = t.positions, t.deliveries
        query = (
            sa.select(d.c.plan)
            .join(p, p.c.delivery == d.c.id)
            .where(p.c.contract == contract, p.c.destination == destination)
            .where(p.c.position == position)
        )
        with self._engine.begin() as connection:
            found = connection.scalar(query)
        return None if found is None else str(found)

    def outcomes_of(self, plan: str, destination: str, key: str) -> tuple[RecordOutcome, ...]:
        """List what was noted about one key of a plan; empty where it was simply accepted."""
        o, i = t.record_outcomes, t.batch_intents
        query = (
            sa.select(o.c.key, o.c.destination_id, o.c.state, o.c.code, o.c.field, o.c.message)
            .join(i, i.c.id == o.c.intent)
            .where(i.c.plan == plan, i.c.destination == destination, o.c.key == key)
            .order_by(o.c.id)
        )
        with self._engine.begin() as connection:
            return tuple(RecordOutcome(**row) for row in connection.execute(query).mappings())

    def batches(self, plan: str, destination: str) -> tuple[tuple[int, int, bool], ...]:
        """List a plan's batches: first row, one past the last, whether there is a result."""
        i, r = t.batch_intents, t.batch_results
        query = (
            sa.select(i.c.first_row, i.c.last_row, r.c.intent.is_not(None))
            .outerjoin(r, r.c.intent == i.c.id)
            .where(i.c.plan == plan, i.c.destination == destination)
            .order_by(i.c.id)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return tuple((int(row[0]), int(row[1]), bool(row[2])) for row in rows)

    def signatures(self, contract: str, plan: str) -> tuple[Signature, ...]:
        """List the words given on one plan that stand as they were written, oldest first."""
        r = t.reviews.c
        with self._engine.begin() as connection:
            rows = intact_rows(
                connection, t.reviews, sa.and_(r.contract == contract, r.plan == plan)
            )
        return tuple(
            Signature(row.plan, row.gate, row.role, row.by, row.reason, moment(row.at))
            for row in rows
        )

    def last_read_back(self, contract: str, destination: str) -> ReadBack | None:
        """Find the newest reconciliation; None: it was never read back."""
        r = t.reconciliations
        query = (
            sa.select(r.c.plan, r.c.counts, r.c.at)
            .where(r.c.contract == contract, r.c.destination == destination)
            .order_by(r.c.id.desc())
            .limit(1)
        )
        with self._engine.begin() as connection:
            row = connection.execute(query).first()
        return ReadBack(row.plan, json.loads(row.counts), moment(row.at)) if row else None
