"""A contract is due exactly when its Dagster schedule runs, where clocks change too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from company import contract_dict
from dagster._utils.schedules import schedule_execution_time_iterator

from activation_pipeline.cadence import due
from activation_pipeline.contract import Contract

CHANGES = ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "cron",
    ["30 2 * * *", "0 6 * * *", "0 * * * *", "*/15 * * * *", "0 */2 * * *", "15,45 1-3 * * *",
     "0 2 * * sun", "30 1 25 * *", "*/20 2 * * *"],
)  # fmt: skip
def test_a_contract_is_due_when_dagster_runs_its_schedule(cron: str, zone: str) -> None:
    freshness = contract_dict()["freshness"] | {"refresh": cron, "timezone": zone}
    contract = Contract.model_validate(contract_dict(freshness=freshness))
    for day in CHANGES:
        start = datetime.fromisoformat(f"{day}T00:00:01Z") - timedelta(days=1)
        end = start + timedelta(days=3)
        ticks = schedule_execution_time_iterator(start.timestamp(), cron, zone)
        theirs = [each.astimezone(UTC) for each in takewhile(lambda at: at <= end, ticks)]  # noqa: B023 - used at once
        assert list(due(contract, after=start, before=end)) == theirs
