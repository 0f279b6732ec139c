"""Standings that are kept between two looks at the board.

Each is read with a dozen queries, which for fifty contracts takes longer than a page may. So one is
read again when its file or the ledger has something new, when an end that it names has come, and
else in turns, the oldest first: some states come with time alone. Nothing is kept for long.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from datetime import datetime

    from activation_pipeline.loading import Checked
    from activation_pipeline.standing import Standing

    Read = Callable[[Mapping[str, Checked], datetime], Mapping[str, Standing]]

FRESH_FOR = timedelta(seconds=15)
KEPT_FOR = timedelta(minutes=3)
IN_TURNS = 12


@dataclass(frozen=True)
class _Kept:
    checked: Checked
    mark: Hashable
    at: datetime
    standing: Standing

    def is_over(self, now: datetime) -> bool:
        """Say whether time alone may have changed it, for sure or by now."""
        ends = (each.until for each in (self.standing, *self.standing.also))
        is_old = not timedelta() <= now - self.at < KEPT_FOR
        return is_old or any(end is not None and self.at < end <= now for end in ends)


class Keeping:
    """Keeps the standings of one installation; any thread may ask."""

    def __init__(self, read: Read) -> None:
        """Read standings with a function: contract files and a moment in, one each out."""
        self._read = read
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def standings(
        self, every: Mapping[str, Checked], marks: Mapping[str, Hashable], *, now: datetime
    ) -> dict[str, Standing]:
        """Give the standing of every contract file.

        Args:
            every: the contract files as they are.
            marks: per contract, a value that differs once the ledger has something new; read
                before this is called, so that what is added meanwhile is read next time.
            now: UTC.
        """
        with self._lock:
            known = {name: kept for name, kept in self._kept.items() if name in every}
        wanted = {
            name: checked
            for name, checked in every.items()
            if name not in known
            # Not by value: two problems of one place are equal, whatever they say.
            or known[name].checked is not checked
            or known[name].mark != marks.get(name)
            or known[name].is_over(now)
        }
        aged = [n for n, k in known.items() if n not in wanted and now - k.at >= FRESH_FOR]
        oldest = sorted(aged, key=lambda name: known[name].at)
        wanted |= {name: every[name] for name in oldest[: max(0, IN_TURNS - len(wanted))]}
        found = self._read(wanted, now) if wanted else {}
        known |= {
            name: _Kept(every[name], marks.get(name), now, standing)
            for name, standing in found.items()
        }
        with self._lock:
            self._kept = known
        return {name: known[name].standing for name in every}
