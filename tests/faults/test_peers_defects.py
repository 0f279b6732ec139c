"""Eighteen defects that were found in tools of this field, and why they are none of ours.

Each is described by what goes wrong for those who rely on the tool. It is proved absent by tests,
here or elsewhere, or it cannot occur, for the reason that is given.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from company import NOW, Company
from e2e_box import TEXT_FIELDS, email, record_id
from e2e_place import add_up, body, mapping
from fault_place import FaultPlace, key_of
from fault_sites import SITES
from proofs import missing

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workshop
    from fault_sites import Site

_EVERY = "test_a_disturbed_delivery_is_told_truly_and_made_good"
_HERE, _NINE = "faults/test_peers_defects.py", "orchestration/test_nine_ways.py"
_FAILING, _PAUSING = "orchestration/test_failing.py", "orchestration/test_pausing.py"

DEFECTS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "what was sent is noted before it is loaded, so a failed row is skipped for ever",
        (
            f"faults/test_faults_of_hubspot.py::{_EVERY}",
            f"faults/test_faults_of_salesforce.py::{_EVERY}",
            "core/test_rejections.py::test_it_is_offered_again_when_something_changed",
            "core/test_settle.py::test_what_was_unanswered_is_proposed_again_and_what_was_refused_is_not",
        ),
    ),
    2: (
        "a sync that the vendor calls failed is shown as a success",
        (
            f"{_FAILING}::test_a_delivery_that_lost_records_is_red_with_its_counts",
            "cli/test_exit_codes.py::test_a_delivery_of_nothing_but_rejects_has_failed",
        ),
    ),
    3: (
        "a partly refused run is green, and only refused additions are counted",
        (
            f"{_HERE}::test_refused_additions_changes_and_removals_are_all_counted",
            f"{_FAILING}::test_a_delivery_that_lost_records_is_red_with_its_counts",
            "cli/test_exit_codes.py::test_a_delivery_that_loses_a_record_is_in_part",
        ),
    ),
    4: (
        "of two records that match, one is updated by chance",
        (
            "e2e/test_ambiguous_in_destination.py::test_an_external_id_that_two_records_have_is_never_planned",
            "core/test_relations.py::test_a_key_that_comes_twice_is_seen_whatever_else_leaves_it_out",
        ),
    ),
    5: (
        "every match is changed, others' records are removed, a key spelt otherwise is a new one",
        (
            f"{_HERE}::test_members_that_others_added_stay",
            f"{_HERE}::test_a_key_in_the_vendors_spelling_is_the_same_key",
            "faults/test_field_policy.py::test_a_first_delivery_follows_each_fields_policy",
            "destinations/test_salesforce.py::test_short_and_long_ids_are_one_address",
        ),
    ),
    6: (
        "half a sync or a trial is a success; what is unsupported does nothing without a word",
        (
            f"{_FAILING}::test_a_delivery_that_lost_records_is_red_with_its_counts",
            f"{_FAILING}::test_a_second_sync_of_the_same_plan_sends_nothing_and_is_green",
            f"{_NINE}::test_over_fresh_data_every_planned_record_is_sent",
            "cli/test_bad_days.py::test_alert_only_sends_nothing_and_says_so",
            "faults/test_field_policy.py::test_a_first_delivery_follows_each_fields_policy",
            "destinations/test_braze.py::test_a_mapping_that_braze_has_no_request_for_is_refused",
        ),
    ),
    7: (
        "a full sync forgets to take off those who left",
        (
            "core/test_deliver.py::test_leavers_are_removed_even_when_their_candidate_is_gone",
            "core/test_whole_way.py::test_members_leave_a_list_for_every_reason_there_is",
        ),
    ),
    8: (
        "what a cancelled sync had taken up is never taken up again",
        (
            "e2e/test_killed_at_any_point.py::test_a_killed_delivery_ends_like_an_undisturbed_one",
            "core/test_whole_way.py::test_a_delivery_that_was_cut_off_goes_on_at_the_first_unanswered_batch",
        ),
    ),
    9: (
        "refused rows are passed over, and lost where nobody set up a place for them",
        (
            "core/test_export.py::test_everything_that_did_not_arrive_is_in_one_file_with_its_reason",
            f"faults/test_faults_of_braze.py::{_EVERY}",
        ),
    ),
    10: (
        "a filter on rows hides keys that come twice",
        (
            "core/test_relations.py::test_a_key_that_comes_twice_is_seen_whatever_else_leaves_it_out",
        ),
    ),
    11: (
        "how severe a check is makes no difference, and a failed one names no row",
        (
            "core/test_judgement.py::test_only_a_gate_that_somebody_may_sign_can_be_softened_to_a_warning",
            "cli/test_looking.py::test_explain_says_why_a_record_stays_and_what_the_destination_said",
        ),
    ),
    12: (
        "a failed check stops nothing, or everything, and tells nobody",
        (
            f"{_NINE}::test_over_stale_data_nothing_is_sent_and_nothing_is_green",
            "orchestration/test_automation.py::test_a_plan_that_fails_a_gate_is_not_even_tried",
            f"{_PAUSING}::test_a_pause_of_one_destination_stops_its_sync_and_leaves_the_contract",
        ),
    ),
    13: (
        "a row without a key is sent",
        ("core/test_outgoing.py::test_a_record_without_a_key_never_leaves",),
    ),
    14: (
        "the same mapping clears a field in one system and keeps it in another",
        (
            "faults/test_field_policy.py::test_a_later_change_follows_each_fields_policy",
            "faults/test_facts_of_destinations.py::test_clearing_is_spelt_in_each_vendors_own_way",
        ),
    ),
    15: (
        "a guard on counts stops the first large change that is right, and all after it",
        (
            "core/test_signatures.py::test_a_guard_lets_a_large_change_pass_once_it_is_signed_and_does_not_latch",
            "core/test_signatures.py::test_an_allowed_plan_of_which_nothing_arrived_never_becomes_the_baseline",
        ),
    ),
    17: (
        "a repeated attempt leaves no trace",
        (
            "core/test_attempts.py::test_an_attempt_is_read_whole",
            "core/test_deliver.py::test_a_delivery_that_fails_is_noted_and_goes_on_at_the_first_unanswered_batch",
        ),
    ),
    18: (
        "only the first violation is told, and the next run goes on as if nothing were",
        (
            f"{_PAUSING}::test_a_pause_outlives_a_new_plan",
            "core/test_rejections.py::test_it_is_not_offered_again_though_the_score_is_newer",
        ),
    ),
}
CANNOT_OCCUR = {
    16: (
        "a call of a dependency's removed method breaks the tool: no test of behavior shows this; "
        "every version is pinned in constraints.txt, and the whole suite runs on just these"
    ),
}


def test_every_defect_is_proved_absent_or_has_its_reason() -> None:
    assert sorted({**DEFECTS, **CANNOT_OCCUR}) == list(range(1, 19))
    assert not DEFECTS.keys() & CANNOT_OCCUR.keys()


@pytest.mark.parametrize("number", DEFECTS)
def test_each_defect_has_tests_that_exist(number: int) -> None:
    what, proofs = DEFECTS[number]
    assert proofs, what
    assert missing(proofs) == [], what


@pytest.fixture
def place(workshop: Workshop, tmp_path: Path) -> FaultPlace:
    workshop.clock.now = NOW
    workshop.box.own("POST", "reset")
    return FaultPlace(Company(tmp_path, now=NOW), workshop.box, workshop.clock)


def site_named(name: str) -> Site:
    return next(one for one in SITES if one.name == name)


def test_refused_additions_changes_and_removals_are_all_counted(place: FaultPlace) -> None:
    site = site_named("webhook_items")
    place.add_candidates("webhook", range(1, 4))
    contract = place.contract(site.given)
    assert place.run(contract).totals.accepted == 3
    place.sql("update mart set band = 'Narwhal' where id = ?", key_of(1))
    place.sql("insert into suppress_a values (?, 'unsubscribed', null)", key_of(2))
    place.add_candidates("webhook", range(4, 5))
    planned = place.plan(contract).plan
    assert planned is not None
    assert planned.part("webhook").operations == {"add": 1, "remove": 1, "update": 1}
    place.box.fault("webhook", "refuse_records", count=99, times=9, **site.hit)
    report = place.send(contract)
    assert (report.outcome, report.totals.rejected, add_up(report)) == ("rejected", 3, True)


def test_members_that_others_added_stay(place: FaultPlace) -> None:
    """Somebody put a contact on our list by hand: it is not ours to take off."""
    site = site_named("hubspot_list")
    contract = place.contract(site.given)
    place.add_candidates("hubspot", range(1, 4))
    path = "/crm/v3/lists/1001/memberships/add"
    place.box.call("hubspot", "PUT", path, json=[record_id("hubspot", 9)])
    place.run(contract)
    place.sql("insert into suppress_a values (?, 'unsubscribed', null)", key_of(2))
    assert place.run(contract).rows == 1
    assert place.box.members() == {record_id("hubspot", n) for n in (1, 3, 9)}


def test_a_key_in_the_vendors_spelling_is_the_same_key(place: FaultPlace) -> None:
    """HubSpot keeps addresses in lower case, whatever it was sent."""
    place.add_candidates("hubspot", range(1, 4))
    place.sql_each(
        "update identity set destination_key = ? where key = ?",
        [[email(n).upper(), key_of(n)] for n in range(1, 4)],
    )
    fields = {TEXT_FIELDS["hubspot"]: {"from": "band", "on_edit": "flag"}}
    contract = place.contract(body("hubspot", mapping("hubspot", key="email", fields=fields)))
    report = place.run(contract)
    assert (report.outcome, report.totals.accepted) == ("delivered", 3)
    place.wait(timedelta(hours=1))
    found = place.plan(contract).plan
    assert found is not None
    assert (found.parts[0].rows, dict(found.parts[0].withheld)) == (0, {})
    place.sql("update mart set band = 'Narwhal'")
    assert place.run(contract).totals.accepted == 3
