"""Changes of contracts' standings, and the notices about them with every try to send one.

Rows are added and never changed. A change is compared and written in one transaction, so that
two that look at the same time note it once. Nothing is sent in here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, reading, written
from activation_pipeline.ledger._pauses import as_pause
from activation_pipeline.ledger._words import intact_rows
from activation_pipeline.ledger.incidents import read_incident
from activation_pipeline.transition import Attempt, Notice, PauseWord, Seen, Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Engine, Row

_NOTICING = 47_112_028  # any number, as long as every process takes the same


class Transitions:
    """The changes and the notices of one installation."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine

    def look(
        self,
        contract: str,
        changes: Callable[[Seen], Sequence[Transition]],
        *,
        roles: Sequence[str],
        now: datetime,
    ) -> tuple[Transition, ...]:
        """Note what changed since the last look, with a notice to every role, in one transaction.

        Args:
            contract: whose.
            changes: compares with what the ledger knows; asked again once nobody else can write.
            roles: who is told; empty: whoever was told last.
            now: UTC.
        """
        with reading(self._engine).begin() as connection:
            if not changes(_seen(connection, contract)):
                return ()
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_NOTICING)))
            seen = _seen(connection, contract)
            found = tuple(changes(seen))
            for each in found:
                _add(connection, each, roles or seen.roles if each.is_told else (), now)
        return found

    def notices(self, *, since: datetime) -> tuple[Notice, ...]:
        """List every notice from a moment on with its tries, oldest first."""
        n, a = t.notices, t.notice_attempts
        recent = n.c.at >= written(since)
        query = (
            sa.select(t.transitions, n.c.id.label("notice"), n.c.role)
            .join(n, n.c.transition == t.transitions.c.id)
            .where(recent)
            .order_by(n.c.id)
        )
        tries = sa.select(a).join(n, n.c.id == a.c.notice).where(recent).order_by(a.c.id)
        with reading(self._engine).begin() as connection:
            found: dict[int, list[Attempt]] = {}
            for row in connection.execute(tries):
                found.setdefault(row.notice, []).append(_attempt(row))
            return tuple(
                Notice(row.notice, row.role, _transition(row), tuple(found.get(row.notice, ())))
                for row in connection.execute(query)
            )

    def claim(
        self, notice: Notice, channel: str, may: Callable[[Notice], bool], *, now: datetime
    ) -> bool:
        """Begin a try, unless somebody else's try in the meantime makes it needless."""
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_NOTICING)))
            a = t.notice_attempts
            rows = connection.execute(sa.select(a).where(a.c.notice == notice.id).order_by(a.c.id))
            attempts = tuple(_attempt(row) for row in rows)
            if not may(Notice(notice.id, notice.role, notice.transition, attempts)):
                return False
            _add_attempt(connection, notice.id, Attempt(channel, "trying", "", now))
        return True

    def end(self, notice: Notice, attempt: Attempt) -> None:
        """Note how a try ended."""
        with self._engine.begin() as connection:
            _add_attempt(connection, notice.id, attempt)


def _seen(connection: Connection, contract: str) -> Seen:
    n = t.transitions
    looks = sa.select(n).where(n.c.contract == contract, n.c.wrong.is_not(None)).limit(1)
    first = connection.execute(looks.order_by(n.c.id)).first()
    last = connection.execute(looks.order_by(n.c.id.desc())).first()
    told = sa.select(n.c.source).where(n.c.contract == contract, n.c.source.is_not(None))
    return Seen(
        first=_transition(first) if first else None,
        last=_transition(last) if last else None,
        told=frozenset(connection.scalars(told)),
        words=_words(connection, contract),
        expiries=_expiries(connection, contract),
        roles=_last_roles(connection, contract),
    )


def _words(connection: Connection, contract: str) -> tuple[PauseWord, ...]:
    """List pauses and resumes; a resume that the chain does not hold is nobody's."""
    p = t.pauses
    mine = p.c.contract == contract
    stops = connection.execute(sa.select(p).where(mine, p.c.paused.is_(sa.true()))).all()
    resumes = intact_rows(connection, p, mine & p.c.paused.is_(sa.false()))
    rows = sorted([*stops, *resumes], key=lambda row: row.id)
    return tuple(PauseWord(row.id, row.paused, as_pause(row)) for row in rows)


def _expiries(connection: Connection, contract: str) -> dict[int, Any]:
    i = t.incidents
    query = sa.select(i).where(i.c.contract == contract, i.c.action == "expire").order_by(i.c.id)
    return {row.id: read_incident(row) for row in connection.execute(query)}


def _last_roles(connection: Connection, contract: str) -> tuple[str, ...]:
    n, told = t.notices, t.transitions
    newest = (
        sa.select(sa.func.max(n.c.transition))
        .join(told, told.c.id == n.c.transition)
        .where(told.c.contract == contract)
    )
    query = sa.select(n.c.role).where(n.c.transition == newest.scalar_subquery()).order_by(n.c.id)
    return tuple(connection.scalars(query))


def _add(connection: Connection, found: Transition, roles: Iterable[str], now: datetime) -> None:
    row = sa.insert(t.transitions).values(
        contract=found.contract,
        destination=found.destination,
        kind=found.kind,
        clause=found.clause,
        source=found.source,
        wrong=None if found.wrong is None else json.dumps(sorted(found.wrong)),
        body=json.dumps(dict(found.body)),
        at=written(found.at),
    )
    key = int(cast("Row[Any]", connection.execute(row).inserted_primary_key)[0])
    told = [{"transition": key, "role": role, "at": written(now)} for role in dict.fromkeys(roles)]
    if told:
        connection.execute(sa.insert(t.notices), told)


def _add_attempt(connection: Connection, notice: int, attempt: Attempt) -> None:
    connection.execute(
        sa.insert(t.notice_attempts).values(
            notice=notice,
            channel=attempt.channel,
            outcome=attempt.outcome,
            message=attempt.message,
            at=written(attempt.at),
        )
    )


def _transition(row: Row[Any]) -> Transition:
    wrong = None if row.wrong is None else frozenset(map(tuple, json.loads(row.wrong)))
    return Transition(
        contract=row.contract,
        destination=row.destination,
        kind=row.kind,
        clause=row.clause,
        source=row.source,
        wrong=cast("Any", wrong),
        body=json.loads(row.body),
        at=moment(row.at),
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(row.channel, row.outcome, row.message, moment(row.at))
