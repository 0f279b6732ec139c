"""Expiry by itself in Dagster: asked for once, done by its job, tried again where it failed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import yaml
from tiny_company import NAME, RECORDS
from yards import SYNC

from activation_pipeline.orchestration.expiries import expiry_definitions
from activation_pipeline.orchestration.resources import resources_from

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from yards import Yard

# As long as the tiny company's values can have been scored before the sync.
OVER = timedelta(days=8)


def tick(yard: Yard, cursor: str | None, *, later: timedelta) -> dg.SensorResult:
    """Look once, as the daemon does, at a time that lies ahead."""
    definitions = expiry_definitions([NAME], clock=lambda: datetime.now(UTC) + later)
    (sensor,) = definitions.sensors or ()
    resources = resources_from(yard.environment)
    with dg.build_sensor_context(
        instance=yard.instance, resources=resources, cursor=cursor
    ) as context:
        found = sensor(context)
    assert isinstance(found, dg.SensorResult)
    return found


def launch(yard: Yard, config: Any, *, later: timedelta = OVER) -> dg.ExecuteInProcessResult:
    definitions = expiry_definitions([NAME], clock=lambda: datetime.now(UTC) + later)
    (job,) = definitions.jobs or ()
    assert isinstance(job, dg.JobDefinition)
    return job.execute_in_process(
        run_config=config,
        instance=yard.instance,
        resources=resources_from(yard.environment),
        raise_on_error=False,
    )


def contract_file(yard: Yard) -> Path:
    return yard.folder / "contracts" / f"{NAME}.yaml"


def test_the_sensor_and_the_job_are_there_and_run_by_themselves(company: Yard) -> None:
    sensor = company.defs.resolve_sensor_def("expiry")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert company.defs.resolve_job_def("expire_contract").name == sensor.job_name


def test_what_is_over_is_asked_for_and_taken_away_once_with_warehouse_and_dbt_gone(
    yard: Yard,
) -> None:
    assert yard.run(asset_selection={SYNC}).success
    sent = yard.sent()
    early = tick(yard, None, later=timedelta(0))
    assert early.run_requests == []
    (yard.folder / "warehouse.duckdb").unlink()
    found = tick(yard, early.cursor, later=OVER)
    (request,) = found.run_requests or ()
    again = tick(yard, found.cursor, later=OVER)
    assert again.run_requests == []
    done = launch(yard, request.run_config)
    assert done.success
    (output,) = (e for e in done.all_events if e.is_successful_output)
    counts = {n: v.value for n, v in output.step_output_data.metadata.items()}
    assert counts == {"salesforce": {"cleared": RECORDS}}
    assert yard.sent() == sent + RECORDS
    last = tick(yard, again.cursor, later=OVER + timedelta(hours=1))
    assert last.run_requests == []


def test_a_run_that_failed_is_asked_for_again_after_a_while_under_a_new_name(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert yard.run(asset_selection={SYNC}).success
    found = tick(yard, None, later=OVER)
    (request,) = found.run_requests or ()
    address = yard.environment["SALESFORCE_BASE_URL"]
    monkeypatch.setenv("SALESFORCE_CLIENT_SECRET", "no longer right")
    assert not launch(yard, request.run_config).success
    soon = tick(yard, found.cursor, later=OVER + timedelta(minutes=5))
    assert soon.run_requests == []
    later = tick(yard, soon.cursor, later=OVER + timedelta(minutes=11))
    (second,) = later.run_requests or ()
    assert second.run_key != request.run_key
    monkeypatch.setenv("SALESFORCE_CLIENT_SECRET", yard.environment["SALESFORCE_CLIENT_SECRET"])
    assert address.startswith("http://127.0.0.1")
    assert launch(yard, second.run_config).success


def test_a_file_that_is_no_contract_now_is_told_and_a_wrong_destination_is_refused(
    yard: Yard,
) -> None:
    wrong = {"ops": {"expire": {"config": {"contract": NAME, "destination": "nowhere"}}}}
    failed = launch(yard, wrong)
    (failure,) = (e for e in failed.all_events if e.is_step_failure)
    assert "one of salesforce" in failure.step_failure_data.user_failure_data.description
    document = yaml.safe_load(contract_file(yard).read_text(encoding="utf-8"))
    del document["freshness"]
    contract_file(yard).write_text(yaml.safe_dump(document), encoding="utf-8")
    found = tick(yard, None, later=OVER)
    assert "freshness" in str(found.skip_reason)
    assert json.loads(found.cursor or "") == {}
