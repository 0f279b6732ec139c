"""What the pause rules ask of the ledger, and the pauses that they write.

What somebody acknowledged by a resume does not count again, so most questions take the moment of
the last one. A rule's pause is written only where nothing was said about the contract since the
rule looked: two processes that look at once write one pause, and a resume is never overtaken.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, reading, written
from activation_pipeline.ledger._pauses import add_word, as_pause, rows_in_force
from activation_pipeline.ledger._words import intact_rows, take_turn
from activation_pipeline.ledger.incidents import add_incident
from activation_pipeline.ledger.runs import read_runs, restoring

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection, Engine

    from activation_pipeline.evidence import Pause
    from activation_pipeline.incident import Incident
    from activation_pipeline.ledger._pauses import Owned
    from activation_pipeline.ledger.runs import IsGone, Run


@dataclass(frozen=True)
class LastWord:
    """The newest pause or resume of a contract (0: none), and when all of it was last resumed."""

    id: int
    resumed: datetime | None


@dataclass(frozen=True)
class Answered:
    """What became of the newest sent plan's rows, as far as nobody has acknowledged it.

    ``answered`` are accepted, rejected and unknown ones. ``to_come`` are the rows that a delivery
    at work has not been answered for.
    """

    plan: str
    rejected: int
    answered: int
    to_come: int


@dataclass(frozen=True)
class Counted:
    """The counts of the newest judged plan, and of the last one before it that was delivered.

    ``was_sent``: something of the newest one arrived. ``before`` is None where nothing else did.
    """

    plan: str
    was_sent: bool
    now: Mapping[str, Any]
    before: Mapping[str, Any] | None


@dataclass(frozen=True)
class Cause:
    """Why a rule paused: what it found against its limit; ``plan`` is what was at fault and sent.

    ``destination`` is where; None: the whole contract. Hours for durations, shares from 0 to 1.
    """

    rule: str
    destination: str | None
    plan: str | None
    observed: float
    limit: float


class Rules:
    """The pause rules' view of one installation."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine
        self._reading = reading(engine)

    def last_word(self, contract: str) -> LastWord:
        """Find the newest word on a contract's pauses; a forged resume acknowledges nothing."""
        p = t.pauses
        with self._reading.begin() as connection:
            newest = _newest_word(connection, contract)
            resumes = (p.c.contract == contract) & p.c.paused.is_(sa.false())
            rows = intact_rows(connection, p, resumes & p.c.destination.is_(None))
        return LastWord(newest, moment(rows[-1].at) if rows else None)

    def runs(
        self, contract: str, *, after: datetime | None, now: datetime, is_gone: IsGone
    ) -> tuple[Run, ...]:
        """List the runs since a moment, newest first, down to a good one; see ``read_runs``."""
        with self._reading.begin() as connection:
            return read_runs(connection, contract, after=after, now=now, is_gone=is_gone)

    def first_delivery(self, contract: str) -> datetime | None:
        """Tell when something of the contract arrived anywhere for the first time."""
        i, r, d = t.batch_intents, t.batch_results, t.deliveries
        arrived = (
            sa.select(r.c.at)
            .join(i, i.c.id == r.c.intent)
            # By the index of a plan's batches: a ledger of years has millions of them.
            .where(i.c.plan == d.c.plan, i.c.destination == d.c.destination)
            .where(i.c.delivery == d.c.id, r.c.accepted > 0)
            .order_by(i.c.id)
            .limit(1)
            .scalar_subquery()
        )
        query = (
            sa.select(arrived)
            .where(d.c.contract == contract, d.c.plan.not_in(restoring()), arrived.is_not(None))
            .order_by(d.c.id)
            .limit(1)
        )
        with self._reading.begin() as connection:
            found = connection.scalar(query)
        return moment(found) if found else None

    def answered(
        self, contract: str, destination: str, *, after: datetime | None, is_gone: IsGone
    ) -> Answered | None:
        """Count the answers that came later than ``after`` for the plan that was sent last."""
        d, lease = t.deliveries, t.leases
        newest = (
            sa.select(d.c.plan, t.plans.c.body, lease.c.holder, lease.c.renewed_at)
            .outerjoin(t.plans, t.plans.c.id == d.c.plan)
            .outerjoin(lease, lease.c.delivery == d.c.id)
            .where(d.c.contract == contract, d.c.destination == destination)
            .where(d.c.plan.not_in(restoring()))
            .order_by(d.c.id.desc())
            .limit(1)
        )
        with self._reading.begin() as connection:
            row = connection.execute(newest).first()
            if row is None:
                return None
            fresh = _sums(connection, row.plan, destination, written(after) if after else "")
            runs = row.holder is not None and not is_gone(row.holder, moment(row.renewed_at))
            every = _sums(connection, row.plan, destination, "") if runs else None
        planned = _planned(row.body, destination)
        to_come = planned - sum(every.values()) if every else 0
        known = fresh["accepted"] + fresh["rejected"] + fresh["unknown"]
        return Answered(row.plan, fresh["rejected"], known, max(to_come, 0))

    def counted(self, contract: str, *, after: datetime | None) -> Counted | None:
        """Read the counts of the newest plan judged later than ``after``, and of the one before."""
        e = t.evaluations
        mine = (e.c.contract == contract) & e.c.plan.is_not(None)
        newest = sa.select(e).where(mine).order_by(e.c.preparation.desc()).limit(1)
        undone = sa.select(t.incidents.c.plan).where(
            t.incidents.c.contract == contract,
            t.incidents.c.action == "rollback",
            t.incidents.c.plan.is_not(None),
        )
        with self._reading.begin() as connection:
            row = connection.execute(newest).first()
            if row is None or (after and moment(row.at) <= after):
                return None
            sent = connection.scalar(sa.select(_has_arrived(sa.literal(row.plan))))
            before = connection.scalar(
                sa.select(e.c.measures)
                .where(mine, e.c.preparation < row.preparation, e.c.plan != row.plan)
                .where(_has_arrived(e.c.plan), e.c.plan.not_in(undone))
                .order_by(e.c.preparation.desc())
                .limit(1)
            )
        was = json.loads(before) if before else None
        return Counted(row.plan, bool(sent), json.loads(row.measures), was)

    def pause(
        self,
        word: Pause,
        cause: Cause,
        *,
        newest: int,
        owned: Collection[Owned],
        incident: Incident | None = None,
    ) -> int | None:
        """Pause in a rule's name, unless somebody spoke after ``newest``; None: somebody did.

        Args:
            word: the pause.
            cause: what the rule found.
            newest: the last word's id as it was before the rule looked.
            owned: what the contract writes; contracts that write the same stop as well.
            incident: noted along with it, in one transaction.
        """
        with self._engine.begin() as connection:
            take_turn(connection)
            if _newest_word(connection, word.contract) != newest:
                return None
            found = add_word(connection, word, paused=True, owned=owned)
            connection.execute(sa.insert(t.pause_causes).values(pause=found, **asdict(cause)))
            if incident is not None:
                add_incident(connection, incident)
        return found

    def pausing(self, contract: str, *, now: datetime) -> tuple[tuple[Pause, Cause], ...]:
        """List the rules' pauses that are in force, oldest first, with what each found."""
        c = t.pause_causes
        with self._reading.begin() as connection:
            rows = {row.id: row for row in rows_in_force(connection, contract, now)}
            causes = connection.execute(
                sa.select(c).where(c.c.pause.in_(rows)).order_by(c.c.pause)
            ).all()
        return tuple((as_pause(rows[each.pause]), Cause(*each[1:])) for each in causes)


def _newest_word(connection: Connection, contract: str) -> int:
    newest = sa.select(sa.func.max(t.pauses.c.id)).where(t.pauses.c.contract == contract)
    return int(connection.scalar(newest) or 0)


def _has_arrived(plan: sa.ColumnElement[Any]) -> sa.Exists:
    """Say whether something of a plan arrived somewhere."""
    i, r = t.batch_intents, t.batch_results
    query = sa.select(r.c.intent).join(i, i.c.id == r.c.intent)
    return query.where(i.c.plan == plan, r.c.accepted > 0).exists()


def _sums(connection: Connection, plan: str, destination: str, since: str) -> dict[str, int]:
    r, i = t.batch_results, t.batch_intents
    names = ("accepted", "rejected", "held", "unknown")
    query = (
        sa.select(*(sa.func.coalesce(sa.func.sum(r.c[name]), 0).label(name) for name in names))
        .join(i, i.c.id == r.c.intent)
        .where(i.c.plan == plan, i.c.destination == destination, r.c.at > since)
    )
    row = connection.execute(query).one()
    return {name: int(getattr(row, name)) for name in names}


def _planned(body: str | None, destination: str) -> int:
    parts = json.loads(body) if body else ()
    return sum(int(part["rows"]) for part in parts if part["destination"] == destination)
