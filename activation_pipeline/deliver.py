"""Send a stored, allowed plan to one destination: the only code that writes downstream.

What was gated is what is sent: the plan's snapshot, batch by batch, less whoever may not be
reached any more. Every batch is noted before it is sent and after it was answered, so that a
delivery that was cut off goes on at the first batch without an answer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow.parquet as pq

from activation_pipeline.errors import ActivationError, RefusedError
from activation_pipeline.ledger.records import BatchResult, RecordOutcome, Totals
from activation_pipeline.recheck import check_pauses, permitted_plan, recheck
from activation_pipeline.runtime import is_gone, target, this_process
from activation_pipeline.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import (
        BatchOutcome,
        DestinationClient,
        OutgoingRecord,
        Target,
    )
    from activation_pipeline.ledger.records import Attempt
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime

Outcome = Literal["delivered", "delivered_in_part", "rejected", "alert_only", "nothing_to_send"]
# Validating and converting have a price per call, so it looks at many batches at once.
_SLICE_ROWS = 25_000


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
            f"{self.contract}: {self.destination}: plan {self.plan}: "
            f"{self.outcome.replace('_', ' ')}: {t.accepted} of {self.rows} accepted, "
            f"{t.rejected} rejected, {t.held} held back, {t.unknown} unknown"
            f"{': ' + why if why else ''}"
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
    except Exception as error:
        # Our own fault: the lease must not outlive it in a process that goes on.
        log.end(attempt, outcome="failed", message=type(error).__name__, now=clock())
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
    try:
        for batch in _batches(sending, waiting):
            try:
                intent = _intend(sending, attempt, batch, ended)
            except RefusedError:
                ended = None  # noted along with the refusal
                raise
            ended = None
            ended = (intent, _send_batch(sending, batch))
    finally:
        if ended is not None:
            sending.runtime.ledger.deliveries.record_result(*ended, now=sending.clock())


def _intend(
    sending: _Sending, attempt: Attempt, batch: _Batch, ended: tuple[int, BatchResult] | None
) -> int:
    return sending.runtime.ledger.deliveries.intend(
        attempt,
        first_row=batch.first_row,
        last_row=batch.last_row,
        now=sending.clock(),
        ended=ended,
        check=lambda pauses: check_pauses(sending.contract, sending.destination, pauses),
    )


@dataclass(frozen=True)
class _Batch:
    """Neighbouring planned rows: the records that may go, and those that are held back."""

    first_row: int
    last_row: int
    records: Sequence[OutgoingRecord]
    held: Sequence[RecordOutcome]


def _batches(sending: _Sending, waiting: Sequence[tuple[int, int]]) -> Iterator[_Batch]:
    """Read, validate and convert the snapshot piece by piece, and cut it into batches."""
    # Importing pandas takes longer than a delivery without changes does, so it waits until here.
    from activation_pipeline import outgoing  # noqa: PLC0415

    contract, plan, fields = sending.contract.name, sending.plan.id, list(sending.target.fields)
    path = sending.runtime.snapshots.part(contract, plan, sending.destination)
    size = sending.client.batch_size(sending.target)
    limits = sending.client.limits(sending.target)
    with pq.ParquetFile(path) as file:
        schema = outgoing.outgoing_schema(sending.target.fields, file.schema_arrow, limits)
        for first, piece in _waiting_pieces(file, waiting, max(1, _SLICE_ROWS // size) * size):
            broken = outgoing.held_rows(piece, schema, fields)
            held = _held(sending, piece, {row.row: (row.code, row.field) for row in broken})
            records = outgoing.records(piece, fields, frozenset(held))
            for start in range(0, piece.num_rows, size):
                rows = range(start, min(start + size, piece.num_rows))
                yield _Batch(
                    first + rows.start,
                    first + rows.stop,
                    [r for r in records[rows.start : rows.stop] if r is not None],
                    [held[row] for row in rows if row in held] if held else (),
                )


def _waiting_pieces(
    file: pq.ParquetFile, waiting: Sequence[tuple[int, int]], step: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut the rows that wait out of the snapshot: the first row's number, and the rows."""
    at = 0
    for piece in file.iter_batches(batch_size=step):
        for first, last in waiting:
            start, stop = max(first, at), min(last, at + piece.num_rows)
            if start < stop:
                yield start, piece.slice(start - at, stop - start)
        at += piece.num_rows


def _held(
    sending: _Sending, piece: pa.RecordBatch, broken: Mapping[int, tuple[str, str | None]]
) -> dict[int, RecordOutcome]:
    """Say which rows of a piece stay, and why: no longer eligible, or not fit to be sent."""
    if not sending.held and not broken:
        return {}
    keys = zip(
        piece.column("key").to_pylist(), piece.column("destination_id").to_pylist(), strict=True
    )
    found = {}
    for row, address in enumerate(keys):
        left = sending.held.get(address)
        why = (left, None) if left is not None else broken.get(row)
        if why is not None:
            found[row] = RecordOutcome(*address, "held", *why, "held back at send")
    return found


def _send_batch(sending: _Sending, batch: _Batch) -> BatchResult:
    """Send what may go of one batch and account for every row of it."""
    if not batch.records:
        return BatchResult(0, 0, len(batch.held), 0, tuple(batch.held))
    return _accounted(batch, sending.client.send(sending.target, batch.records))


def _accounted(batch: _Batch, outcome: BatchOutcome) -> BatchResult:
    notes = [("CREATED", key) for key in outcome.created]
    notes += [("UNCHANGED", key) for key in outcome.unchanged]
    listed = [*batch.held]
    counts = Counter(fault.state for fault in outcome.faults)
    if outcome.faults or notes:
        ids = {record.key: record.destination_id for record in batch.records}
        listed += [
            RecordOutcome(f.key, ids[f.key], f.state, f.code, f.field, f.message)
            for f in outcome.faults
        ]
        listed += [RecordOutcome(key, ids[key], "accepted", code, None, "") for code, key in notes]
    accepted = len(batch.records) - len(outcome.faults)
    return BatchResult(
        accepted, counts["rejected"], len(batch.held), counts["unknown"], tuple(listed)
    )


def _report(
    runtime: Runtime, plan: Plan, destination: str, *, outcome: Outcome | None = None
) -> Report:
    log = runtime.ledger.deliveries
    rows, totals = plan.part(destination).rows, log.totals(plan.id, destination)
    outcomes = log.outcomes(plan.id, destination)
    faults = Counter(o.code for o in outcomes if o.state != "accepted")
    ended = outcome or _outcome(rows, totals)
    return Report(plan.contract, destination, plan.id, rows, totals, ended, dict(faults))


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
