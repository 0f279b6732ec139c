"""When a contract is due, where clocks change too, and since when a run is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import contract_dict
from desk import build

from activation_pipeline.cadence import due, grace, overdue_since
from activation_pipeline.contract import Contract

if TYPE_CHECKING:
    from company import Company

HOUR = timedelta(hours=1)


def on_schedule(refresh: str, timezone: str = "UTC", **changes: Any) -> Contract:
    freshness = contract_dict()["freshness"] | {"refresh": refresh, "timezone": timezone}
    return Contract.model_validate(contract_dict(freshness=freshness, **changes))


def moments(refresh: str, timezone: str, first: str, last: str) -> list[str]:
    """The due moments between two UTC moments, as text without the year."""
    found = due(
        on_schedule(refresh, timezone),
        after=datetime.fromisoformat(first),
        before=datetime.fromisoformat(last),
    )
    assert all(each.tzinfo is UTC for each in found)
    return [f"{each:%m-%d %H:%M}" for each in found]


def test_a_due_moment_is_later_than_the_first_and_up_to_the_last() -> None:
    found = moments("0 6 * * *", "UTC", "2026-11-20T06:00Z", "2026-11-22T06:00Z")
    assert found == ["11-21 06:00", "11-22 06:00"]


def test_the_cadence_keeps_the_wall_clock_of_its_zone() -> None:
    found = moments("0 6 * * *", "Europe/Berlin", "2026-10-24T00:00Z", "2026-10-26T12:00Z")
    assert found == ["10-24 04:00", "10-25 05:00", "10-26 05:00"]


@pytest.mark.parametrize(
    ("zone", "day", "end_of_gap"),
    [
        ("Europe/Berlin", "2026-03-29", "03-29 01:00"),
        ("America/New_York", "2026-03-08", "03-08 07:00"),
    ],
)
def test_a_skipped_time_is_due_when_the_skipped_hour_ends(
    zone: str, day: str, end_of_gap: str
) -> None:
    found = moments("30 2 * * *", zone, f"{day}T00:00Z", f"{day}T12:00Z")
    assert found == [end_of_gap]


@pytest.mark.parametrize(
    ("zone", "refresh", "day", "second_time"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-10-25", "10-25 01:30"),
        ("America/New_York", "30 1 * * *", "2026-11-01", "11-01 06:30"),
    ],
)
def test_a_repeated_time_is_due_once_the_second_time(
    zone: str, refresh: str, day: str, second_time: str
) -> None:
    assert moments(refresh, zone, f"{day}T00:00Z", f"{day}T12:00Z") == [second_time]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
    ],
)
def test_an_hourly_schedule_runs_once_in_every_real_hour(zone: str, day: str, hours: int) -> None:
    contract = on_schedule("0 * * * *", zone)
    midnight = {"Europe/Berlin": -2, "America/New_York": 4}[zone]
    start = datetime.fromisoformat(f"{day}T00:00Z") + midnight * HOUR
    if day in {"2026-03-29", "2026-03-08"}:
        start += HOUR
    found = due(contract, after=start - HOUR / 2, before=start + hours * HOUR - HOUR / 2)
    assert found == tuple(start + n * HOUR for n in range(hours))


def test_a_schedule_of_single_minutes_in_a_repeated_hour_runs_once_each_in_order() -> None:
    found = moments("*/20 2 * * *", "Europe/Berlin", "2026-10-25T00:00Z", "2026-10-25T12:00Z")
    assert found == ["10-25 01:00", "10-25 01:20", "10-25 01:40"]


def test_several_skipped_times_of_one_night_are_due_once() -> None:
    found = moments("*/20 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T12:00Z")
    assert found == ["03-29 01:00"]


@pytest.mark.parametrize(
    ("window", "allowed"),
    [("24h", HOUR), ("4h", HOUR), ("2h", HOUR / 2), ("20m", timedelta(minutes=5))],
)
def test_the_grace_is_a_quarter_of_the_decision_window_and_at_most_an_hour(
    window: str, allowed: timedelta
) -> None:
    workflow = contract_dict()["workflow"] | {"decision_window": window}
    assert grace(on_schedule("0 6 * * *", workflow=workflow)) == allowed


def overdue(company: Company, now: str, *, prepared: str | None = None) -> datetime | None:
    """Since when the tiny company's contract of six o'clock is overdue; approved on 11-01."""
    freshness = contract_dict()["freshness"] | {"refresh": "0 6 * * *", "timezone": "Europe/Berlin"}
    contract = build(company, freshness=freshness)
    with company.runtime() as runtime:
        if prepared:
            started = datetime.fromisoformat(prepared)
            runtime.ledger.start_preparation(contract.name, now=started)
        return overdue_since(contract, runtime, now=datetime.fromisoformat(now))


def test_a_contract_is_overdue_only_after_the_grace(company: Company) -> None:
    ran = "2026-11-19T05:00:10Z"
    assert overdue(company, "2026-11-20T06:00:00Z", prepared=ran) is None
    assert overdue(company, "2026-11-20T06:00:01Z") == datetime(2026, 11, 20, 5, tzinfo=UTC)


def test_overdue_counts_from_the_first_run_that_is_missing(company: Company) -> None:
    found = overdue(company, "2026-11-25T12:00Z", prepared="2026-11-19T05:00Z")
    assert found == datetime(2026, 11, 20, 5, tzinfo=UTC)


def test_a_run_just_before_the_due_moment_is_not_the_run_that_was_due(company: Company) -> None:
    found = overdue(company, "2026-11-20T12:00Z", prepared="2026-11-20T04:59:59Z")
    assert found == datetime(2026, 11, 20, 5, tzinfo=UTC)


def test_a_contract_that_never_ran_is_overdue_from_the_day_after_its_approval(
    company: Company,
) -> None:
    assert overdue(company, "2026-11-02T06:00Z") is None
    assert overdue(company, "2026-11-02T06:01Z") == datetime(2026, 11, 2, 5, tzinfo=UTC)


def test_a_contract_that_nobody_approved_was_promised_to_nobody(company: Company) -> None:
    with company.runtime() as runtime:
        contract = on_schedule("0 6 * * *")
        assert overdue_since(contract, runtime, now=company.now) is None


def test_a_run_at_either_of_two_equal_times_is_the_run_that_was_due(company: Company) -> None:
    freshness = contract_dict()["freshness"] | {
        "refresh": "30 2 * * *",
        "timezone": "Europe/Berlin",
    }
    contract = build(company, freshness=freshness)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    with company.runtime() as runtime:
        runtime.ledger.start_preparation(contract.name, now=first)
        assert overdue_since(contract, runtime, now=first + 20 * HOUR) is None
        late = first + 30 * HOUR
        assert overdue_since(contract, runtime, now=late) == first + 25 * HOUR
