"""The twenty facts to build on, about the four vendors, each with the tests that show it.

The stand-in behaves as the fact says (``sandbox/``), the client knows it (``destinations/``), and
a whole run lives with it (``e2e/``, ``faults/``).
"""

from __future__ import annotations

import pytest
from proofs import missing

_HS, _SF, _BZ = (
    "destinations/test_hubspot",
    "destinations/test_salesforce",
    "destinations/test_braze",
)
_BOX_HS, _BOX_SF = "sandbox/test_sandbox_hubspot", "sandbox/test_sandbox_salesforce"
_CONFORM, _FACTS = "destinations/test_conformance.py", "faults/test_facts_of_destinations.py"
_CSV, _AMBIGUOUS = "destinations/test_salesforce_csv.py", "e2e/test_ambiguous_in_destination.py"
_E2E_BZ = "e2e/test_braze_through_the_core.py"
_NO_COLUMN = "test_a_field_that_nobody_writes_has_no_column_and_one_that_somebody_does_is_empty"
_EVERY = "test_a_disturbed_delivery_is_told_truly_and_made_good"

FACTS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "a batch upsert takes text only, each input with its own trace id",
        (f"{_HS}_answers.py::test_only_strings_leave_and_each_input_has_its_own_trace_id",),
    ),
    2: (
        "one bad record fails all of a batch, unless every input has its own trace id",
        (
            f"{_BOX_HS}.py::test_one_bad_value_fails_all_without_trace_ids",
            f"{_BOX_HS}.py::test_one_bad_value_fails_alone_with_trace_ids",
            f"{_CONFORM}::test_one_bad_record_does_not_stop_the_others",
        ),
    ),
    3: (
        "error entries are not records, results have no order, a record may be in neither list",
        (
            f"{_BOX_HS}.py::test_num_errors_counts_entries_and_results_are_in_no_order",
            f"{_HS}_answers.py::test_one_error_entry_may_name_many_records",
            f"{_HS}_answers.py::test_results_are_matched_in_any_order_and_without_trace_ids",
            f"{_HS}.py::test_records_that_the_answer_leaves_out_are_unknown",
        ),
    ),
    4: (
        "an upsert by e-mail is never partial",
        (f"{_HS}.py::test_a_mapping_that_cannot_work_is_refused",),
    ),
    5: (
        "clearing has its own spelling everywhere; a field that is left out keeps its value",
        (
            f"{_FACTS}::test_clearing_is_spelt_in_each_vendors_own_way",
            f"{_CONFORM}::test_none_clears_and_a_left_out_field_stays",
            f"{_CSV}::{_NO_COLUMN}",
        ),
    ),
    6: (
        "a 429 has no Retry-After and is waited out by its policy; 477 has one, 423 wants 2 s",
        (
            f"{_BOX_HS}_lists.py::test_each_limit_answers_429_with_its_policy_and_no_retry_after",
            f"{_HS}.py::test_a_throttle_is_waited_out_by_its_policy",
            f"{_HS}.py::test_the_daily_limit_is_not_waited_out",
            f"{_HS}.py::test_a_lock_and_a_migration_are_waited_out",
        ),
    ),
    7: (
        "numbered paths end, dated ones replace them and enforce validation rules",
        (
            f"{_FACTS}::test_hubspot_is_reached_by_either_style_of_paths_and_never_searched",
            f"{_BOX_HS}_lists.py::test_both_path_styles_answer",
            "sandbox/test_sandbox_faults.py::test_a_rule_refuses_single_records",
            f"faults/test_faults_of_hubspot.py::{_EVERY}",
        ),
    ),
    8: (
        "list members are record ids, missing ones come with a 200, and a key has two spellings",
        (
            f"{_FACTS}::test_list_members_are_read_in_both_spellings",
            f"{_HS}.py::test_members_enter_and_leave_a_list",
            f"{_HS}.py::test_a_list_that_fills_itself_is_refused",
        ),
    ),
    9: (
        "search is no read-back",
        (f"{_FACTS}::test_hubspot_is_reached_by_either_style_of_paths_and_never_searched",),
    ),
    10: (
        "a key that two records have is answered with 300, and nothing is written",
        (
            f"{_BOX_SF}.py::test_two_records_of_one_external_id_are_never_written",
            f"{_BOX_SF}.py::test_a_single_upsert_creates_updates_and_clears",
            f"{_AMBIGUOUS}::test_an_external_id_that_two_records_have_is_never_planned",
        ),
    ),
    11: (
        "a collection answers 200 even if every record failed, in the order of the request",
        (
            f"{_FACTS}::test_a_200_in_which_every_record_failed_is_no_success",
            f"{_BOX_SF}.py::test_a_collection_answers_in_order_with_what_became_of_each",
        ),
    ),
    12: (
        "the same external id twice in one call fails both; two records of it are the org's",
        (
            f"{_CONFORM}::test_one_address_twice_in_a_batch_is_held_back",
            f"{_SF}.py::test_an_upsert_by_a_key_that_two_records_have_is_refused",
        ),
    ),
    13: (
        "over the daily quota it is 403, as without permission: the code tells them apart",
        (
            f"{_SF}.py::test_a_used_up_quota_is_retryable_and_not_hammered",
            f"{_SF}_effort.py::test_a_used_up_quota_is_no_missing_permission",
            f"faults/test_faults_of_salesforce.py::{_EVERY}",
        ),
    ),
    14: (
        "the header of used requests has several parts",
        (f"{_SF}.py::test_the_use_of_the_quota_is_told_for_each_part",),
    ),
    15: (
        "a job that is complete is not one that succeeded",
        (
            f"{_SF}_jobs.py::test_a_job_that_is_complete_is_not_one_that_succeeded",
            f"{_SF}_jobs.py::test_rows_that_a_job_did_not_come_to_are_unknown_and_the_others_stand",
            f"faults/test_faults_of_salesforce_jobs.py::{_EVERY}",
        ),
    ),
    16: (
        "201 lists the bad objects by their place, and means queued",
        (
            f"{_BZ}_answers.py::test_an_error_with_a_place_is_one_record_and_the_others_stand",
            "sandbox/test_sandbox_braze.py::test_bad_objects_are_listed_by_their_place_in_a_201",
            f"{_E2E_BZ}::test_a_write_that_is_not_visible_yet_is_drift_until_it_is",
        ),
    ),
    17: (
        "75 objects in all arrays together; a 429 names the moment of the next window",
        (
            "sandbox/test_sandbox_braze.py::test_75_objects_count_in_all_arrays_together",
            f"{_CONFORM}::test_a_full_batch_is_one_request",
            f"{_BZ}.py::test_a_throttle_is_waited_out_until_the_next_window",
        ),
    ),
    18: (
        "an equal value is billed: only what changed is sent",
        (
            f"{_FACTS}::test_what_did_not_change_is_not_sent",
            "faults/test_field_policy.py::test_a_later_change_follows_each_fields_policy",
        ),
    ),
    19: (
        "one vendor tells each edit, one some of them, one none: then the last value decides",
        (
            f"{_HS}.py::test_an_integrations_write_is_not_a_persons_edit",
            f"{_SF}.py::test_only_others_edits_of_a_tracked_field_count",
            f"{_BZ}.py::test_a_persons_edit_shows_as_a_value_and_has_no_time",
            "e2e/test_braze_through_the_core.py::test_a_persons_edit_is_found_without_a_history",
        ),
    ),
    20: (
        "errors come in four envelopes, or as a page for people",
        (
            f"{_FACTS}::test_an_error_is_read_out_of_each_envelope",
            "destinations/test_any_answer.py::test_any_answer_accounts_for_each_record_once",
            f"{_CONFORM}::test_a_page_for_people_with_status_200_is_unknown",
        ),
    ),
}


def test_there_are_twenty_facts() -> None:
    assert sorted(FACTS) == list(range(1, 21))


@pytest.mark.parametrize("number", FACTS)
def test_each_fact_is_shown_by_tests_that_exist(number: int) -> None:
    says, proofs = FACTS[number]
    assert proofs, says
    assert missing(proofs) == [], says


def test_a_proof_that_is_not_there_is_noticed() -> None:
    gone = (
        "faults/test_twenty_facts.py::test_nothing",
        "faults/proofs.py::tests_in",
        "no.py::test",
    )
    assert missing(gone) == list(gone)
