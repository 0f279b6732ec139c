"""Calls to one Salesforce organisation: signing in, judging answers, counting the quota.

A session's token has no stated end: it is renewed when a call says so, once for all threads
that meet it. The status alone decides nothing, because "no permission" and "over the daily
limit" are both 403; the error code does. Which grant opens the session is not decided here, and
no record is known.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from activation_pipeline.destinations._http import (
    DEFAULT_CLOCKWORK,
    DEFAULT_PATIENCE,
    Again,
    Answer,
    BearerAuth,
    Clockwork,
    Patience,
    Transport,
)
from activation_pipeline.destinations._masking import masked, safe_code
from activation_pipeline.destinations._wire_log import keep_queries_out
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests
    from requests.structures import CaseInsensitiveDict

    from activation_pipeline.destinations._salesforce_grants import Grant

_TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path, not a secret
_USERINFO_PATH = "/services/oauth2/userinfo"
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER = 401, 403, 429, 500
_UNAVAILABLE = 503
# REST guide, "Status Codes and Error Responses", read 2026-11-21.
_HANDLED_BY_CALLER = frozenset({304, 400, 404})
_THROTTLED = frozenset({"REQUEST_LIMIT_EXCEEDED"})
_USAGE = re.compile(r"^\s*([a-z-]+)=(\d+)/(\d+)")


def first_error(answer: Answer) -> tuple[str, str]:
    """Read code and message out of either envelope: the API's array or OAuth's object."""
    body = answer.parsed()
    entry: Any = body[0] if isinstance(body, list) and body else body
    if not isinstance(entry, dict):
        return "NO_CODE", ""
    code = entry.get("errorCode") or entry.get("statusCode") or entry.get("error")
    return safe_code(code), str(entry.get("message") or entry.get("error_description") or "")


def _judge(answer: Answer) -> Again | None:
    status = answer.status
    if status < 300 or status in _HANDLED_BY_CALLER:  # noqa: PLR2004 - success
        return None
    code, message = first_error(answer)
    if status == _UNAUTHORIZED:
        return Again(f"the session was refused ({code})", wait_s=0.0, renew=True)
    if code in _THROTTLED or status == _TOO_MANY:
        text = f"salesforce: the organisation's request limit is used up ({code}); try later"
        raise RetryableError(text, retry_after=retry_after(answer.headers))
    if status >= _SERVER:
        certain = status == _UNAVAILABLE and code != "NO_CODE"
        wait_s = retry_after(answer.headers)
        return Again(f"answered {status} ({code})", wait_s=wait_s, applied=not certain)
    text = f"salesforce: refused with {status} {code}: {masked(message)}; check the permissions"
    raise PermanentError(text)


def retry_after(headers: CaseInsensitiveDict[str]) -> float | None:
    """Read ``Retry-After`` in seconds, where it is there and a number."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


class _SessionAuth(BearerAuth):
    """Remembers which token the last request of each thread carried."""

    def __init__(self) -> None:
        super().__init__()
        self._sent = threading.local()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = self.token
        self._sent.token = token
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    @property
    def is_renewed(self) -> bool:
        """Tell whether the token is another one than this thread sent last."""
        return bool(self.token) and getattr(self._sent, "token", "") != self.token


class SalesforceSession:
    """Signed-in calls below one base address, from any thread; signs in at the first call."""

    def __init__(
        self,
        *,
        base_url: str,
        grant: Grant,
        version: str,
        patience: Patience = DEFAULT_PATIENCE,
        clockwork: Clockwork = DEFAULT_CLOCKWORK,
    ) -> None:
        """Prepare; nothing is sent."""
        keep_queries_out()
        self._grant = grant
        self._data = f"/services/data/{version}"
        self._auth = _SessionAuth()
        self._renewal = threading.Lock()
        self._user_id = ""
        self._usage = ""
        self._transport = Transport(
            vendor="salesforce",
            base_url=base_url,
            judge=_judge,
            auth=self._auth,
            renew=self._renew,
            patience=patience,
            clockwork=clockwork,
        )
        self._door = Transport(
            vendor="salesforce",
            base_url=base_url,
            judge=self._judge_sign_in,
            patience=patience,
            clockwork=clockwork,
        )

    @property
    def patience(self) -> Patience:
        """Say how long a request is tried."""
        return self._transport.patience

    @property
    def clockwork(self) -> Clockwork:
        """Say how waiting is done."""
        return self._transport.clockwork

    @property
    def usage(self) -> dict[str, tuple[int, int]]:
        """Tell used and allowed, per part of the last ``Sforce-Limit-Info`` header."""
        parts = (_USAGE.match(part) for part in self._usage.split(";"))
        return {part[1]: (int(part[2]), int(part[3])) for part in parts if part}

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
    ) -> Answer:
        """Call the API; ``path`` is below ``/services/data/vNN.0`` or begins with it.

        Raises:
            UnansweredError: it may have been applied.
            RetryableError: surely not applied.
            PermanentError: credentials or permission.
        """
        if not self._auth.token:
            self._renew()
        full = path if path.startswith("/services/") else self._data + path
        answer = self._transport.call(
            method, full, body=body, params=params, headers=headers, repeat=repeat
        )
        self._usage = answer.headers.get("Sforce-Limit-Info", self._usage)
        return answer

    def user_id(self) -> str:
        """Name the user as whom we write, so that everybody else can be told apart."""
        if not self._auth.token:
            self._renew()
        if not self._user_id:
            body = self._transport.call("GET", _USERINFO_PATH).parsed()
            self._user_id = str(body.get("user_id", "")) if isinstance(body, dict) else ""
        return self._user_id

    def close(self) -> None:
        """Give back the connections."""
        self._transport.close()
        self._door.close()

    def _renew(self) -> None:
        """Sign in, unless another thread did since this one sent its last request."""
        with self._renewal:
            if not self._auth.is_renewed:
                self._sign_in()

    def _sign_in(self) -> None:
        answer = self._door.call(
            "POST",
            _TOKEN_PATH,
            body=urlencode(self._grant.form()).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        body = answer.parsed()
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token.isprintable() or not token.isascii():
            message = "salesforce: signing in gave no token; check SALESFORCE_BASE_URL"
            raise RetryableError(message)
        # The identity address ends in /<organisation id>/<user id>.
        self._user_id = str(body.get("id") or "").rstrip("/").rpartition("/")[2]
        self._auth.token = token

    def _judge_sign_in(self, answer: Answer) -> Again | None:
        status = answer.status
        if status < 300:  # noqa: PLR2004 - success
            return None
        code, _ = first_error(answer)
        if status >= _SERVER or status == _TOO_MANY:
            return Again(f"signing in answered {status} ({code})", retry_after(answer.headers))
        text = f"salesforce: signing in was refused with {status} {code}; {self._grant.hint}"
        raise PermanentError(text)
