"""Undoing and freezing from Dagster's page, for whoever has no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from tiny_company import NAME, RECORDS
from yards import SCORE, SYNC

if TYPE_CHECKING:
    from yards import Yard

NOT_PAUSED = dg.AssetCheckKey(SCORE, "not_paused")


def launch(yard: Yard, job: str, **config: Any) -> dg.ExecuteInProcessResult:
    step = job.removesuffix("_contract")
    word = {"by": "test_on_call", "reason": "wrong bands", "incident_class": "freshness"}
    return yard.defs.resolve_job_def(job).execute_in_process(
        run_config={"ops": {step: {"config": {"contract": NAME, **word, **config}}}},
        instance=yard.instance,
        raise_on_error=False,
    )


def is_paused(yard: Yard) -> bool:
    record = yard.instance.get_latest_asset_check_evaluation_record(NOT_PAUSED)
    return not record.evaluation.passed


def counts(result: dg.ExecuteInProcessResult) -> Any:
    """Read the counts off the step's output, by destination."""
    (output,) = (e for e in result.all_events if e.is_successful_output)
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def test_an_undo_puts_back_pauses_and_shows_what_it_did(yard: Yard) -> None:
    assert yard.run(asset_selection={SYNC}).success
    sent = yard.sent()
    dry = launch(yard, "rollback_contract", dry_run=True)
    assert counts(dry) == {"salesforce": {"cleared": RECORDS}}
    assert yard.sent() == sent
    done = launch(yard, "rollback_contract")
    assert done.success
    assert counts(done) == {"salesforce": {"cleared": RECORDS}}
    assert yard.sent() > sent
    assert is_paused(yard)
    assert not yard.run(asset_selection={SYNC}).success
    again = launch(yard, "rollback_contract", destination="salesforce")
    assert counts(again) == {"salesforce": {}}


def test_an_undo_that_cannot_be_is_a_red_run_that_says_why(yard: Yard) -> None:
    failed = launch(yard, "rollback_contract", plan="0" * 16)
    assert not failed.success
    (failure,) = (e for e in failed.all_events if e.is_step_failure)
    assert "there is no plan" in failure.step_failure_data.user_failure_data.description
    assert not launch(yard, "rollback_contract", destination="nowhere").success
    assert not launch(yard, "freeze_contract", destination="nowhere").success


def test_a_freeze_is_red_at_once_and_stops_the_sync(yard: Yard) -> None:
    assert launch(yard, "freeze_contract").success
    assert is_paused(yard)
    assert not yard.run(asset_selection={SYNC}).success
    assert yard.sent() == 0
