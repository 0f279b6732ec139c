"""Rules on time: cadence, time zone, staleness, decision window and expiry.

Source: "Freshness expectation: cadence, staleness threshold, and expiry rule", and the gate
"the field or audience refreshes inside the decision window".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from activation_pipeline.loading.places import Finding
from activation_pipeline.loading.wording import shown
from activation_pipeline.notation import written_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.contract import Freshness, Workflow

_FIELDS = 5
_FIELD = re.compile(
    r"([0-9*/,-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)+",
    re.IGNORECASE,
)
# Any day will do to measure the gaps of a schedule; a fixed one gives the same answer always.
_ANY_START = datetime(2026, 1, 1, tzinfo=UTC)
_TIMES = 60


def refresh_is_a_schedule(freshness: Freshness) -> Iterator[Finding]:
    """The cadence is a cron schedule of five fields that comes to pass."""
    if _gaps(freshness.refresh) is None:
        message = (
            f"{shown(freshness.refresh)} is not a cron schedule that ever runs; "
            'write five fields, as in "0 6 * * *"'
        )
        yield Finding(("freshness", "refresh"), "not_a_schedule", message)


def timezone_exists(freshness: Freshness) -> Iterator[Finding]:
    """The time zone is one of the IANA database."""
    try:
        ZoneInfo(freshness.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{shown(freshness.timezone)} is not a time zone; write UTC or Europe/Berlin"
        yield Finding(("freshness", "timezone"), "unknown_timezone", message)


def refresh_fits_window(workflow: Workflow, freshness: Freshness) -> Iterator[Finding]:
    """Values are refreshed at least once in a decision window."""
    gaps = _gaps(freshness.refresh)
    if gaps is None:
        return
    shortest, longest = gaps
    window = workflow.decision_window
    if window >= longest:
        return
    never = window < shortest
    gap = written_duration(shortest if never else longest)
    message = (
        f"{shown(freshness.refresh)} leaves {gap} between refreshes, the decision window is "
        f"{written_duration(window)}; refresh more often"
    )
    yield Finding(
        ("freshness", "refresh"), "window_missed", message, severity="error" if never else "warning"
    )


def stale_inside_window(workflow: Workflow, freshness: Freshness) -> Iterator[Finding]:
    """A value counts as stale before it is worthless for the decision."""
    if freshness.stale_after > workflow.decision_window:
        window = written_duration(workflow.decision_window)
        message = (
            f"{written_duration(freshness.stale_after)} is longer than the decision window of "
            f"{window}: worthless values would count as fresh; write at most {window}"
        )
        yield Finding(("freshness", "stale_after"), "stale_after_window", message)


def expiry_follows_staleness(freshness: Freshness) -> Iterator[Finding]:
    """A delivered value does not expire before it counts as stale."""
    if freshness.expire_after < freshness.stale_after:
        stale = written_duration(freshness.stale_after)
        message = (
            f"{written_duration(freshness.expire_after)} is shorter than stale_after ({stale}); "
            f"write {stale} or more"
        )
        yield Finding(("freshness", "expire_after"), "expires_before_stale", message)


@lru_cache(maxsize=256)
def _gaps(schedule: str) -> tuple[timedelta, timedelta] | None:
    """Measure the shortest and longest time between two runs; None for what never runs."""
    fields = schedule.split()
    if len(fields) != _FIELDS or not all(_FIELD.fullmatch(field) for field in fields):
        return None
    try:
        times = croniter(" ".join(fields), _ANY_START, ret_type=datetime)
        runs = [times.get_next(datetime) for _ in range(_TIMES)]
    except ValueError:  # croniter's own errors are ValueErrors
        return None
    gaps = [after - before for before, after in pairwise(runs)]
    return min(gaps), max(gaps)
