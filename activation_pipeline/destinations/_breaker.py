"""When a destination counts as dead: every thread of a client stops asking it.

Eight exchanges in a row without an answer that can be used (none, or 5xx), or one call that
spent its patience without any, and the client is done with it for good: whoever runs next
begins anew. Being throttled is an answer. Once something failed, no more exchanges are on
their way than the eight have room for, so a dead destination hears of few calls from many
threads.
"""

from __future__ import annotations

import contextlib
import threading

import pybreaker

from activation_pipeline.errors import RetryableError

MOST_FAILED = 8
# A client lives as long as one run; whether the destination came back is the next run's question.
_STAYS_OPEN_S = 7 * 86_400.0


class _FailedError(Exception):
    """Tells pybreaker of a failure; never leaves this module."""


def _fail() -> None:
    raise _FailedError


def _succeed() -> None:
    return


class Breaker:
    """Counts failed exchanges in a row, over all threads of one client."""

    def __init__(self, vendor: str, *, most: int = MOST_FAILED) -> None:
        """Start closed: everything may be asked."""
        self._vendor = vendor
        self._most = most
        # pybreaker runs what it guards under its lock, one call at a time; so only the verdicts
        # go through it, and the exchanges themselves stay side by side.
        self._circuit = pybreaker.CircuitBreaker(
            fail_max=most, reset_timeout=_STAYS_OPEN_S, throw_new_error_on_trip=False
        )
        self._changed = threading.Condition()
        self._on_their_way = 0
        self._begun = 0
        self._begun_before_last_failure = 0
        self._why = ""

    def check(self) -> None:
        """Let a call go on, or end it.

        Raises:
            RetryableError: the destination counts as dead.
        """
        if self._circuit.current_state == pybreaker.STATE_OPEN:
            raise RetryableError(f"{self._vendor}: {self._why}; stopped; run again later")

    def enter(self) -> int:
        """Begin an exchange and number it; where others failed, first wait for room.

        Raises:
            RetryableError: the destination counts as dead.
        """
        with self._changed:
            while self._is_full():
                self._changed.wait()
            self.check()
            self._on_their_way += 1
            self._begun += 1
            return self._begun

    def leave(self, number: int, *, failed: bool) -> None:
        """End an exchange, and say whether it brought no answer that can be used."""
        with self._changed:
            self._on_their_way -= 1
            # A late answer to what was asked before something failed says nothing of now.
            is_news = failed or number > self._begun_before_last_failure
            if is_news and self._circuit.current_state != pybreaker.STATE_OPEN:
                with contextlib.suppress(_FailedError):
                    self._circuit.call(_fail if failed else _succeed)
            if failed:
                self._begun_before_last_failure = self._begun
                self._why = self._why or f"{self._most} calls in a row had no answer"
            self._changed.notify_all()

    def give_up(self, *, tries: int, seconds: float) -> None:
        """Stop everything: one call spent all its patience and never had an answer."""
        with self._changed:
            if self._circuit.current_state != pybreaker.STATE_OPEN:
                self._why = f"{tries} tries over {seconds:.0f} s had no answer"
                self._circuit.open()
            self._changed.notify_all()

    def _is_full(self) -> bool:
        failed = self._circuit.fail_counter
        is_open = self._circuit.current_state == pybreaker.STATE_OPEN
        return not is_open and failed > 0 and failed + self._on_their_way >= self._most
