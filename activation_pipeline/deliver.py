"""Send a stored, allowed plan to one destination: the only code that writes downstream.

What was gated is what is sent: the plan's snapshot, batch by batch, less whoever may not be
reached any more. Every batch is noted before it is sent and after it was answered, so that a
delivery that was cut off goes on at the first batch without an answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow.parquet as pq

from activation_pipeline.errors import ActivationError, RefusedError
from activation_pipeline.ledger.deliveries import BatchResult, RecordOutcome, Totals
from activation_pipeline.recheck import check_pauses, permitted_plan, recheck
from activation_pipeline.runtime import is_gone, target, this_process
from activation_pipeline.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import (
        BatchOutcome,
        DestinationClient,
        OutgoingRecord,
        Target,
    )
    from activation_pipeline.ledger.deliveries import Attempt
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime

Outcome = Literal["delivered", "delivered_in_part", "rejected", "alert_only", "nothing_to_send"]
# Validating has a price per call, so it looks at many batches at once.
_SLICE_ROWS = 10_000


@dataclass(frozen=True)
class Report:
    """What became of one plan in one destination; the totals add up to ``rows``."""

    contract: str
    destination: str
    plan: str
    rows: int
    totals: Totals
    outcome: Outcome
    faults: Mapping[str, int]

    @property
    def headline(self) -> str:
        """Say it in one line, with counts by reason and never a value."""
        t = self.totals
        why = ", ".join(f"{code} ({count})" for code, count in sorted(self.faults.items()))
        return (
            f"{self.contract}: {self.destination}: plan {self.plan}: {self.outcome.replace('_', ' ')}: "
            f"{t.accepted} of {self.rows} accepted, {t.rejected} rejected, {t.held} held back, "
            f"{t.unknown} unknown{': ' + why if why else ''}"
        )


@dataclass(frozen=True)
class _Sending:
    """One delivery's fixed surroundings."""

    contract: Contract
    plan: Plan
    destination: str
    runtime: Runtime
    clock: Callable[[], datetime]
    client: DestinationClient
    target: Target
    held: Mapping[tuple[str, str], str]


def deliver(
    contract: Contract, destination: str, runtime: Runtime, *, clock: Callable[[], datetime]
) -> Report:
    """Send the newest plan's changes to one destination, as far as it still may be sent.

    Args:
        contract: as it is now; it must be the one that the plan was made from.
        destination: one of the contract's.
        runtime: where everything is.
        clock: tells the time, UTC; asked again before every batch.

    Returns:
        What became of every planned record, over all attempts at this plan.

    Raises:
        RefusedError: a safety rule said no; nothing (more) was sent. Never retry.
        RetryableError: destination or warehouse unavailable; a later call goes on.
        PermanentError: credentials, permission or mapping.
    """
    evaluation = runtime.ledger.newest(contract.name)
    now = clock()
    check_pauses(contract, destination, runtime.ledger.pauses(contract.name, now=now))
    plan = permitted_plan(contract, evaluation, now=now)
    part = plan.part(destination)
    if contract.launch.caveats and contract.launch.caveats.alert_only:
        return _report(runtime, plan, destination, outcome="alert_only")
    log = runtime.ledger.deliveries
    waiting = _remaining(part.rows, log.done(plan.id, destination))
    if not waiting:
        settle(runtime, contract.name, destination, now=now)
        return _report(runtime, plan, destination)
    held = recheck(contract, plan, destination, runtime, now=now)
    client = runtime.client(contract, destination)
    where = target(contract, destination)
    attempt = log.begin(
        plan.id,
        contract=contract.name,
        destination=destination,
        batch_size=client.batch_size(where),
        holder=this_process(),
        now=now,
        is_gone=lambda holder, at: is_gone(holder, at, now=now),
    )
    sending = _Sending(contract, plan, destination, runtime, clock, client, where, held)
    try:
        _send_all(sending, attempt, waiting)
    except ActivationError as error:
        kind = "refused" if isinstance(error, RefusedError) else "failed"
        log.end(attempt, outcome=kind, message=str(error), now=clock())
        settle(runtime, contract.name, destination, now=clock())
        raise
    report = _report(runtime, plan, destination)
    log.end(attempt, outcome=report.outcome, message=report.headline, now=clock())
    settle(runtime, contract.name, destination, now=clock())
    return report


def _remaining(rows: int, done: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """List the row ranges that have no result yet, in order."""
    gaps, at = [], 0
    for first, last in sorted(done):
        if first > at:
            gaps.append((at, first))
        at = max(at, last)
    if at < rows:
        gaps.append((at, rows))
    return tuple(gaps)


def _send_all(sending: _Sending, attempt: Attempt, waiting: Sequence[tuple[int, int]]) -> None:
    """Send every waiting batch; the result of one and the intent of the next are one commit."""
    ended: tuple[int, BatchResult] | None = None
    log = sending.runtime.ledger.deliveries
    try:
        for first, batch in _batches(sending, waiting):
            now = sending.clock()
            pauses = sending.runtime.ledger.pauses(sending.contract.name, now=now)
            check_pauses(sending.contract, sending.destination, pauses)
            intent = log.intend(
                attempt, first_row=first, last_row=first + len(batch), now=now, ended=ended
            )
            ended = None
            ended = (intent, _send_batch(sending, batch))
    finally:
        if ended is not None:
            log.record_result(*ended, now=sending.clock())


@dataclass(frozen=True)
class _Row:
    """One planned row: the record to send, or why it is not sent."""

    key: str
    destination_id: str
    record: OutgoingRecord | None
    held: tuple[str, str | None] | None


def _batches(
    sending: _Sending, waiting: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, list[_Row]]]:
    """Cut the waiting rows into batches: the first row's number, and the rows."""
    path = sending.runtime.snapshots.part(
        sending.contract.name, sending.plan.id, sending.destination
    )
    size = sending.client.batch_size(sending.target)
    for first, rows in _slices(sending, path, waiting):
        for start in range(0, len(rows), size):
            yield first + start, rows[start : start + size]


def _slices(
    sending: _Sending, path: Path, waiting: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, list[_Row]]]:
    """Read, validate and convert the snapshot piece by piece; never the whole of it."""
    # Importing pandas takes longer than a delivery without changes does, so it waits until here.
    from activation_pipeline import outgoing  # noqa: PLC0415

    fields = list(sending.target.fields)
    size = sending.client.batch_size(sending.target)
    step = max(1, _SLICE_ROWS // size) * size
    with pq.ParquetFile(path) as file:
        schema = outgoing.outgoing_schema(
            sending.target.fields, file.schema_arrow, sending.client.limits(sending.target)
        )
        at = 0
        for piece in file.iter_batches(batch_size=step):
            for first, last in waiting:
                start, stop = max(first, at), min(last, at + piece.num_rows)
                if start < stop:
                    cut = piece.slice(start - at, stop - start)
                    broken = outgoing.held_rows(cut, schema, fields)
                    bad = {row.row: (row.code, row.field) for row in broken}
                    yield start, _rows(sending, cut, bad, outgoing)
            at += piece.num_rows


def _rows(
    sending: _Sending, cut: pa.RecordBatch, bad: Mapping[int, tuple[str, str | None]], outgoing: Any
) -> list[_Row]:
    keys = cut.column("key").to_pylist()
    identifiers = cut.column("destination_id").to_pylist()
    records = outgoing.records(cut, list(sending.target.fields), frozenset(bad))
    rows = []
    for number, (key, identifier, record) in enumerate(
        zip(keys, identifiers, records, strict=True)
    ):
        left = sending.held.get((key, identifier))
        why = (left, None) if left is not None else bad.get(number)
        rows.append(_Row(key, identifier, None if why else record, why))
    return rows


def _send_batch(sending: _Sending, batch: Sequence[_Row]) -> BatchResult:
    """Send what may go of one batch and account for every row of it."""
    records = [row.record for row in batch if row.record is not None]
    held = [
        RecordOutcome(
            row.key, row.destination_id, "held", row.held[0], row.held[1], "held back at send"
        )
        for row in batch
        if row.held is not None
    ]
    if not records:
        return BatchResult(0, 0, len(held), 0, tuple(held))
    outcome = sending.client.send(sending.target, records)
    return _accounted(batch, records, held, outcome)


def _accounted(
    batch: Sequence[_Row],
    records: Sequence[OutgoingRecord],
    held: Sequence[RecordOutcome],
    outcome: BatchOutcome,
) -> BatchResult:
    notes = [("CREATED", key) for key in outcome.created]
    notes += [("UNCHANGED", key) for key in outcome.unchanged]
    listed = [*held]
    counts = Counter(fault.state for fault in outcome.faults)
    if outcome.faults or notes:
        ids = {row.key: row.destination_id for row in batch}
        listed += [
            RecordOutcome(f.key, ids[f.key], f.state, f.code, f.field, f.message)
            for f in outcome.faults
        ]
        listed += [RecordOutcome(key, ids[key], "accepted", code, None, "") for code, key in notes]
    accepted = len(records) - len(outcome.faults)
    return BatchResult(accepted, counts["rejected"], len(held), counts["unknown"], tuple(listed))


def _report(
    runtime: Runtime, plan: Plan, destination: str, *, outcome: Outcome | None = None
) -> Report:
    log = runtime.ledger.deliveries
    rows = plan.part(destination).rows
    totals = log.totals(plan.id, destination)
    outcomes = log.outcomes(plan.id, destination)
    faults = Counter(o.code for o in outcomes if o.state != "accepted")
    return Report(
        contract=plan.contract,
        destination=destination,
        plan=plan.id,
        rows=rows,
        totals=totals,
        outcome=outcome or _outcome(rows, totals),
        faults=dict(faults),
    )


def _outcome(rows: int, totals: Totals) -> Outcome:
    """Name how a finished delivery ended: one that lost a record is never simply delivered."""
    answered = totals.accepted + totals.rejected + totals.held + totals.unknown
    if answered != rows:
        raise RefusedError(
            f"the ledger accounts for {answered} of {rows} planned records; do not send again "
            "before somebody has looked at it",
            clause="ledger",
        )
    if not rows:
        return "nothing_to_send"
    if not totals.rejected and not totals.unknown:
        return "delivered"
    return "delivered_in_part" if totals.accepted else "rejected"
