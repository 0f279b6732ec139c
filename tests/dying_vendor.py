"""A line that dies in one of the known ways, on a clock that only waiting moves.

It stands where a client's own line to its vendor is, so that a time-out of half a minute is one
without anybody waiting for it, and every try is counted.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from requests.structures import CaseInsensitiveDict

from activation_pipeline.destinations._exchange import Answer, NoAnswerError

if TYPE_CHECKING:
    from activation_pipeline.destinations._exchange import Request

HTML = b"<html><body>Bad Gateway</body></html>"
WAYS = ("refused", "black hole", "silent", "cut", "503", "502 with a page")


@dataclass
class Time:
    """A clock per thread, since threads wait side by side; ``longest`` is the run's."""

    mine: threading.local = field(default_factory=threading.local)
    longest: float = 0.0

    def clock(self) -> float:
        return getattr(self.mine, "now", 0.0)

    def sleep(self, seconds: float) -> None:
        self.mine.now = self.clock() + seconds
        self.longest = max(self.longest, self.mine.now)


@dataclass
class DyingLine:
    """Answers like the line behind it, as long as ``lives_for`` requests; then no more."""

    behind: Any
    time: Time
    way: str
    lives_for: int = 0
    path: str = ""
    calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, request: Request, *, connect_s: float, read_s: float) -> Answer:
        with self._lock:
            if self.path in request.path and self.lives_for <= 0:
                self.calls += 1
                is_dead = True
            else:
                self.lives_for -= 1
                is_dead = False
        if is_dead:
            return self._die(connect_s, read_s)
        answer: Answer = self.behind.send(request, connect_s=connect_s, read_s=read_s)
        return answer

    def close(self) -> None:
        self.behind.close()

    def _die(self, connect_s: float, read_s: float) -> Answer:
        if self.way == "refused":
            raise NoAnswerError("ConnectionError", applied=False)
        if self.way == "black hole":
            self.time.sleep(connect_s)
            raise NoAnswerError("ConnectTimeout", applied=False)
        if self.way == "silent":
            self.time.sleep(read_s)
            raise NoAnswerError("ReadTimeout", applied=True)
        if self.way == "cut":
            raise NoAnswerError("ConnectionError", applied=True)
        if self.way == "503":
            body = b'{"status": "error", "category": "SERVICE_UNAVAILABLE", "message": "down"}'
            return Answer(503, body, CaseInsensitiveDict())
        return Answer(502, HTML, CaseInsensitiveDict())
