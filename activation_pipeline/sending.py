"""Send one plan's part to one destination: several batches at once, nothing lost or doubled.

Every batch is noted before it is sent and after it was answered, so that a delivery that was
cut off goes on at the first batch without an answer, and looks first whether it arrived. The
first batch goes alone: a destination that is down hears of one batch, not of eight.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from activation_pipeline.arrival import arrived
from activation_pipeline.destinations import BatchOutcome, Origin
from activation_pipeline.errors import ActivationError, PermanentError, RefusedError, RetryableError
from activation_pipeline.ledger.records import BatchResult, RecordOutcome
from activation_pipeline.plan import indicators
from activation_pipeline.rejections import mapping_digest, refusals
from activation_pipeline.report import report
from activation_pipeline.runtime import is_gone, target, this_process
from activation_pipeline.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from activation_pipeline.batches import Batch, Range
    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import DestinationClient, OutgoingRecord, Target
    from activation_pipeline.evidence import Pause
    from activation_pipeline.ledger.records import Attempt
    from activation_pipeline.plan import Plan
    from activation_pipeline.report import Report
    from activation_pipeline.runtime import Runtime

_HEARTBEAT_S = 5.0


@dataclass(frozen=True)
class Sending:
    """One delivery's fixed surroundings.

    ``held`` are planned records that stay, with the reason; ``check`` raises where a pause is in
    force, and is asked in the transaction that notes each batch. ``after`` is the last attempt that
    whoever made the plan knew of: nothing is sent where there is a later one.
    """

    contract: Contract
    plan: Plan
    destination: str
    runtime: Runtime
    clock: Callable[[], datetime]
    held: Mapping[tuple[str, str], str]
    check: Callable[[tuple[Pause, ...]], None]
    checks_allowed: bool = True
    after: int | None = None

    @property
    def client(self) -> DestinationClient:
        """Reach the destination."""
        return self.runtime.client(self.contract, self.destination)

    @property
    def target(self) -> Target:
        """Say what is written there, and where the values come from."""
        contract, part = self.contract, self.plan.part(self.destination)
        origin = Origin(
            contract=contract.name,
            contract_version=contract.version,
            plan=self.plan.id,
            version=part.position + 1,
            expire_after=contract.freshness.expire_after,
        )
        return replace(target(contract, self.destination), origin=origin)


def waiting_rows(runtime: Runtime, plan: Plan, destination: str) -> tuple[Range, ...]:
    """List the rows of a plan that have no result yet."""
    done = runtime.ledger.deliveries.done(plan.id, destination)
    return remaining(plan.part(destination).rows, done)


def send_part(sending: Sending) -> Report:
    """Send what waits of a plan's part, settle it, and report over all attempts.

    Raises:
        RefusedError: paused meanwhile, or another process sends; nothing more was sent.
        RetryableError: the destination is unavailable; a later call goes on.
        PermanentError: credentials, permission or mapping.
    """
    runtime, destination, contract = sending.runtime, sending.destination, sending.contract.name
    log, clock, client, where = (
        runtime.ledger.deliveries,
        sending.clock,
        sending.client,
        sending.target,
    )
    waiting = waiting_rows(runtime, sending.plan, destination)
    size = client.batch_size(where, sum(last - first for first, last in waiting))
    now = clock()
    attempt = log.begin(
        sending.plan.id,
        contract=contract,
        destination=destination,
        batch_size=size,
        holder=this_process(),
        now=now,
        is_gone=lambda holder, at: is_gone(holder, at, now=now),
        after=sending.after,
    )
    try:
        _Line(sending, attempt, client, where).send(_cut(sending, waiting, size))
    except ActivationError as error:
        kind = "refused" if isinstance(error, RefusedError) else "failed"
        log.end(attempt, outcome=kind, message=str(error), now=clock())
        settle(runtime, contract, destination, now=clock())
        raise
    except Exception as error:
        # Our own fault: the lease must not outlive it in a process that goes on.
        log.end(attempt, outcome="failed", message=type(error).__name__, now=clock())
        raise
    done = report(runtime, sending.plan, destination)
    log.end(attempt, outcome=done.outcome, message=done.headline, now=clock())
    settle(runtime, contract, destination, now=clock())
    if done.totals.rejected and where.fields:
        _remember(sending, attempt, where)
    return done


def _remember(sending: Sending, attempt: Attempt, where: Target) -> None:
    """Keep what was refused for good, under the destination's catalogue as it is now."""
    runtime, destination, plan = sending.runtime, sending.destination, sending.plan
    try:
        sending.client.check(where)
        mapping = mapping_digest(sending.client, where)
    except (RetryableError, PermanentError):
        return  # then it is offered once more, and refused once more
    outcomes = runtime.ledger.deliveries.outcomes(plan.id, destination, delivery=attempt.id)
    indicator = indicators(sending.contract, where.fields)
    fields = [name for name in where.fields if name not in indicator]
    with runtime.snapshots.workspace() as folder, runtime.engine(folder) as engine:
        engine.files("part", [runtime.snapshots.part(plan.contract, plan.id, destination)])
        refused = refusals(engine, outcomes, fields, folder, mapping=mapping)
    runtime.ledger.rejections.add(sending.contract.name, destination, refused, now=sending.clock())


def remaining(rows: int, done: Sequence[Range]) -> tuple[Range, ...]:
    """List the row ranges that have no result yet, in order."""
    gaps, at = [], 0
    for first, last in sorted(done):
        if first > at:
            gaps.append((at, first))
        at = max(at, last)
    if at < rows:
        gaps.append((at, rows))
    return tuple(gaps)


def _cut(sending: Sending, waiting: Sequence[Range], size: int) -> Iterable[Batch]:
    # Importing pandas takes longer than a delivery without changes does, so it waits until here.
    from activation_pipeline.batches import Cut, batches  # noqa: PLC0415

    runtime, plan, destination = sending.runtime, sending.plan, sending.destination
    noted = runtime.ledger.history.batches(plan.id, destination)
    return batches(
        Cut(
            path=runtime.snapshots.part(plan.contract, plan.id, destination),
            target=sending.target,
            size=size,
            limits=sending.client.limits(sending.target),
            waiting=waiting,
            unanswered=[(first, last) for first, last, done in noted if not done],
            held=sending.held,
            checks_allowed=sending.checks_allowed,
        )
    )


@dataclass
class _Line:
    """The batches of one attempt that are on their way, and the answers not noted yet.

    Only the thread that called ``send`` speaks with the ledger; the others only with the
    destination.
    """

    sending: Sending
    attempt: Attempt
    client: DestinationClient
    target: Target
    on_their_way: dict[Future[BatchResult], int] = field(default_factory=dict)
    answered: list[tuple[int, BatchResult]] = field(default_factory=list)
    most: int = 1

    def send(self, batches: Iterable[Batch]) -> None:
        workers = self.client.concurrency(self.target)
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="activation") as pool:
            try:
                coming = iter(batches)
                while ready := list(islice(coming, self.most - len(self.on_their_way))):
                    for intent, batch in zip(self._intend(ready), ready, strict=True):
                        # What is asked before each request belongs to this thread's context.
                        sent = pool.submit(copy_context().run, self._send, batch)
                        self.on_their_way[sent] = intent
                    while len(self.on_their_way) >= self.most:
                        if self._collect():
                            self.most = workers
                while self.on_their_way:
                    self._collect()
            finally:
                # Whatever stopped us, what the destination answered is noted.
                self._note_the_rest()

    def _intend(self, batches: Sequence[Batch]) -> list[int]:
        answered, self.answered = self.answered, []
        return self.sending.runtime.ledger.deliveries.intend(
            self.attempt,
            ranges=[(batch.first_row, batch.last_row) for batch in batches],
            now=self.sending.clock(),
            ended=answered,
            check=self.sending.check,
            owned=self.sending.contract.owned(self.sending.destination),
        )

    def _collect(self) -> bool:
        """Wait for an answer, or for long enough to say that this sender still lives."""
        done, _ = wait(self.on_their_way, timeout=_HEARTBEAT_S, return_when=FIRST_COMPLETED)
        if not done:
            log = self.sending.runtime.ledger.deliveries
            log.renew(self.attempt, now=self.sending.clock())
        for future in done:
            intent = self.on_their_way.pop(future)
            self.answered.append((intent, future.result()))
        return bool(done)

    def _note_the_rest(self) -> None:
        for future in tuple(self.on_their_way):
            error = future.exception()
            if error is None:
                self.answered.append((self.on_their_way[future], future.result()))
            del self.on_their_way[future]
        if self.answered:
            log = self.sending.runtime.ledger.deliveries
            log.record_results(self.answered, now=self.sending.clock())

    def _send(self, batch: Batch) -> BatchResult:
        """Send what may go of one batch and account for every row of it."""
        records, there = batch.records, frozenset[str]()
        if batch.is_repeat and records:
            there = arrived(self.client, self.target, records)
            records = [record for record in records if record.key not in there]
        outcome = self.client.send(self.target, records) if records else BatchOutcome()
        return _accounted(batch, self._looked_up(records, outcome))

    def _looked_up(self, records: Sequence[OutgoingRecord], outcome: BatchOutcome) -> BatchOutcome:
        """Settle what had no trustworthy answer by reading it back, where that is possible."""
        unsure = {fault.key for fault in outcome.faults if fault.state == "unknown"}
        if not unsure:
            return outcome
        asked = [record for record in records if record.key in unsure]
        try:
            there = arrived(self.client, self.target, asked)
        except (RetryableError, PermanentError, RefusedError):
            return outcome
        return replace(outcome, faults=tuple(f for f in outcome.faults if f.key not in there))


def _accounted(batch: Batch, outcome: BatchOutcome) -> BatchResult:
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
