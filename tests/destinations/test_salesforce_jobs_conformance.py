"""What every destination must do with a batch, asked of Salesforce's bulk jobs too."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from destination_cases import Box, Case, Waits, salesforce_case
from test_conformance import (  # noqa: F401 - collected here, to run with the case below
    test_a_batch_over_the_limit_is_a_mistake_of_the_caller,
    test_a_cut_after_the_write_is_repeated_and_writes_once,
    test_a_full_batch_is_one_request,
    test_an_update_never_creates,
    test_an_upsert_creates_and_says_so,
    test_delivering_twice_changes_nothing_the_second_time,
    test_none_clears_and_a_left_out_field_stays,
    test_one_address_twice_in_a_batch_is_held_back,
    test_one_bad_record_does_not_stop_the_others,
    test_written_values_are_read_back,
)
from test_conformance_values import (  # noqa: F401 - collected here, to run with the case below
    test_hostile_text_arrives_unchanged,
    test_numbers_come_back_as_they_were,
    test_numbers_that_would_be_altered_are_held_back,
    test_text_that_would_be_altered_is_held_back,
    test_times_come_back_in_one_form,
    test_times_that_would_be_altered_are_held_back,
)

from activation_pipeline.destinations._salesforce_send import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from activation_pipeline.destinations import salesforce as module


@pytest.fixture
def case(salesforce_of: Callable[..., module.Salesforce], waits: Waits, box: Box) -> Case:
    """Send everything by jobs, single records too."""
    client = salesforce_of(Sizes(bulk_from=1, collection=0, job=500))
    return dataclasses.replace(salesforce_case(client, box, waits), write_path="/batches$")


def test_these_cases_go_by_jobs(case: Any) -> None:
    case.client.send(case.target, [case.record(0, {case.band: "hot"})])
    (write,) = case.box.writes("salesforce")
    assert (write["method"], "/jobs/ingest/" in write["path"]) == ("PUT", True)
