"""What an expiry did, or would do: counted by records, said in words, never with a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from activation_pipeline.amending.tally import Tally
from activation_pipeline.notation import elapsed, written_duration

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from activation_pipeline.report import Report

# Held back by an expiry that goes on later: meanwhile somebody changed it, or it was refreshed.
OVERTAKEN, REFRESHED = "changed_since", "refreshed_since"
# What nobody chose to leave: somebody has to look.
_BY_HAND = frozenset(
    {"cannot_clear", "cannot_be_empty", "unanswered", "ambiguous_in_destination",
     "other_record_in_destination"}
)  # fmt: skip
_GREEN = frozenset({"delivered", "nothing_to_send"})


@dataclass(frozen=True)
class Expired:
    """What an expiry did in one destination, or would do.

    ``over`` counts the records of which something is over, dealt with before or now; ``plan`` takes
    values away (None: there was nothing to deal with); ``first`` is when the oldest of what was
    dealt with now expired, ``next`` when something does next (UTC). ``reports`` say what became of
    the rows that were sent: an interrupted expiry's first, then this one's.
    """

    contract: str
    destination: str
    limit: timedelta
    at: datetime
    over: int = 0
    plan: str | None = None
    first: datetime | None = None
    next: datetime | None = None
    tally: Tally = field(default_factory=Tally)
    reports: tuple[Report, ...] = ()
    dry_run: bool = False

    @property
    def is_whole(self) -> bool:
        """Say whether everything was dealt with; what was left on purpose does not count."""
        arrived = all(
            each.outcome in _GREEN and set(each.faults) <= {OVERTAKEN, REFRESHED}
            for each in self.reports
        )
        return arrived and not _BY_HAND.intersection(self.tally.left)

    @property
    def headline(self) -> str:
        """Say it in one line, with counts and never a value."""
        where = f"{self.contract}: {self.destination}"
        upcoming = f"; the next at {self.next:%Y-%m-%d %H:%M} UTC" if self.next else ""
        return f"{where}: {self._done}{upcoming}"

    @property
    def _done(self) -> str:
        promise = f"not refreshed for {written_duration(self.limit)}"
        finished = self.reports[:-1] if self.plan and not self.dry_run else self.reports
        again = [f"{each.totals.accepted} of an interrupted expiry" for each in finished]
        if self.plan is None and not again:
            known = f", {self.over:,} dealt with before" if self.over else ""
            return f"nothing expires now{known}"
        counts = [f"{count:,} {word}" for word, count in self.tally.counts.items()]
        lost = sum(each.totals.rejected + each.totals.unknown for each in self.reports)
        late = f"; {lost:,} did not arrive" if lost else ""
        told = ", ".join([*counts, *again])
        would = "would be " if self.dry_run else ""
        since = f" (the first {elapsed(self.at - self.first)} ago)" if self.first else ""
        return f"{promise}: {would}{told}{since}{late}"
