"""Bulk jobs that an earlier process of ours left running when it was killed or lost the line.

Such a job goes on at the vendor's. If newer values went out meanwhile, it would write its older
ones over them, or create a second time what it creates. So a client looks once per object, and
waits for what still runs there as our user, before it writes anything.

Source: "Get All Jobs", Bulk API 2.0 guide, read 2026-11-21.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from activation_pipeline.destinations._http import UnansweredError
from activation_pipeline.destinations._salesforce_write import bare_id
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.destinations._salesforce_session import SalesforceSession

_PATH = "/jobs/ingest"
_RUNNING = frozenset({"UploadComplete", "InProgress"})
_LONGEST_S = 1_800.0
_LONGEST_WAIT_S = 30.0
_REFUSED = 400


class LeftBehind:
    """Looks once per object for jobs that still run; safe to use from several threads."""

    def __init__(self, session: SalesforceSession) -> None:
        """Keep the session; nothing is sent."""
        self._session = session
        self._looking = threading.Lock()
        self._clear: set[str] = set()

    def wait(self, object_name: str) -> None:
        """Return once no job that was closed before still runs on this object as our user.

        Raises:
            RetryableError: one still runs, or there is no trustworthy answer; nothing was written.
        """
        with self._looking:
            if object_name in self._clear:
                return
            try:
                for job in tuple(self._running(object_name)):
                    self._wait_for(job)
            except UnansweredError as error:
                raise RetryableError(str(error), retry_after=error.retry_after) from None
            self._clear.add(object_name)

    def forget(self, object_name: str) -> None:
        """Look again before the next write: a job of our own was lost from sight."""
        with self._looking:
            self._clear.discard(object_name)

    def _running(self, object_name: str) -> Iterator[str]:
        us = bare_id(self._session.user_id())
        for job in self._jobs():
            ours = bare_id(str(job.get("createdById"))) == us and job.get("object") == object_name
            if ours and job.get("state") in _RUNNING:
                yield str(job.get("id"))

    def _jobs(self) -> Iterator[dict[str, Any]]:
        path, params = _PATH, {"jobType": "V2Ingest"}
        while path:
            try:
                answer = self._session.call("GET", path, params=params)
            except PermanentError:
                return  # a user who may not see jobs cannot have made one
            body = answer.parsed() if answer.status < _REFUSED else {"records": []}
            if not isinstance(body, dict) or not isinstance(body.get("records"), list):
                raise RetryableError("salesforce: the list of bulk jobs cannot be read; try later")
            yield from (job for job in body["records"] if isinstance(job, dict))
            following = str(body.get("nextRecordsUrl") or "")
            path, params = following[following.find("/services/") :] if following else "", {}

    def _wait_for(self, job: str) -> None:
        clockwork, patience = self._session.clockwork, self._session.patience
        until, wait_s = clockwork.clock() + _LONGEST_S, patience.first_wait_s
        while self._runs(job):
            if clockwork.clock() > until:
                raise RetryableError(
                    "salesforce: a bulk job that was left behind still runs; run again later"
                )
            clockwork.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _runs(self, job: str) -> bool:
        answer = self._session.call("GET", f"{_PATH}/{job}")
        if answer.status >= _REFUSED:
            return False  # it is gone
        body = answer.parsed()
        return not isinstance(body, dict) or body.get("state", "InProgress") in _RUNNING
