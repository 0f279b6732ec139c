"""The pace of one account: no thread and no process asks more often than the vendor allows.

A request waits for its turn under a limit that is known beforehand, and the answers correct
it: a limit that is larger or smaller, an account that somebody else uses too, a 429. What the
vendor's headers mean is the vendor module's to say; here it is a ``Told``.

Requests are counted over the moments that just passed, also where the vendor's windows begin
on the clock: whatever the two clocks say, no window of his then has more than he allows.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from activation_pipeline.destinations._exchange import DEFAULT_CLOCKWORK, Clockwork
from activation_pipeline.destinations._pace_log import Books, Log
from activation_pipeline.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests.structures import CaseInsensitiveDict

_SHARE_LEFT = 20
_LEAST_SHARE = 4
_SPARE = 2
_WHILE = 0.1
_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The vendor's limit: ``most`` requests in ``interval_s``; None is no limit that we know.

    ``is_fixed`` where a setting says so: an answer may then lower it and never raise it.
    """

    most: int | None
    interval_s: float
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says: the limit, what is left of it now, and how soon there is more.

    ``pause_s`` is None where the vendor counts a window that rolls: then there is more when our
    own requests leave it.
    """

    most: int
    left: int
    pause_s: float | None = None


@dataclass(slots=True)
class _Lane:
    """One limit: its log, what is held against it, and what the answers leave room for."""

    ceiling: Ceiling
    most: int | None
    log: Log | None = None
    held_until: float = 0.0
    room: int | None = None
    on_their_way: int = 0
    sent: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


@dataclass(slots=True)
class Pace:
    """Lets requests of one account go when it is their turn.

    ``lane_of`` names the limit that a path counts against, ``told`` reads an answer's headers;
    ``at_once`` is how many requests may be on their way together.
    """

    ceilings: Mapping[str, Ceiling]
    lane_of: Callable[[str], str]
    told: Callable[[CaseInsensitiveDict[str]], Told | None]
    at_once: int
    file: Path | None = None
    clockwork: Clockwork = DEFAULT_CLOCKWORK
    _books: Books = field(init=False, repr=False)
    _lanes: dict[str, _Lane] = field(init=False, repr=False)
    _changed: threading.Condition = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Set up a lane per limit; no file is opened."""
        self._books = Books(self.file)
        self._changed = threading.Condition()
        self._lanes = {
            name: _Lane(one, one.most and one.most - self._margin(one.most))
            for name, one in self.ceilings.items()
        }

    def wait(self, path: str) -> float:
        """Wait until a request may go; say how long that took. ``heard`` must follow.

        Raises:
            RetryableError: the shared count cannot be used.
        """
        name = self.lane_of(path)
        lane, began = self._lanes[name], self.clockwork.clock()
        while (delay_s := self._delay(name, lane)) > 0:
            self.clockwork.sleep(delay_s)
        return self.clockwork.clock() - began

    def heard(self, path: str, headers: CaseInsensitiveDict[str] | None) -> None:
        """End a request; None where no answer came."""
        lane = self._lanes[self.lane_of(path)]
        with self._changed:
            lane.on_their_way -= 1
            self._changed.notify_all()
            if headers is None:
                return
            told = self.told(headers)
            if told is not None:
                self._correct(lane, told)
            else:
                lane.room = None  # an answer that tells nothing leaves the pace to the log

    def hold(self, path: str, seconds: float) -> None:
        """Let nobody go for so long: the vendor refused a request for being one too many."""
        lane = self._lanes[self.lane_of(path)]
        with self._changed:
            lane.held_until = max(lane.held_until, self.clockwork.clock() + seconds)
            lane.room = 0

    def seconds(self, name: str, requests: int) -> float:
        """Say how long so many requests take at least, under one limit."""
        lane = self._lanes[name]
        if lane.most is None or requests <= 0:
            return 0.0
        return (requests - 1) // lane.most * lane.ceiling.interval_s

    def close(self) -> None:
        """Close the shared count."""
        self._books.close()
        for lane in self._lanes.values():
            lane.log = None

    def _delay(self, name: str, lane: _Lane) -> float:
        """Take a turn and answer 0, or answer how long to wait before asking again."""
        with self._changed:
            while True:
                held_s = lane.held_until - self.clockwork.clock()
                if held_s > 0:
                    return held_s
                # Where the answers leave no room, one request goes alone and finds out.
                if lane.room is None or lane.room > 0 or not lane.on_their_way:
                    break
                self._changed.wait()
            delay_s = self._taken(name, lane)
            if not delay_s:
                lane.on_their_way += 1
                lane.sent.append(self.clockwork.clock())
                if lane.room:
                    lane.room -= 1
            return delay_s

    def _taken(self, name: str, lane: _Lane) -> float:
        if lane.most is None:
            return 0.0
        if lane.log is None:
            interval_ms = int(lane.ceiling.interval_s * 1000)
            lane.log = self._books.log(name, most=lane.most, interval_ms=interval_ms)
        return lane.log.take(self.clockwork.today())

    def _correct(self, lane: _Lane, told: Told) -> None:
        margin, known = self._margin(told.most), lane.ceiling.most
        if known is not None:
            allowed = told.most - margin - self._others(lane, told, margin)
            if lane.ceiling.is_fixed:
                allowed = min(allowed, known - self._margin(known))
            self._change(lane, max(allowed, min(margin, known), 1))
        # Half of the margin is left to others; our own full pace does not come near it.
        lane.room = told.left - margin // 2 - lane.on_their_way
        if lane.room <= 0:
            pause_s = self._until_some_left(lane, margin) if told.pause_s is None else told.pause_s
            lane.held_until = max(lane.held_until, self.clockwork.clock() + pause_s)

    def _others(self, lane: _Lane, told: Told, margin: int) -> int:
        """Count what somebody else asked in the window that rolls, where it is more than a few."""
        if told.pause_s is not None or lane.log is None:
            return 0
        used = told.most - told.left
        if used - self._ours(lane) <= margin // 2:
            return 0
        try:
            ours = max(self._ours(lane), lane.log.shared(self.clockwork.today()))
        except RetryableError:
            return 0  # the request is answered, so this is no time to fail; the next one will
        others = used - ours
        return others if others > margin // 2 else 0

    def _ours(self, lane: _Lane) -> int:
        oldest = self.clockwork.clock() - lane.ceiling.interval_s
        while lane.sent and lane.sent[0] <= oldest:
            lane.sent.popleft()
        return len(lane.sent)

    def _until_some_left(self, lane: _Lane, count: int) -> float:
        """Say when that many of our requests have left the window; a while where we had few.

        Asking sooner would find an account that others fill as empty as before.
        """
        window_s = lane.ceiling.interval_s
        if self._ours(lane) < count:
            return window_s * _WHILE
        return lane.sent[count - 1] + window_s - self.clockwork.clock()

    def _change(self, lane: _Lane, most: int) -> None:
        if lane.most != most:
            lane.most = most
            if lane.log is not None:
                lane.log.set_most(most)

    def _margin(self, most: int) -> int:
        """Say how much of a limit is not used.

        A request may reach the vendor later than the ones before and after it, so as many as are
        on their way at once can fall into his next window as well.
        """
        return min(max(-(-most // _SHARE_LEFT), self.at_once + _SPARE), most // _LEAST_SHARE)


def pace_file(environment: Mapping[str, str], kind: str, *secrets: str) -> Path | None:
    """Say where the processes of this installation count the requests of one account together.

    The name has a hash of address and token: of neither can anything be read from it.
    """
    home = environment.get("ACTIVATION_HOME", "").strip()
    if not home:
        return None
    mark = hashlib.sha256("\n".join(secrets).encode()).hexdigest()[:16]
    return Path(home) / "limits" / f"{kind}-{mark}.sqlite"
