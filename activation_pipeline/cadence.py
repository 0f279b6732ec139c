"""When a contract should run, by its own cadence, and since when it should have and did not.

The cadence is a cron schedule in a time zone. Nothing here asks a scheduler: a contract whose
schedule is switched off, or whose scheduler is down, is overdue like any other.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import groupby, takewhile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from croniter import croniter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime

# Between the due moment and the start of a preparation dbt builds the models that it reads, and
# waits for its turn at the warehouse.
LONGEST_GRACE = timedelta(hours=1)
_A_DAY = timedelta(days=1)
_A_MINUTE = timedelta(minutes=1)
_AN_INSTANT = timedelta(microseconds=1)


def due(contract: Contract, *, after: datetime, before: datetime) -> tuple[datetime, ...]:
    """List the moments at which the contract is due, later than ``after`` and up to ``before``.

    They are the moments of a Dagster schedule with the same cron line and time zone. A wall-clock
    time that daylight saving skips is due when the skipped hour ends, one that it repeats is due
    the second time; a schedule of every hour runs once in each hour that there really is.

    Returns:
        Moments in UTC, in order. Months of a schedule of minutes are a long list.

    Source: "Freshness expectation: cadence"; Dagster's documentation, "Execution times and
    daylight savings time" (read 2026-11-22).
    """
    return tuple(takewhile(lambda moment: moment <= before, _moments(contract, after)))


def grace(contract: Contract) -> timedelta:
    """Say how long after the due moment a preparation may start: a quarter of the window.

    Whoever acts on the value has to hear of it while it can still be refreshed inside the
    decision window; more than an hour is never needed.

    Source: "Gate Freshness: the field or audience refreshes inside the decision window".
    """
    return min(LONGEST_GRACE, contract.workflow.decision_window / 4)


def overdue_since(contract: Contract, runtime: Runtime, *, now: datetime) -> datetime | None:
    """Find the first due moment that no preparation started at or after; None: it is on time.

    A contract that was never prepared is due from the day after its newest approval; without an
    approval nothing was promised yet. A preparation that failed has run: see ``failed_runs``.
    """
    after = runtime.ledger.history.last_preparation(contract.name) or _launched(contract)
    missed = missed_since(contract, after=after, now=now) if after else None
    return missed if missed is not None and now - missed > grace(contract) else None


def missed_since(contract: Contract, *, after: datetime, now: datetime) -> datetime | None:
    """Find the first due moment later than ``after`` that is past, without any grace."""
    zone = ZoneInfo(contract.freshness.timezone)
    # Schedulers differ in which of two equal wall-clock times they take: either one counts.
    missed = next(m for m in _moments(contract, after) if _first_of_two(m, zone) > after)
    return missed if missed <= now else None


def _launched(contract: Contract) -> datetime | None:
    """Find the last instant of the newest approval's day, in the contract's time zone."""
    days = [approval.on for approval in contract.launch.approvals]
    if not days:
        return None
    zone = ZoneInfo(contract.freshness.timezone)
    return datetime.combine(max(days) + _A_DAY, time(), zone).astimezone(UTC) - _AN_INSTANT


def _moments(contract: Contract, after: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(contract.freshness.timezone)
    hours = contract.freshness.refresh.split()[1]
    every_hour = hours in {"*", "*/1"}
    # croniter alone loses or doubles runs where clocks change, so it is asked for wall-clock
    # times only. A day earlier, because a repeated hour lies behind a later wall-clock time.
    start = after.astimezone(zone).replace(tzinfo=None) - _A_DAY
    walls = croniter(contract.freshness.refresh, start, ret_type=datetime).all_next(datetime)
    last = after
    for _, times in groupby(walls, key=datetime.date):
        for moment in sorted(m for wall in times for m in _real(wall, zone, every_hour=every_hour)):
            if moment > last:
                last = moment
                yield moment


def _real(wall: datetime, zone: ZoneInfo, *, every_hour: bool) -> list[datetime]:
    """Find the moments of one wall-clock time: one, none, or two."""
    if not _exists(wall, zone):
        if every_hour:
            return []
        while not _exists(wall, zone):
            wall = wall.replace(second=0) + _A_MINUTE
    both = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(both) if every_hour else [max(both)]


def _first_of_two(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(fold=0).astimezone(UTC)


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    there = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there.replace(tzinfo=None) == wall
