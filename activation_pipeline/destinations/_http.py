"""One vendor's requests: repeats within bounds, at the vendor's pace, until he counts as dead.

A vendor's judge decides which answers are worth another try; this module repeats within
bounds and tells apart what was surely not applied (``RetryableError``) from what may have
been (``UnansweredError``). It knows no vendor, keeps no state between clients, and never
puts an address, a body or a credential into a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import tenacity

from activation_pipeline.destinations._breaker import Breaker
from activation_pipeline.destinations._exchange import (
    DEFAULT_CLOCKWORK,
    DEFAULT_PATIENCE,
    Answer,
    BearerAuth,
    Clockwork,
    Line,
    NoAnswerError,
    NotJsonError,
    Patience,
    Request,
    UntrustedError,
)
from activation_pipeline.errors import PermanentError, RetryableError
from activation_pipeline.permission import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.auth import AuthBase
    from requests.structures import CaseInsensitiveDict

    from activation_pipeline.destinations._pace import Pace

__all__ = [
    "DEFAULT_CLOCKWORK",
    "DEFAULT_PATIENCE",
    "Again",
    "Answer",
    "BearerAuth",
    "Clockwork",
    "NotJsonError",
    "Patience",
    "Transport",
    "UnansweredError",
]

_LONGEST_BACK_OFF_S = 30.0
_SHORTEST_TIMEOUT_S = 0.1
_SERVER = 500


class UnansweredError(RetryableError):
    """No trustworthy answer, and the request may have been applied: read back, never assume."""


@dataclass(frozen=True, slots=True)
class Again:
    """A judge's word that an answer is worth another try.

    ``wait_s`` None means back off; ``applied`` that the request may have been carried out;
    ``renew`` that the credential has to be renewed first; ``throttled`` that the account was
    asked too often, so every thread waits.
    """

    reason: str
    wait_s: float | None = None
    applied: bool = False
    renew: bool = False
    throttled: bool = False


class _AgainError(Exception):
    def __init__(self, verdict: Again, *, final: bool) -> None:
        self.verdict = verdict
        self.final = final
        super().__init__(verdict.reason)


@dataclass(slots=True)
class _Call:
    """One request and what its tries came to; ``excused_s`` were waits for a limit."""

    request: Request
    repeat: bool
    started: float
    excused_s: float = 0.0
    throttled_s: float = 0.0
    tries: int = 0
    answered: bool = False
    applied: bool = False
    renewed: bool = False


class Transport:
    """Sends requests below one address, from any number of threads, which share one fate."""

    def __init__(
        self,
        *,
        vendor: str,
        base_url: str,
        judge: Callable[[Answer], Again | None],
        auth: AuthBase | None = None,
        renew: Callable[[], None] | None = None,
        pace: Pace | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        clockwork: Clockwork = DEFAULT_CLOCKWORK,
    ) -> None:
        """Prepare; nothing is sent."""
        self._vendor = vendor
        self._judge = judge
        self._renew = renew
        self.pace = pace
        self.patience = patience
        self.clockwork = clockwork
        # What the vendor said last of limits and quotas; a page of a proxy says nothing of them.
        self.newest: CaseInsensitiveDict[str] | None = None
        self._line = Line(base_url, auth)
        self._breaker = Breaker(vendor)

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
            RetryableError: surely not applied; throttled or unavailable beyond our patience,
                or the destination counts as dead.
            PermanentError: as the judge says.
            RefusedError: somebody stopped the delivery; what was tried before may have arrived.
        """
        sent = {"Content-Type": "application/json"} if body is not None else {}
        request = Request(method, path, body, params, {**sent, **(headers or {})})
        call = _Call(request, repeat, self.clockwork.clock())
        try:
            return self._retrying(call)(self._attempt, call)
        except _AgainError as again:
            raise self._gave_up(call, again) from None
        except (RetryableError, PermanentError) as error:
            if call.applied and not isinstance(error, UnansweredError):
                raise UnansweredError(str(error)) from None
            raise

    def close(self) -> None:
        """Give back the connections."""
        self._line.close()
        if self.pace is not None:
            self.pace.close()

    def _gave_up(self, call: _Call, again: _AgainError) -> RetryableError:
        if not call.answered and not again.final:
            self._breaker.give_up(tries=call.tries, seconds=self._spent_s(call))
        kind = UnansweredError if call.applied else RetryableError
        reason, wait_s = again.verdict.reason, again.verdict.wait_s
        message = f"{self._vendor}: {reason}, given up within our patience; try later"
        return kind(message, retry_after=wait_s)

    def _spent_s(self, call: _Call) -> float:
        return self.clockwork.clock() - call.started - call.excused_s

    def _retrying(self, call: _Call) -> tenacity.Retrying:
        def stop(state: tenacity.RetryCallState) -> bool:
            if state.attempt_number >= self.patience.tries:
                return True
            if _verdict(state).throttled:
                return call.throttled_s > self.patience.throttled_s
            return self._spent_s(call) + state.upcoming_sleep > self.patience.total_s

        def wait(state: tenacity.RetryCallState) -> float:
            verdict = _verdict(state)
            backed_off = self.patience.first_wait_s * 2.0 ** (state.attempt_number - 1)
            delay_s = verdict.wait_s
            if delay_s is None:
                delay_s = min(backed_off, _LONGEST_BACK_OFF_S)
            if verdict.throttled:
                call.throttled_s += delay_s
                call.excused_s += delay_s
                if self.pace is not None and call.throttled_s <= self.patience.throttled_s:
                    self.pace.hold(call.request.path, delay_s)
            return delay_s

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
        self._breaker.check()
        answer = self._paced(call) if self.pace is not None else self._exchange(call)
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

    def _paced(self, call: _Call) -> Answer:
        pace, path = self.pace, call.request.path
        if pace is None:
            return self._exchange(call)
        call.excused_s += pace.wait(path)
        answer = None
        try:
            answer = self._exchange(call)
        finally:
            pace.heard(path, answer.headers if answer is not None else None)
        return answer

    def _exchange(self, call: _Call) -> Answer:
        # Last of all, after every wait: somebody may have stopped us meanwhile.
        ask()
        number = self._breaker.enter()
        failed = True
        # What is left of the patience bounds each try, or a destination that takes every request
        # and never answers would cost a full time-out per try.
        left_s = max(_SHORTEST_TIMEOUT_S, self.patience.total_s - self._spent_s(call))
        call.tries += 1
        try:
            answer = self._line.send(
                call.request,
                connect_s=min(self.patience.connect_s, left_s),
                read_s=min(self.patience.read_s, left_s),
            )
            failed = answer.status >= _SERVER
        except UntrustedError:
            failed = False
            message = f"{self._vendor}: the certificate is not trusted; check the address"
            raise PermanentError(message) from None
        except NoAnswerError as error:
            call.applied = call.applied or error.applied
            verdict = Again(str(error), applied=error.applied)
            raise _AgainError(verdict, final=error.applied and not call.repeat) from None
        finally:
            self._breaker.leave(number, failed=failed)
        call.answered = True
        if not failed:
            self.newest = answer.headers
        return answer


def _verdict(state: tenacity.RetryCallState) -> Again:
    error = state.outcome.exception() if state.outcome else None
    return error.verdict if isinstance(error, _AgainError) else Again("")
