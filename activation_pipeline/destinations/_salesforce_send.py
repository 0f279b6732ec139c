"""Which way records go to Salesforce: collections of 200, or a bulk job for many.

A job costs a dozen requests and about a minute however small it is, so it pays from some
thousands of records on. Records that a job's file cannot carry as they are go by collections
beside it. What only met a lock is sent again here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tenacity

from activation_pipeline.destinations import BatchOutcome
from activation_pipeline.destinations._batch import send_in_parts
from activation_pipeline.destinations._http import UnansweredError
from activation_pipeline.destinations._salesforce_bulk import (
    BYTES_PER_JOB,
    RECORDS_PER_JOB,
    REQUESTS_PER_JOB,
    Job,
)
from activation_pipeline.destinations._salesforce_csv import fits
from activation_pipeline.destinations._salesforce_left_behind import LeftBehind
from activation_pipeline.destinations._salesforce_results import BY_ID
from activation_pipeline.destinations._salesforce_write import (
    BATCH_SIZE,
    RETRY_CODES,
    outcome_of,
    request_for,
)
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from activation_pipeline.destinations import Target
    from activation_pipeline.destinations._batch import Ready, WholeRefusal
    from activation_pipeline.destinations._salesforce_catalogue import SObject
    from activation_pipeline.destinations._salesforce_session import SalesforceSession

# The vendor refuses the 26th call that takes 20 s or longer (app limits cheat sheet, read
# 2026-11-21), for all integrations of the organisation together. A collection with triggers can
# take that long, and neighbours in one hierarchy lock each other: a fifth of it is ours.
CALLS_AT_ONCE = 5
# The vendor works on a job's batches side by side itself; the second one is there so that the
# next file is uploaded meanwhile.
JOBS_AT_ONCE = 2
# About what 200 records take where a few triggers and flows run; a job is no faster per record.
_SECONDS_PER_200 = 1.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """From how many waiting rows on jobs are used (``bulk_from``; None is never), and how large.

    A send of more than ``collection`` records goes by a job of at most ``job`` records and
    ``job_bytes`` bytes.
    """

    bulk_from: int | None = 2_000
    collection: int = BATCH_SIZE
    job: int = RECORDS_PER_JOB
    job_bytes: int = BYTES_PER_JOB

    def by_job(self, target: Target, records: int) -> bool:
        """Tell whether so many records of one send go by a job."""
        # An insert job whose answer is lost could be repeated only by creating everything twice.
        allowed = self.bulk_from is not None and target.behavior != "create_only"
        return allowed and records > self.collection

    def most(self, target: Target) -> int:
        """Say how many records one send takes at most."""
        return self.job if self.by_job(target, self.collection + 1) else BATCH_SIZE

    def batch(self, target: Target, rows: int) -> int:
        """Say how many records one send takes when so many rows wait."""
        if self.bulk_from is None or rows < self.bulk_from:
            return BATCH_SIZE
        return self.most(target)

    def cost(self, target: Target, rows: int, at_once: int) -> tuple[int, float]:
        """Estimate requests and seconds for so many rows, with so many calls at once."""
        size = self.batch(target, rows)
        batches = -(-rows // size)
        seconds = -(-rows // BATCH_SIZE) * _SECONDS_PER_200
        if size == BATCH_SIZE:
            return batches, seconds / at_once
        return batches * REQUESTS_PER_JOB, seconds / min(batches, at_once, JOBS_AT_ONCE)


class Sender:
    """Sends ready records one way or the other; safe to use from several threads."""

    def __init__(self, session: SalesforceSession, sizes: Sizes) -> None:
        """Keep the session; nothing is sent."""
        self._session = session
        self._sizes = sizes
        self._jobs = threading.BoundedSemaphore(JOBS_AT_ONCE)
        self._left_behind = LeftBehind(session)

    def send(self, target: Target, sobject: SObject, ready: Sequence[Ready]) -> BatchOutcome:
        """Send, and send again what only met a lock; later answers replace earlier ones.

        Raises:
            RetryableError: throttled or unavailable, and surely nothing was written.
            PermanentError: credentials, permission, or an object or field that is not there.
        """
        if self._sizes.bulk_from is not None:
            self._left_behind.wait(sobject.name)
        posts = _Posts(self._session, self._sizes, self._jobs, self._left_behind, target, sobject)
        waiting, settled = ready, BatchOutcome()

        def attempt() -> Sequence[Ready]:
            nonlocal settled, waiting
            try:
                outcome = send_in_parts(posts.parts(waiting), posts.post)
            except (RetryableError, PermanentError):
                if waiting is ready:
                    raise
                return []  # some were written before: those that wait keep what was said of them
            locked = {one.key for one in outcome.faults if one.code in RETRY_CODES}
            again = {item.record.key for item in waiting}
            earlier = tuple(one for one in settled.faults if one.key not in again)
            settled = BatchOutcome(
                (*earlier, *outcome.faults), (*settled.created, *outcome.created)
            )
            waiting = [item for item in waiting if item.record.key in locked]
            return waiting

        patience = self._session.patience
        tenacity.Retrying(
            retry=tenacity.retry_if_result(bool),
            stop=tenacity.stop_after_attempt(min(4, patience.tries)),
            wait=tenacity.wait_exponential(multiplier=patience.first_wait_s, max=10),
            sleep=self._session.clockwork.sleep,
            retry_error_callback=lambda _: None,
        )(attempt)
        return settled


@dataclass(frozen=True, slots=True)
class _Posts:
    """The requests of one send: which records go together, and how a part goes."""

    session: SalesforceSession
    sizes: Sizes
    jobs: threading.BoundedSemaphore
    left_behind: LeftBehind
    target: Target
    sobject: SObject

    def parts(self, ready: Sequence[Ready]) -> list[Sequence[Ready]]:
        """Part records into one job and collections, or into collections alone."""
        if not self.sizes.by_job(self.target, len(ready)):
            return [ready]
        job = self._job()
        plain = [item for item in ready if fits(job.address(item), item)]
        if not self.sizes.by_job(self.target, len(plain)):
            return _collections(ready)
        if len(plain) == len(ready):
            return [plain]
        carried = {item.record.key for item in plain}
        return [plain, *_collections([one for one in ready if one.record.key not in carried])]

    def post(self, part: Sequence[Ready]) -> BatchOutcome | WholeRefusal:
        """Send one part."""
        job = self._job()
        is_many = self.sizes.by_job(self.target, len(part))
        if is_many and all(fits(job.address(one), one) for one in part):
            with self.jobs:
                return self._by_job(job, part)
        key = self._key_name()
        creates = self.target.behavior == "create_only"
        method, path, body = request_for(self.target, self.sobject.name, key, part)
        answer = self.session.call(method, path, body=body, repeat=not creates)
        return outcome_of(answer, part, creates=creates)

    def _by_job(self, job: Job, part: Sequence[Ready]) -> BatchOutcome:
        """Send by a job; one that may run on is looked for before the next write."""
        try:
            outcome = job.write(part)
        except UnansweredError:
            self.left_behind.forget(self.sobject.name)
            raise
        if any(one.code == "unanswered" for one in outcome.faults):  # one of several jobs
            self.left_behind.forget(self.sobject.name)
        return outcome

    def _job(self) -> Job:
        column = BY_ID if self.target.behavior == "update_only" else self._key_name() or BY_ID
        return Job(self.session, self.sobject.name, column, self.sizes.job_bytes)

    def _key_name(self) -> str | None:
        key = self.sobject.field(self.target.key) if self.target.key else None
        return key.name if key else None


def _collections(ready: Sequence[Ready]) -> list[Sequence[Ready]]:
    return [ready[at : at + BATCH_SIZE] for at in range(0, len(ready), BATCH_SIZE)]
