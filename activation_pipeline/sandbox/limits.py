"""How many requests each destination has taken, in a rolling day, a calendar day and ten seconds.

Daily counts survive a restart; the short window is kept in memory. What a vendor answers when a
limit is reached is the vendor's to say.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.sandbox.store import Store

_HOUR = "%Y-%m-%dT%H"


class Meter:
    """Counts the requests that one vendor admitted."""

    def __init__(self, store: Store, vendor: str) -> None:
        """Count for one vendor."""
        self._store = store
        self._vendor = vendor
        self._recent: list[datetime] = []

    def count(self, now: datetime) -> None:
        """Add one request."""
        self._recent.append(now)
        self._store.run(
            "INSERT INTO usage VALUES (?, ?, 1)"
            " ON CONFLICT (vendor, bucket) DO UPDATE SET used = used + 1",
            self._vendor,
            now.strftime(_HOUR),
        )

    def within(self, window: timedelta, now: datetime) -> int:
        """Return the requests of the last ten seconds or less."""
        del self._recent[: bisect_right(self._recent, now - timedelta(seconds=10))]
        return len(self._recent) - bisect_right(self._recent, now - window)

    def rolling_day(self, now: datetime) -> int:
        """Return the requests of the last 24 hours, to the hour."""
        return self._since((now - timedelta(hours=23)).strftime(_HOUR))

    def calendar_day(self, now: datetime) -> int:
        """Return the requests since midnight UTC."""
        return self._since(now.strftime("%Y-%m-%dT00"))

    def clear(self) -> None:
        """Forget the short window."""
        self._recent.clear()

    def _since(self, bucket: str) -> int:
        found = self._store.rows(
            "SELECT coalesce(sum(used), 0) FROM usage WHERE vendor=? AND bucket>=?",
            self._vendor,
            bucket,
        )
        return int(found[0][0])
