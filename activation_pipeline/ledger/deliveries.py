"""The sending side of the ledger: leases, batches, what became of each record, positions.

A batch is a range of rows of a plan's snapshot, so an intent is one row here, not one per
record. A record has a row only where it was not simply accepted.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from activation_pipeline.errors import RefusedError
from activation_pipeline.ledger import _leases
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import written
from activation_pipeline.ledger._pauses import read_pauses
from activation_pipeline.ledger.records import Attempt, BatchResult, RecordOutcome, Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Engine

    from activation_pipeline.evidence import Pause
    from activation_pipeline.ledger._pauses import Owned

_RENEW_EVERY = timedelta(seconds=5)

# Built once: SQLAlchemy spends more time on composing a statement than SQLite on running it.
_INTEND = sa.insert(t.batch_intents)
_ADD_RESULT = sa.insert(t.batch_results)
_ADD_OUTCOME = sa.insert(t.record_outcomes)


class Deliveries:
    """Attempts to deliver, their batches and what they left behind."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine
        self._renewed: dict[int, datetime] = {}

    def begin(
        self,
        plan: str,
        *,
        contract: str,
        destination: str,
        batch_size: int,
        holder: str,
        now: datetime,
        is_gone: Callable[[str, datetime], bool],
        after: int | None = None,
    ) -> Attempt:
        """Take the destination's lease for one contract and note the attempt.

        Args:
            plan: the plan's id.
            contract: whose plan it is.
            destination: where it goes.
            batch_size: how many rows a batch has.
            holder: names this process.
            now: UTC.
            is_gone: tells whether the holder of a lease, last renewed then, has died.
            after: the last attempt that the caller knows of; None: any may have come since.

        Raises:
            RefusedError: another process is sending for this contract and destination, or did.
        """
        with self._engine.begin() as connection:
            sender = _leases.clear_dead_lease(connection, contract, destination, is_gone=is_gone)
            if sender is not None:
                who, since = sender
                told = f"{who} is sending since {since}; wait until it ends"
                raise RefusedError(f"{contract}: {destination}: {told}", clause="one_sender")
            _leases.refuse_after_another(connection, contract, destination, known=after)
            row = {
                "contract": contract,
                "destination": destination,
                "plan": plan,
                "batch_size": batch_size,
                "holder": holder,
                "at": written(now),
            }
            identifier = _new_id(connection, sa.insert(t.deliveries), row)
            _leases.take_lease(connection, identifier, row)
        return Attempt(identifier, contract, destination, plan)

    def end(self, attempt: Attempt, *, outcome: str, message: str, now: datetime) -> None:
        """Note how an attempt ended and give the lease back."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.insert(t.delivery_ends).values(
                    delivery=attempt.id, outcome=outcome, message=message, at=written(now)
                )
            )
            _leases.give_back(connection, attempt.id)

    def intend(
        self,
        attempt: Attempt,
        *,
        ranges: Sequence[tuple[int, int]],
        now: datetime,
        ended: Sequence[tuple[int, BatchResult]],
        check: Callable[[tuple[Pause, ...]], None],
        owned: Collection[Owned] = (),
    ) -> list[int]:
        """Note which batches are sent next, unless somebody paused; one transaction for all.

        Args:
            attempt: whose batch it is.
            ranges: of each batch the first row of the plan's snapshot, and one past its last.
            now: UTC.
            ended: the intents of batches before and what became of them, noted along with it,
                also when the check refuses.
            check: raises where a pause is in force.
            owned: what is written; pauses of other contracts that write the same are checked too.

        Returns:
            The intents' ids, for the batches' results.

        Raises:
            RefusedError: paused, or another process took the lease over.
        """
        at = written(now)
        refusal: RefusedError | None = None
        with self._engine.begin() as connection:
            for intent, result in ended:
                _add_result(connection, intent, result, at=at)
            try:
                check(read_pauses(connection, attempt.contract, now=now, owned=owned))
                self._keep_lease(connection, attempt, now)
            except RefusedError as error:
                refusal = error
            else:
                whose = {
                    "delivery": attempt.id,
                    "plan": attempt.plan,
                    "destination": attempt.destination,
                    "at": at,
                }
                rows = [whose | {"first_row": a, "last_row": b} for a, b in ranges]
                return [_new_id(connection, _INTEND, row) for row in rows]
        raise refusal

    def _keep_lease(self, connection: Connection, attempt: Attempt, now: datetime) -> None:
        """Renew the lease, now and then: whoever takes it over waits for much longer than this."""
        renewed = self._renewed.get(attempt.id)
        if renewed is not None and now - renewed < _RENEW_EVERY:
            return
        _leases.renew_lease(connection, attempt, now)
        self._renewed[attempt.id] = now

    def renew(self, attempt: Attempt, *, now: datetime) -> None:
        """Say that a sender still lives.

        Raises:
            RefusedError: it was taken for dead, and another process sends now.
        """
        with self._engine.begin() as connection:
            self._keep_lease(connection, attempt, now)

    def record_results(self, ended: Sequence[tuple[int, BatchResult]], *, now: datetime) -> None:
        """Note what became of some batches, by their intents."""
        at = written(now)
        with self._engine.begin() as connection:
            for intent, result in ended:
                _add_result(connection, intent, result, at=at)

    def done(self, plan: str, destination: str) -> tuple[tuple[int, int], ...]:
        """List the row ranges of a plan that have a result, in order."""
        i = t.batch_intents
        query = (
            sa.select(i.c.first_row, i.c.last_row)
            .join(t.batch_results, t.batch_results.c.intent == i.c.id)
            .where(i.c.plan == plan, i.c.destination == destination)
            .order_by(i.c.first_row)
        )
        with self._engine.begin() as connection:
            return tuple((row.first_row, row.last_row) for row in connection.execute(query))

    def totals(self, plan: str, destination: str) -> Totals:
        """Add up what became of a plan's rows for one destination."""
        r, i = t.batch_results, t.batch_intents
        names = ("accepted", "rejected", "held", "unknown")
        query = (
            sa.select(*(sa.func.coalesce(sa.func.sum(r.c[name]), 0) for name in names))
            .join(i, i.c.id == r.c.intent)
            .where(i.c.plan == plan, i.c.destination == destination)
        )
        with self._engine.begin() as connection:
            row = connection.execute(query).one()
        return Totals(*(int(count) for count in row))

    def outcomes(
        self, plan: str, destination: str, *, delivery: int | None = None
    ) -> tuple[RecordOutcome, ...]:
        """List the records of a plan that were not simply accepted."""
        o, i = t.record_outcomes, t.batch_intents
        query = (
            sa.select(o.c.key, o.c.destination_id, o.c.state, o.c.code, o.c.field, o.c.message)
            .join(i, i.c.id == o.c.intent)
            .where(i.c.plan == plan, i.c.destination == destination)
            .order_by(o.c.id)
        )
        if delivery is not None:
            query = query.where(i.c.delivery == delivery)
        with self._engine.begin() as connection:
            return tuple(RecordOutcome(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - SQLAlchemy's public spelling

    def unfolded(self, contract: str, destination: str) -> tuple[Attempt, ...]:
        """List the attempts whose effect is not yet part of what the destination holds."""
        d = t.deliveries
        sent = sa.select(t.batch_intents.c.delivery).distinct()
        folded = sa.select(t.positions.c.delivery)
        query = (
            sa.select(d.c.id, d.c.contract, d.c.destination, d.c.plan)
            .where(d.c.contract == contract, d.c.destination == destination)
            .where(d.c.id.in_(sent), d.c.id.not_in(folded))
            .order_by(d.c.id)
        )
        with self._engine.begin() as connection:
            return tuple(Attempt(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - SQLAlchemy's public spelling

    def ranges(self, attempt: Attempt) -> tuple[tuple[int, int, bool], ...]:
        """List an attempt's batches: first row, one past the last, and whether it has a result."""
        i, r = t.batch_intents, t.batch_results
        query = (
            sa.select(i.c.first_row, i.c.last_row, r.c.intent.is_not(None))
            .outerjoin(r, r.c.intent == i.c.id)
            .where(i.c.delivery == attempt.id)
            .order_by(i.c.id)
        )
        with self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return tuple((int(row[0]), int(row[1]), bool(row[2])) for row in rows)

    def position(self, contract: str, destination: str) -> tuple[int, int | None]:
        """Tell how many attempts are folded, and how many records we hold there (None: never)."""
        p = t.positions
        query = (
            sa.select(p.c.position, p.c.records)
            .where(p.c.contract == contract, p.c.destination == destination)
            .order_by(p.c.position.desc())
            .limit(1)
        )
        with self._engine.begin() as connection:
            row = connection.execute(query).first()
        return (row.position, row.records) if row else (0, None)

    def record_position(
        self, attempt: Attempt, *, position: int, records: int, now: datetime
    ) -> None:
        """Note that an attempt's effect is part of what the destination holds, unless it is."""
        row = sa.insert(t.positions).values(
            contract=attempt.contract,
            destination=attempt.destination,
            position=position,
            delivery=attempt.id,
            records=records,
            at=written(now),
        )
        # Folding needs no lease: where two do it at once, both write the same and one notes it.
        with suppress(IntegrityError), self._engine.begin() as connection:
            connection.execute(row)

    def free_dead_lease(
        self, contract: str, destination: str, *, is_gone: Callable[[str, datetime], bool]
    ) -> bool:
        """Free the lease of a sender that died; says whether nobody is sending now."""
        with self._engine.begin() as connection:
            return (
                _leases.clear_dead_lease(connection, contract, destination, is_gone=is_gone) is None
            )


def _new_id(connection: Connection, insert: sa.Insert, values: dict[str, Any]) -> int:
    key = connection.execute(insert, values).inserted_primary_key
    return int(cast("Sequence[Any]", key)[0])


def _add_result(connection: Connection, intent: int, result: BatchResult, *, at: str) -> None:
    counts = {
        "intent": intent,
        "accepted": result.accepted,
        "rejected": result.rejected,
        "held": result.held,
        "unknown": result.unknown,
        "at": at,
    }
    connection.execute(_ADD_RESULT, counts)
    if result.outcomes:
        connection.execute(_ADD_OUTCOME, [{"intent": intent, **asdict(o)} for o in result.outcomes])
