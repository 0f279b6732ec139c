"""What the ledger says of all contracts at once, and the past of one, for pages that show it.

Only reading, in transactions that wait for no writer, and a fixed number of queries however many
contracts there are. What decides about sending is asked of ``Ledger`` and ``Deliveries``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation_pipeline.evidence import GateResult
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, reading
from activation_pipeline.ledger.history import PastAttempt
from activation_pipeline.ledger.records import Totals

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Engine, Row

_AT_ONCE = 500  # parameters of one statement; SQLite and PostgreSQL take more than this
_COUNTS = ("accepted", "rejected", "held", "unknown")


@dataclass(frozen=True)
class Judged:
    """One judged preparation as it was first decided: gate results and the population's counts."""

    preparation: int
    at: datetime
    plan: str | None
    results: tuple[GateResult, ...]
    measures: Mapping[str, Any]
    message: str


@dataclass(frozen=True)
class Tried:
    """One attempt to deliver, with what its own batches came to."""

    attempt: PastAttempt
    destination: str
    totals: Totals


@dataclass(frozen=True)
class Word:
    """One entry of a contract's history: ``kind`` is pause, resume, decision or signature."""

    kind: str
    at: datetime
    by: str
    text: str
    destination: str | None = None
    plan: str | None = None
    until: datetime | None = None


class Fleet:
    """All contracts of one installation."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = reading(engine)

    def marks(self, contracts: Iterable[str]) -> dict[str, tuple[object, ...]]:
        """Give each contract a value that differs once the ledger has something new about it.

        A pause counts for all: it may stop others that write the same field. The batches of a
        delivery under way do not count; its lease does, which is renewed now and then.
        """
        d, ends = t.deliveries, t.delivery_ends
        ended = sa.select(d.c.contract, d.c.id).join(ends, ends.c.delivery == d.c.id).subquery()
        newest = {
            "preparations": (t.preparations.c.contract, t.preparations.c.id),
            "evaluations": (t.evaluations.c.contract, t.evaluations.c.preparation),
            "decisions": (t.decisions.c.contract, t.decisions.c.id),
            "reviews": (t.reviews.c.contract, t.reviews.c.id),
            "incidents": (t.incidents.c.contract, t.incidents.c.id),
            "deliveries": (t.deliveries.c.contract, t.deliveries.c.id),
            "ends": (ended.c.contract, ended.c.id),
            "positions": (t.positions.c.contract, t.positions.c.at),
            "leases": (t.leases.c.contract, t.leases.c.renewed_at),
        }
        found: dict[str, list[object]] = {name: [] for name in contracts}
        paused = [tuple(row) for row in self._rows(sa.select(sa.func.max(t.pauses.c.id)))]
        for table, (contract, last) in newest.items():
            query = sa.select(contract.label("contract"), sa.func.max(last).label("last"))
            for row in self._rows(query.group_by(contract)):
                if row.contract in found:
                    found[row.contract].append((table, row.last))
        return {name: (*paused, *seen) for name, seen in found.items()}

    def newest_preparations(self, last: int) -> dict[str, tuple[int, ...]]:
        """List each contract's last judged preparations, oldest first."""
        e = t.evaluations
        turn = sa.func.row_number().over(partition_by=e.c.contract, order_by=e.c.preparation.desc())
        numbered = sa.select(e.c.contract, e.c.preparation, turn.label("turn")).subquery()
        query = (
            sa.select(numbered.c.contract, numbered.c.preparation)
            .where(numbered.c.turn <= last)
            .order_by(numbered.c.preparation)
        )
        found: dict[str, tuple[int, ...]] = {}
        for row in self._rows(query):
            found[row.contract] = (*found.get(row.contract, ()), int(row.preparation))
        return found

    def judged(self, preparations: Collection[int]) -> list[Judged]:
        """Read some judged preparations, oldest first; they never change."""
        e, found, ids = t.evaluations, [], sorted(preparations)
        for start in range(0, len(ids), _AT_ONCE):
            wanted = e.c.preparation.in_(ids[start : start + _AT_ONCE])
            rows = self._rows(sa.select(e).where(wanted).order_by(e.c.preparation))
            found += [_judged(row) for row in rows]
        return found

    def last_attempts(self) -> dict[tuple[str, str], PastAttempt]:
        """Find the newest attempt of each contract and destination."""
        d = t.deliveries
        newest = sa.select(sa.func.max(d.c.id)).group_by(d.c.contract, d.c.destination)
        rows = self._rows(_attempts().where(d.c.id.in_(newest)))
        return {(row.contract, row.destination): _past(row) for row in rows}

    def holdings(self) -> dict[tuple[str, str], int]:
        """Count the records that each destination holds from each contract."""
        p = t.positions
        newest = (
            sa.select(p.c.contract, p.c.destination, sa.func.max(p.c.position).label("position"))
            .group_by(p.c.contract, p.c.destination)
            .subquery()
        )
        names = ("contract", "destination", "position")
        same = sa.and_(*(p.c[name] == newest.c[name] for name in names))
        query = sa.select(p.c.contract, p.c.destination, p.c.records).join(newest, same)
        return {(row.contract, row.destination): int(row.records) for row in self._rows(query)}

    def attempts(self, contract: str, last: int) -> list[Tried]:
        """List a contract's newest attempts with their counts, newest first."""
        d = t.deliveries
        rows = self._rows(
            _attempts().where(d.c.contract == contract).order_by(d.c.id.desc()).limit(last)
        )
        totals = self._totals([row.id for row in rows])
        return [Tried(_past(row), row.destination, totals.get(row.id, Totals())) for row in rows]

    def _totals(self, deliveries: Collection[int]) -> dict[int, Totals]:
        i, r = t.batch_intents, t.batch_results
        sums = [sa.func.coalesce(sa.func.sum(r.c[name]), 0).label(name) for name in _COUNTS]
        query = (
            sa.select(i.c.delivery, *sums)
            .join(r, r.c.intent == i.c.id)
            .where(i.c.delivery.in_(deliveries))
            .group_by(i.c.delivery)
        )
        return {
            int(row.delivery): Totals(*(int(getattr(row, name)) for name in _COUNTS))
            for row in self._rows(query)
        }

    def words(self, contract: str, last: int) -> list[Word]:
        """List what was said and decided about a contract, newest first; incidents left out."""
        p, d, r = t.pauses, t.decisions, t.reviews
        queries = (
            sa.select(p).where(p.c.contract == contract).order_by(p.c.id.desc()).limit(last),
            sa.select(d).where(d.c.contract == contract).order_by(d.c.id.desc()).limit(last),
            sa.select(r).where(r.c.contract == contract).order_by(r.c.id.desc()).limit(last),
        )
        readers = (_pause_word, _decision_word, _review_word)
        found = [
            reader(row)
            for query, reader in zip(queries, readers, strict=True)
            for row in self._rows(query)
        ]
        return sorted(found, key=lambda word: word.at, reverse=True)[:last]

    def _rows(self, query: sa.Select[Any]) -> list[Row[Any]]:
        with self._engine.begin() as connection:
            return list(connection.execute(query))


def _attempts() -> sa.Select[Any]:
    d, e, lease = t.deliveries, t.delivery_ends, t.leases
    return (
        sa.select(
            *(d.c.id, d.c.contract, d.c.destination, d.c.plan, d.c.at),
            *(e.c.outcome, e.c.message, e.c.at.label("ended")),
            *(lease.c.holder, lease.c.renewed_at),
        )
        .outerjoin(e, e.c.delivery == d.c.id)
        .outerjoin(lease, lease.c.delivery == d.c.id)
    )


def _past(row: Row[Any]) -> PastAttempt:
    return PastAttempt(
        plan=row.plan,
        at=moment(row.at),
        outcome=row.outcome,
        message=row.message or "",
        ended=moment(row.ended) if row.ended else None,
        lease=(row.holder, moment(row.renewed_at)) if row.holder else None,
    )


def _judged(row: Row[Any]) -> Judged:
    return Judged(
        preparation=row.preparation,
        at=moment(row.at),
        plan=row.plan,
        results=tuple(GateResult(**each) for each in json.loads(row.results)),
        measures=json.loads(row.measures),
        message=row.message,
    )


def _pause_word(row: Row[Any]) -> Word:
    until = moment(row.until) if row.until else None
    kind = "pause" if row.paused else "resume"
    return Word(kind, moment(row.at), row.by, row.reason, row.destination, until=until)


def _decision_word(row: Row[Any]) -> Word:
    causes = ", ".join(cause["gate"] for cause in json.loads(row.causes))
    text = row.decision.replace("_", " ") + (f": {causes}" if causes else "")
    return Word("decision", moment(row.at), "", text, plan=row.plan or None)


def _review_word(row: Row[Any]) -> Word:
    text = f"{row.gate}: {row.reason}" if row.reason else row.gate
    return Word("signature", moment(row.at), f"{row.role} ({row.by})", text, plan=row.plan)
