"""Pause rules by themselves: red at once, one fault is nobody else's, undone by a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import sqlalchemy as sa
from tiny_company import NAME, RECORDS
from yards import SCORE, SYNC

from activation_pipeline.loading import load
from activation_pipeline.orchestration.pause_rules import (
    EVERY_S,
    _Look,
    rule_definitions,
    wait,
)

if TYPE_CHECKING:
    from pathlib import Path

    from yards import Yard

    from activation_pipeline.contract import Contract

NOT_PAUSED = dg.AssetCheckKey(SCORE, "not_paused")
HALF_A_MINUTE = timedelta(seconds=30)


def tick(yard: Yard) -> dg.SensorExecutionData:
    sensor = yard.defs.resolve_sensor_def("pause_rules")
    resources = yard.defs.resources or {}
    with dg.build_sensor_context(instance=yard.instance, resources=resources) as context:
        return sensor.evaluate_tick(context)


def drifts(yard: Yard, plan: str = "0000") -> None:
    """Somebody read the records back, and one of nine is not as delivered."""
    runtime = yard.runtime()
    counts = {"agrees": 8, "differs": 1}
    now = datetime.now(UTC)
    runtime.ledger.record_reconciliation(NAME, "salesforce", plan, counts, now=now)
    runtime.close()


def file_of(yard: Yard) -> Path:
    return yard.folder / "contracts" / f"{NAME}.yaml"


def test_a_broken_limit_is_red_at_once_and_stops_the_sync(yard: Yard) -> None:
    sensor = yard.defs.resolve_sensor_def("pause_rules")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == EVERY_S
    drifts(yard)
    assert tick(yard).skip_message == f"{NAME}: paused by drift_above"
    evaluation = yard.instance.get_latest_asset_check_evaluation_record(NOT_PAUSED).evaluation
    assert not evaluation.passed
    assert "by activation: drift_above: salesforce: 1 of 9 records" in evaluation.description
    assert "cs_director may restart" in evaluation.description
    assert not yard.run(asset_selection={SYNC}).success
    assert yard.sent() == 0
    assert tick(yard).skip_message == "every limit holds, or pauses already"


def test_a_contract_whose_file_is_broken_now_is_judged_as_it_was_loaded(yard: Yard) -> None:
    drifts(yard)
    file_of(yard).write_text("version: [", encoding="utf-8")
    told = tick(yard).skip_message or ""
    assert f"{NAME}: paused by drift_above" in told
    assert f"{NAME}: its file has 1 problems now; judged as it was loaded" in told


def test_one_contract_that_cannot_be_judged_keeps_no_other_from_being_judged(yard: Yard) -> None:
    """The first one's ledger has lost a table; the second one's is whole."""
    drifts(yard)
    contract = load(file_of(yard), today=datetime.now(UTC).date())
    other = contract.model_copy(update={"name": "other"})
    activation: Any = Files({NAME: contract, "other": other})
    look = _Look(yard.instance, activation, datetime.now(UTC))
    broken, whole = yard.runtime(), yard.runtime()
    broken.ledger = _without_reconciliations(yard, broken.ledger)
    look.judge(other, broken)
    look.judge(contract, whole)
    assert look.faults == ["other: not judged: OperationalError"]
    assert look.paused == [f"{NAME}: paused by drift_above"]
    broken.close()
    whole.close()


@dataclass
class Files:
    """Contracts as their files are, without files."""

    contracts: dict[str, Contract]

    def contract(self, name: str, **_: Any) -> Contract:
        return self.contracts[name]


def _without_reconciliations(yard: Yard, ledger: Any) -> Any:
    copy = yard.folder / "broken.sqlite"
    ledger.close()
    fresh = type(ledger)(f"sqlite:///{copy}")
    with fresh._engine.begin() as connection:
        connection.execute(sa.text("drop table reconciliations"))
    return fresh


@pytest.fixture
def delivered(yard: Yard) -> str:
    """A plan was sent whose contract says that it is put back where a rule breaks."""
    assert yard.run(asset_selection={SYNC}).success
    file = file_of(yard)
    text = file.read_text(encoding="utf-8")
    changed = text.replace("on_pause: keep_previous", "on_pause: restore_previous")
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    runtime = yard.runtime()
    plan = runtime.ledger.incidents.last_sent(NAME, "salesforce")
    runtime.close()
    assert plan is not None
    return plan


def run(yard: Yard, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    job = yard.defs.resolve_job_def("restore_previous")
    return job.execute_in_process(
        run_config=request.run_config,
        tags=request.tags,
        instance=yard.instance,
        raise_on_error=False,
    )


def test_what_is_at_fault_is_undone_by_a_run_that_the_sensor_asks_for(
    yard: Yard, delivered: str
) -> None:
    drifts(yard, delivered)
    (request,) = tick(yard).run_requests or ()
    (again,) = tick(yard).run_requests or ()
    assert again.run_key == request.run_key
    assert run(yard, request).success
    assert yard.sent() == 2 * RECORDS
    assert tick(yard).skip_message == "every limit holds, or pauses already"
    assert not yard.run(asset_selection={SYNC}).success


def test_an_undo_that_failed_is_asked_for_again_and_the_pause_stays(
    yard: Yard, delivered: str
) -> None:
    drifts(yard, delivered)
    snapshot = next((yard.folder / "home").rglob(f"*{delivered}*"))
    away = snapshot.with_name("away")
    snapshot.rename(away)
    (request,) = tick(yard).run_requests or ()
    assert not run(yard, request).success
    assert not tick(yard).run_requests
    away.rename(snapshot)
    (again,) = look_later(yard, HALF_A_MINUTE)
    assert again.run_key != request.run_key
    assert run(yard, again).success
    assert not look_later(yard, HALF_A_MINUTE)
    assert not yard.run(asset_selection={SYNC}).success


def look_later(yard: Yard, by: timedelta) -> list[dg.RunRequest]:
    """What the sensor asks for when it looks so much later."""
    contract = load(file_of(yard), today=datetime.now(UTC).date())
    files: Any = Files({NAME: contract})
    look = _Look(yard.instance, files, datetime.now(UTC) + by)
    runtime = yard.runtime()
    look.judge(contract, runtime)
    runtime.close()
    return look.requests


def test_the_first_undo_is_repeated_at_the_next_look_and_later_ones_hourly_at_most() -> None:
    second = timedelta(seconds=1)
    waits = [wait(tries) + second for tries in (1, 2, 3)]
    assert waits == [HALF_A_MINUTE, 2 * HALF_A_MINUTE, 4 * HALF_A_MINUTE]
    assert wait(8) == wait(1000) == timedelta(hours=1)


def test_without_contracts_there_is_nothing_to_judge() -> None:
    assert rule_definitions({}, clock=lambda: datetime.now(UTC)).sensors is None
