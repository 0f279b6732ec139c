"""Pausing and resuming from Dagster's page: at once, for good, and obeyed by every sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from tiny_company import NAME, RECORDS
from yards import SCORE, SYNC

if TYPE_CHECKING:
    from yards import Yard

NOT_PAUSED = dg.AssetCheckKey(SCORE, "not_paused")


def launch(yard: Yard, job: str, **config: Any) -> dg.ExecuteInProcessResult:
    step = job.removesuffix("_contract")
    asked = {"contract": NAME, "by": "test_on_call", **config}
    if step == "resume":
        asked = {"role": "cs_director", "reason": "checked", **asked}
    return yard.defs.resolve_job_def(job).execute_in_process(
        run_config={"ops": {step: {"config": asked}}},
        instance=yard.instance,
        raise_on_error=False,
    )


def shown(yard: Yard) -> tuple[bool, str]:
    """Tell what the page shows of ``not_paused``: the newest result, with or without a run."""
    record = yard.instance.get_latest_asset_check_evaluation_record(NOT_PAUSED)
    evaluation = record.evaluation
    return evaluation.passed, evaluation.description


def test_a_pause_is_red_at_once_and_stops_the_sync(yard: Yard) -> None:
    assert launch(yard, "pause_contract", reason="renewal list looks wrong").success
    passed, told = shown(yard)
    assert not passed
    assert "by test_on_call: renewal list looks wrong; cs_director may restart" in told
    assert not yard.run(asset_selection={SYNC}).success
    assert yard.sent() == 0


def test_a_pause_outlives_a_new_plan(yard: Yard) -> None:
    launch(yard, "pause_contract", reason="wait")
    done = yard.run(asset_selection={SCORE})
    failed = [e.check_name for e in done.get_asset_check_evaluations() if not e.passed]
    assert failed == ["not_paused"]
    assert not shown(yard)[0]


def test_a_resume_lets_the_same_plan_go(yard: Yard) -> None:
    launch(yard, "pause_contract", reason="wait")
    assert launch(yard, "resume_contract").success
    assert shown(yard) == (True, "not paused")
    assert yard.run(asset_selection={SYNC}).success
    assert yard.sent() == RECORDS


def test_a_pause_of_one_destination_stops_its_sync_and_leaves_the_contract(yard: Yard) -> None:
    launch(yard, "pause_contract", reason="field moved", destination="salesforce")
    passed, told = shown(yard)
    assert passed
    assert told.startswith("salesforce: paused since")
    assert not yard.run(asset_selection={SYNC}).success


def test_a_pause_that_ended_is_over(yard: Yard) -> None:
    launch(yard, "pause_contract", reason="for an instant", hours=1e-9)
    assert yard.run(asset_selection={SYNC}).success


@pytest.mark.parametrize("config", [{"destination": "no_such"}, {"hours": 0.0}, {"hours": -4.0}])
def test_a_pause_of_nothing_is_refused(yard: Yard, config: dict[str, Any]) -> None:
    """A typing error must not leave somebody believing that it is paused."""
    assert not launch(yard, "pause_contract", reason="wait", **config).success


def test_a_pause_of_an_unknown_contract_is_refused_before_it_starts(yard: Yard) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="ContractName got no_such"):
        launch(yard, "pause_contract", reason="wait", contract="no_such")


def tick(yard: Yard) -> str:
    """Let the sensor look once; gives what it said."""
    sensor = yard.defs.resolve_sensor_def("pauses")
    resources = yard.defs.resources or {}
    with dg.build_sensor_context(instance=yard.instance, resources=resources) as context:
        return sensor.evaluate_tick(context).skip_message or ""


def test_a_pause_from_elsewhere_is_red_at_the_next_look_and_green_after_a_resume(
    yard: Yard,
) -> None:
    """On call pauses from a terminal; whoever looks at the page must see it."""
    yard.pause("from a terminal")
    assert tick(yard) == f"shown anew: {NAME}"
    assert shown(yard)[0] is False
    assert "from a terminal" in shown(yard)[1]
    assert tick(yard) == "every pause is shown"
    assert launch(yard, "resume_contract").success
    assert shown(yard) == (True, "not paused")
    assert tick(yard) == "every pause is shown"


def test_a_materialization_without_checks_does_not_hide_a_pause(yard: Yard) -> None:
    yard.pause("still paused")
    tick(yard)
    yard.run(asset_selection={SCORE}, asset_check_selection=set())
    assert tick(yard) == f"shown anew: {NAME}"


@pytest.mark.parametrize("role", ["cs_ops", "salesforce_admin", "nobody"])
def test_another_role_resumes_nothing(yard: Yard, role: str) -> None:
    yard.pause("wait")
    assert not launch(yard, "resume_contract", role=role).success
    assert not yard.run(asset_selection={SYNC}).success
    assert yard.sent() == 0
