"""Ask before each request whether sending may still go on.

Whoever sends says what to ask; whatever makes the requests asks, just before each of them. The
question belongs to the context of the thread, so that neither has to know the other.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# For so long an answer holds. A stop counts from the moment at which its writer is told that it is
# in force, and the writer waits for longer than this.
HOLDS_S = 0.1

_ASKED: ContextVar[Callable[[], None] | None] = ContextVar(
    "asked_before_each_request", default=None
)


@contextmanager
def asked_before_each_request(check: Callable[[], None]) -> Iterator[None]:
    """Have ``check`` asked before every request in this context; it raises to stop."""
    token = _ASKED.set(Remembered(check))
    try:
        yield
    finally:
        _ASKED.reset(token)


def ask() -> None:
    """Ask whether one more request may begin; raises what the check raises."""
    check = _ASKED.get()
    if check is not None:
        check()


@dataclass
class Remembered:
    """A check whose yes holds for an instant, so that eight threads ask it once, not eight times.

    ``clock`` tells seconds, of any beginning.
    """

    check: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    holds_s: float = HOLDS_S
    _until: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> None:
        """Ask, unless the last yes still holds."""
        with self._lock:
            asked_at = self.clock()
            if asked_at >= self._until:
                self.check()
                self._until = asked_at + self.holds_s
