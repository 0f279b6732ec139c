"""How a sync that did not go through looks: a red step whose headline says why, with counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
import requests
from tiny_company import RECORDS
from yards import SYNC

from activation_pipeline.errors import (
    ConfigurationError,
    PermanentError,
    RefusedError,
    RetryableError,
)
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.reporting import runbook_value

if TYPE_CHECKING:
    from yards import Yard


def test_a_delivery_that_lost_records_is_red_with_its_counts(yard: Yard) -> None:
    """What was accepted stays accepted; the step must not show green all the same."""
    fault = {
        "vendor": "salesforce",
        "kind": "picklist_value_removed",
        "object": "Account",
        "field": "Churn_Risk_Band__c",
        "value": "high",
    }
    requests.post(f"{yard.sandbox}/_sandbox/faults", json=fault, timeout=10).raise_for_status()
    done = yard.run(asset_selection={SYNC})
    (failure,) = [event.step_failure_data for event in done.all_events if event.is_step_failure]
    told = failure.user_failure_data
    counts = {name: value.value for name, value in told.metadata.items()}
    assert (counts["planned"], counts["accepted"], counts["rejected"]) == (RECORDS, 4, 5)
    assert "delivered in part: 4 of 9 accepted, 5 rejected" in told.description
    assert "; owner: salesforce_admin; see who with activation export " in told.description
    assert counts["runbook"] == "docs/runbook.md#delivered_in_part"
    assert not done.get_asset_materialization_events()


def test_a_second_sync_of_the_same_plan_sends_nothing_and_is_green(yard: Yard) -> None:
    assert yard.run(asset_selection={SYNC}).success
    assert yard.run(asset_selection={SYNC}).success
    assert yard.sent() == RECORDS


@pytest.mark.parametrize(
    "error",
    [RefusedError("no", clause="approved"), PermanentError("no"), ConfigurationError("no")],
    ids=lambda error: type(error).__name__,
)
def test_what_a_person_has_to_mend_is_never_tried_again(error: Exception) -> None:
    with pytest.raises(dg.Failure) as told, told_to_dagster("renewal", "crm"):
        raise error
    assert not told.value.allow_retries
    assert told.value.description == "no"


def test_what_may_work_later_is_tried_again_after_the_wait_that_was_asked_for() -> None:
    with pytest.raises(dg.RetryRequested) as told, told_to_dagster("renewal", "crm"):
        raise RetryableError("busy", retry_after=7.0)
    assert (told.value.max_retries, told.value.seconds_to_wait) == (3, 7.0)


@pytest.mark.parametrize("wait_s", [None, 601.0])
def test_a_destination_that_is_down_is_left_to_the_next_run(wait_s: float | None) -> None:
    """The core has tried, up to its breaker; three steps more would be as many calls again."""
    with pytest.raises(dg.Failure) as told, told_to_dagster("renewal", "crm"):
        raise RetryableError("8 calls in a row had no answer", retry_after=wait_s)
    assert told.value.allow_retries, "a policy that somebody gave the step still holds"


@pytest.mark.parametrize(
    ("error", "section"),
    [
        (RefusedError("no", clause="approved"), "approved"),
        (PermanentError("no"), "destination_refuses"),
        (RetryableError("no", retry_after=None), "no_answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_red_step_leads_to_what_to_do(error: Exception, section: str) -> None:
    with pytest.raises(dg.Failure) as told, told_to_dagster("renewal", "crm"):
        raise error
    assert str(told.value.metadata["runbook"].value).endswith(f"#{section}")


def test_the_way_to_the_runbook_can_be_clicked_on_where_it_is_served() -> None:
    served = runbook_value("approved", "https://wiki.example.com/activation")
    assert served == dg.MetadataValue.url("https://wiki.example.com/activation#approved")
    assert runbook_value("approved", None) == dg.MetadataValue.text("docs/runbook.md#approved")
