"""One Salesforce bulk job from its creation to what became of each of its records.

Nothing runs before a job is closed, so a job that could not be filled was surely not written and
another one is made. From its closing on only the vendor's word counts: the job is looked at until
it is over, or stopped when it takes too long, and its three result files are read. Which records
go by a job is decided elsewhere.

Source: "Bulk API 2.0 Ingest", read 2026-11-21.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import tenacity

from activation_pipeline.destinations._batch import send_in_parts
from activation_pipeline.destinations._http import UnansweredError
from activation_pipeline.destinations._masking import masked
from activation_pipeline.destinations._salesforce_csv import csv_of, rows_of
from activation_pipeline.destinations._salesforce_results import BY_ID, Results, account
from activation_pipeline.destinations._salesforce_session import first_error
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from activation_pipeline.destinations import BatchOutcome
    from activation_pipeline.destinations._batch import Ready
    from activation_pipeline.destinations._http import Answer
    from activation_pipeline.destinations._salesforce_session import SalesforceSession

RECORDS_PER_JOB = 10_000  # a batch of the vendor's own: a job of ours is never cut in two there
BYTES_PER_JOB = 100_000_000  # "Request Limits": 150 MB after base64
# Create, upload, close, three files, and about six looks at a job of a minute.
REQUESTS_PER_JOB = 12
_PATH = "/jobs/ingest"
_OVER = frozenset({"JobComplete", "Failed", "Aborted"})
_LONGEST_WAIT_S = 30.0
# The vendor gives a batch of its own ten minutes, and tries it again where that was not enough.
_LONGEST_JOB_S = 1_800.0
_REFUSED, _CREATED = 400, 201
_LATER = frozenset({"ExceededQuota", "LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW"})


class _NotFilledError(RetryableError):
    """The job has no data, or nobody knows; it was given up, and another one may be tried."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a job writes: one object's records, found by ``column``: an external id, or ``Id``."""

    session: SalesforceSession
    object: str
    column: str
    most_bytes: int = BYTES_PER_JOB

    def address(self, item: Ready) -> str:
        """Say what a record's row is addressed by."""
        record = item.record
        return record.destination_id if self.column == BY_ID else record.destination_key

    def write(self, part: Sequence[Ready]) -> BatchOutcome:
        """Write records by one job, or by several where the file would be too large.

        Raises:
            UnansweredError: the job was closed and there is no word of how it ended.
            RetryableError: surely nothing was written.
            PermanentError: credentials, permission, or a job that can never be.
        """
        rows = [(self.address(item), item) for item in part]
        body = csv_of(self.column, rows)
        if len(body) > self.most_bytes and len(part) > 1:
            middle = len(part) // 2
            return send_in_parts([part[:middle], part[middle:]], self.write)
        job = self._filled(body)
        self._close_first(job)
        ended = self._over(job)
        return account(rows, self.column, self._results(job, ended))

    def _filled(self, body: bytes) -> str:
        """Make a job that holds the file; one that may not hold it is stopped and replaced."""
        clock, patience = self.session.clockwork.clock, self.session.patience
        started = clock()

        def stop(state: tenacity.RetryCallState) -> bool:
            late = clock() - started + state.upcoming_sleep > patience.total_s
            return late or state.attempt_number >= patience.tries

        def attempt() -> str:
            job = self._created()
            self._upload(job, body)
            return job

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NotFilledError),
            stop=stop,
            wait=tenacity.wait_exponential(multiplier=patience.first_wait_s, max=_LONGEST_WAIT_S),
            sleep=self.session.clockwork.sleep,
            reraise=True,
        )(attempt)

    def _created(self) -> str:
        asked = {
            "object": self.object,
            "operation": "update" if self.column == BY_ID else "upsert",
            **({} if self.column == BY_ID else {"externalIdFieldName": self.column}),
            "contentType": "CSV",
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
        }
        try:
            answer = self.session.call("POST", _PATH, body=orjson.dumps(asked))
        except UnansweredError as error:
            # Whatever became of it: a job without data never runs.
            raise RetryableError(str(error), retry_after=error.retry_after) from None
        if answer.status >= _REFUSED:
            code, message = first_error(answer)
            text = f"salesforce: a bulk job was refused with {code}: {masked(message)}"
            if code in _LATER:
                raise RetryableError(f"{text}; try later")
            raise PermanentError(f"{text}; check object, key and the Bulk API permission")
        job = _info(answer).get("id")
        if not isinstance(job, str) or not job.isalnum():
            text = "salesforce: a bulk job was made without an id; try later"
            raise _NotFilledError(text)
        return job

    def _upload(self, job: str, body: bytes) -> None:
        try:
            answer = self.session.call(
                "PUT",
                f"{_PATH}/{job}/batches",
                body=body,
                headers={"Content-Type": "text/csv"},
                repeat=False,  # a job takes one file
            )
        except UnansweredError as error:
            self._stop(job)
            raise _NotFilledError(str(error)) from None
        except (RetryableError, PermanentError):
            self._stop(job)
            raise
        if answer.status != _CREATED:
            self._stop(job)
            code, _ = first_error(answer)
            text = f"salesforce: a bulk job's file was answered with {answer.status} {code}"
            raise _NotFilledError(f"{text}; try later")

    def _close_first(self, job: str) -> None:
        try:
            self._close(job)
        except (RetryableError, PermanentError):
            self._stop(job)  # it is open: surely nothing was written
            raise

    def _close(self, job: str) -> None:
        """Ask for the job to run; what became of it is seen by looking, not by the answer."""
        with contextlib.suppress(UnansweredError):
            self._set(job, "UploadComplete")

    def _stop(self, job: str) -> None:
        """Stop a job if that can be done; an open one that stays behind never runs."""
        with contextlib.suppress(RetryableError, PermanentError):
            self._set(job, "Aborted")

    def _set(self, job: str, state: str) -> Answer:
        # Asked once: a destination that is dead must not cost our patience at every step.
        body = orjson.dumps({"state": state})
        return self.session.call("PATCH", f"{_PATH}/{job}", body=body, repeat=False)

    def _over(self, job: str) -> dict[str, Any]:
        """Wait until a closed job is over.

        Raises:
            UnansweredError: it may be running still, or nobody says.
        """
        try:
            info = self._waited_for(job)
            if info.get("state") not in _OVER:
                self._stop(job)
                info = self._look(job)
        except (RetryableError, PermanentError) as error:
            raise UnansweredError(str(error)) from None
        if info.get("state") not in _OVER:
            text = "salesforce: a bulk job was not over within our patience; it is read back"
            raise UnansweredError(text)
        return info

    def _waited_for(self, job: str) -> dict[str, Any]:
        clockwork, patience = self.session.clockwork, self.session.patience
        until = clockwork.clock() + _LONGEST_JOB_S
        wait_s, closed = patience.first_wait_s, 1
        while True:
            clockwork.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            info = self._look(job)
            is_open = info.get("state") == "Open"
            spent = closed >= patience.tries if is_open else clockwork.clock() > until
            if info.get("state") in _OVER or spent:
                return info
            if is_open:
                self._close(job)
                closed += 1

    def _look(self, job: str) -> dict[str, Any]:
        answer = self.session.call("GET", f"{_PATH}/{job}")
        if answer.status >= _REFUSED:
            code, _ = first_error(answer)
            text = f"salesforce: a bulk job could not be looked at ({code}); it is read back"
            raise UnansweredError(text)
        return _info(answer)

    def _results(self, job: str, ended: dict[str, Any]) -> Results:
        told = masked(str(ended.get("errorMessage") or ""))
        failed, processed = ended.get("numberRecordsFailed"), ended.get("numberRecordsProcessed")
        text = f"the job ended as {ended['state']}, {failed} of {processed} processed failed"
        return Results(
            self._file(job, "successfulResults"),
            self._file(job, "failedResults"),
            self._file(job, "unprocessedrecords"),
            f"{text}: {told}" if told else text,
        )

    def _file(self, job: str, name: str) -> list[dict[str, str]]:
        try:
            answer = self.session.call(
                "GET", f"{_PATH}/{job}/{name}/", headers={"Accept": "text/csv"}
            )
        except (RetryableError, PermanentError):
            return []  # its records are in no file then, so they are unknown and read back
        return rows_of(answer.body) if answer.status < _REFUSED else []


def _info(answer: Answer) -> dict[str, Any]:
    body = answer.parsed()
    return body if isinstance(body, dict) else {}
