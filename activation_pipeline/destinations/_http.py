"""One vendor's requests over one kept connection: time limits, waits and repeats.

A vendor's judge decides which answers are worth another try; this module repeats within
bounds and tells apart what was surely not applied (``RetryableError``) from what may have
been (``UnansweredError``). It knows no vendor, keeps no state between clients, and never
puts an address, a body or a credential into a message.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import requests
import tenacity
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from activation_pipeline.destinations._settings import is_loopback
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.structures import CaseInsensitiveDict

_USER_AGENT = "activation-pipeline"
_LONGEST_BACK_OFF_S = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one request is tried before it is given up: ``tries`` and ``total_s`` in all."""

    tries: int = 6
    total_s: float = 90.0
    connect_s: float = 10.0
    read_s: float = 120.0
    first_wait_s: float = 0.5


DEFAULT_PATIENCE = Patience()


class UnansweredError(RetryableError):
    """No trustworthy answer, and the request may have been applied: read back, never assume."""


class NotJsonError(ValueError):
    """A body that is empty, cut short or a page for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the raw body and the headers."""

    status: int
    body: bytes
    headers: CaseInsensitiveDict[str]

    def json(self) -> Any:
        """Parse the body.

        Raises:
            NotJsonError: the body cannot be trusted.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            message = f"a body of {len(self.body)} bytes that is not JSON"
            raise NotJsonError(message) from None

    def parsed(self) -> Any:
        """Parse the body, or answer None where it is not JSON."""
        try:
            return self.json()
        except NotJsonError:
            return None


@dataclass(frozen=True, slots=True)
class Again:
    """A judge's word that an answer is worth another try.

    ``wait_s`` None means back off; ``applied`` that the request may have been carried out;
    ``renew`` that the credential has to be renewed first.
    """

    reason: str
    wait_s: float | None = None
    applied: bool = False
    renew: bool = False


class _AgainError(Exception):
    def __init__(self, verdict: Again, *, final: bool) -> None:
        self.verdict = verdict
        self.final = final
        super().__init__(verdict.reason)


class BearerAuth(AuthBase):
    """Puts the current token on each request; also keeps a ``.netrc`` from replacing it."""

    def __init__(self, token: str = "") -> None:
        """Start with a token, or with none until the first renewal."""
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def __repr__(self) -> str:
        """Show that there is a token, never the token."""
        return "BearerAuth(token=***)" if self.token else "BearerAuth(no token)"


@dataclass(frozen=True, slots=True)
class Clockwork:
    """How a client waits and measures; tests pass their own."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


DEFAULT_CLOCKWORK = Clockwork()


@dataclass(slots=True)
class _Call:
    method: str
    path: str
    body: bytes | None
    params: Mapping[str, str] | None
    headers: Mapping[str, str]
    repeat: bool
    started: float
    applied: bool = False
    renewed: bool = False


class Transport:
    """Sends requests below one address; not shared between threads."""

    def __init__(
        self,
        *,
        vendor: str,
        base_url: str,
        judge: Callable[[Answer], Again | None],
        auth: AuthBase | None = None,
        renew: Callable[[], None] | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        clockwork: Clockwork = DEFAULT_CLOCKWORK,
    ) -> None:
        """Prepare a session; nothing is sent."""
        self._vendor = vendor
        self._base_url = base_url
        self._judge = judge
        self._renew = renew
        self.patience = patience
        self.clockwork = clockwork
        self._session = requests.Session()
        # No proxy ever stands between two programs of one machine, and looking for one costs
        # a tenth of a millisecond per request.
        self._session.trust_env = not is_loopback(base_url)
        self._session.auth = auth
        self._session.headers.update({"User-Agent": _USER_AGENT, "Accept": "application/json"})

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
        """Send one request and bring back an answer that the judge accepts.

        Args:
            method: the HTTP method.
            path: below the base address, already percent-encoded.
            body: JSON, unless ``headers`` say otherwise.
            params: the query.
            headers: in addition to the session's.
            repeat: whether a request that may have been applied may be sent again.

        Raises:
            UnansweredError: it may have been applied, and no answer says so.
            RetryableError: surely not applied; throttled or unavailable beyond our patience.
            PermanentError: as the judge says.
        """
        sent = {"Content-Type": "application/json"} if body is not None else {}
        call = _Call(
            method, path, body, params, {**sent, **(headers or {})}, repeat, self.clockwork.clock()
        )
        try:
            return self._retrying(call)(self._attempt, call)
        except _AgainError as again:
            raise self._gave_up(call, again.verdict) from None
        except (RetryableError, PermanentError) as error:
            if call.applied and not isinstance(error, UnansweredError):
                raise UnansweredError(str(error)) from None
            raise

    def close(self) -> None:
        """Give back the connections."""
        self._session.close()

    def _gave_up(self, call: _Call, verdict: Again) -> RetryableError:
        kind = UnansweredError if call.applied else RetryableError
        message = f"{self._vendor}: {verdict.reason}, given up within our patience; try later"
        return kind(message, retry_after=verdict.wait_s)

    def _retrying(self, call: _Call) -> tenacity.Retrying:
        def stop(state: tenacity.RetryCallState) -> bool:
            spent = self.clockwork.clock() - call.started + state.upcoming_sleep
            return state.attempt_number >= self.patience.tries or spent > self.patience.total_s

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            named = error.verdict.wait_s if isinstance(error, _AgainError) else None
            backed_off = self.patience.first_wait_s * 2.0 ** (state.attempt_number - 1)
            return min(backed_off, _LONGEST_BACK_OFF_S) if named is None else named

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, _AgainError) and not error.final
            ),
            stop=stop,
            wait=wait,
            sleep=self.clockwork.sleep,
            reraise=True,
        )

    def _attempt(self, call: _Call) -> Answer:
        answer = self._exchange(call)
        verdict = self._judge(answer)
        if verdict is None:
            return answer
        if verdict.renew:
            if self._renew is None or call.renewed:
                message = f"{self._vendor}: {verdict.reason}, also with a new credential"
                raise PermanentError(message)
            call.renewed = True
            self._renew()
        call.applied = call.applied or verdict.applied
        raise _AgainError(verdict, final=verdict.applied and not call.repeat)

    def _exchange(self, call: _Call) -> Answer:
        try:
            response = self._session.request(
                call.method,
                self._base_url + call.path,
                params=call.params,
                data=call.body,
                headers=call.headers,
                timeout=(self.patience.connect_s, self.patience.read_s),
                allow_redirects=False,  # a redirect would carry the credential elsewhere
            )
        except requests.exceptions.SSLError:
            message = f"{self._vendor}: the certificate is not trusted; check the address"
            raise PermanentError(message) from None
        except requests.RequestException as error:
            # The library's own text has the whole address, so only the kind of error is told.
            applied = not _is_surely_unsent(error)
            call.applied = call.applied or applied
            verdict = Again(f"no answer ({type(error).__name__})", applied=applied)
            raise _AgainError(verdict, final=applied and not call.repeat) from None
        return Answer(response.status_code, response.content, response.headers)


def _is_surely_unsent(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
