"""However a sync is started: over stale data nothing is sent, and nothing shows green.

The same nine ways over fresh data send what was planned, so that a refusal is no accident.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from nine_ways import WAYS, re_execution_from_failure, sync_alone
from tiny_company import RECORDS
from yards import SCORE, SYNC, dbt_vars, make_stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from yards import Yard

each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@each_way
def test_over_stale_data_nothing_is_sent_and_nothing_is_green(
    yard: Yard, way: Callable[[Yard], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that may be signed is signed: age alone has to stop it."""
    monkeypatch.setenv("ACTIVATION_DBT_VARS", dbt_vars(age=timedelta(days=3)))
    make_stale(yard)
    yard.run(asset_selection={SCORE})
    yard.sign()
    assert yard.stopped_by() == ["freshness"]
    assert not way(yard)
    assert yard.sent() == 0


@each_way
def test_over_fresh_data_every_planned_record_is_sent(
    yard: Yard, way: Callable[[Yard], bool], company: Yard
) -> None:
    if way is re_execution_from_failure:
        # It has to fail first: nobody has signed the first plan.
        shutil.rmtree(yard.folder / "home")
        shutil.copytree(company.folder / "unsigned", yard.folder / "home")
    assert way(yard)
    assert yard.sent() == RECORDS


def test_a_plan_whose_data_went_stale_before_it_was_sent_is_refused(yard: Yard) -> None:
    """The plan was fresh and allowed; hours later somebody presses the button."""
    make_stale(yard)
    done = yard.run(asset_selection={SYNC})
    failure = next(event for event in done.all_events if event.is_step_failure)
    told = failure.step_failure_data.user_failure_data
    assert told.metadata["clause"].value == "freshness"
    assert "analytics_engineering" in told.description
    assert yard.sent() == 0
    assert not sync_alone(yard)
