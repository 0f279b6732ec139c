"""Alerts from Dagster: noted by a sensor, sent by a job that it asks for once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
from alert_channel import TOKEN, alert_channel
from tiny_company import NAME
from yards import SYNC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alert_channel import AlertChannel
    from yards import Yard

ROLE = "ACTIVATION_ALERT_CS_OPS"


@pytest.fixture
def chat() -> Iterator[AlertChannel]:
    with alert_channel() as channel:
        yield channel


def look(yard: Yard) -> dg.RunRequest | dg.SkipReason:
    sensor = yard.defs.resolve_sensor_def("alerts")
    resources = yard.defs.resources or {}
    with dg.build_sensor_context(instance=yard.instance, resources=resources) as context:
        done = sensor.evaluate_tick(context)
    if done.run_requests:
        return done.run_requests[0]
    return dg.SkipReason(done.skip_message)


def send(yard: Yard) -> dg.ExecuteInProcessResult:
    job = yard.defs.resolve_job_def("send_alerts")
    return job.execute_in_process(instance=yard.instance, raise_on_error=False)


def test_a_pause_is_told_once_by_a_run_that_is_asked_for_once(
    yard: Yard, chat: AlertChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ROLE, chat.address)
    nothing = dg.SkipReason("nothing changed, and nothing waits to be told")
    assert look(yard) == nothing
    yard.pause("renewal list looks wrong")
    asked = look(yard)
    assert isinstance(asked, dg.RunRequest)
    assert look(yard) == asked
    assert send(yard).success
    assert chat.titles == [f"{NAME}: paused (renewal list looks wrong)"]
    assert look(yard) == nothing


def test_a_channel_that_is_down_fails_its_own_run_and_stops_no_sync(
    yard: Yard, chat: AlertChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead chat must not keep data from flowing, nor a pause from being obeyed."""
    monkeypatch.setenv(ROLE, chat.address)
    chat.status = 503
    look(yard)
    look(yard)
    yard.pause("a look at it")
    assert isinstance(look(yard), dg.RunRequest)
    failed = send(yard)
    assert not failed.success
    (event,) = failed.filter_events(lambda each: each.is_step_failure)
    told = str(event.step_failure_data.user_failure_data.description)
    assert told.startswith("alerts: cs_ops: json-")
    assert TOKEN not in told
    assert isinstance(look(yard), dg.SkipReason)
    assert not yard.run(asset_selection={SYNC}).success
    assert yard.sent() == 0


def test_a_role_without_address_is_named_by_the_sensor(yard: Yard) -> None:
    look(yard)
    yard.pause("a look at it")
    found = look(yard)
    assert isinstance(found, dg.SkipReason)
    assert f"cs_ops has no address, 1 wait; set {ROLE}" in str(found.skip_message)
    assert f"{NAME}: paused" in str(found.skip_message)
