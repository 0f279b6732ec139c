"""Salesforce alone: addressing, sessions, limits, locks, history, and answers out of order."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from destination_cases import Box, Waits, mapped, target

from activation_pipeline.destinations import Address, OutgoingRecord
from activation_pipeline.destinations import salesforce as module
from activation_pipeline.destinations._salesforce_read import chunks, literal
from activation_pipeline.errors import PermanentError, RetryableError

BAND = "Churn_Risk_Band__c"
RISK = target(
    "Account",
    key="Billing_Customer_ID__c",
    behavior="update_only",
    fields={
        BAND: mapped("risk_band", allowed=("low", "medium", "high"), on_null="clear"),
        "Type": mapped("type"),
    },
)
ACME = "001SB0000000001AAA"


def change(key: str, record_id: str, values: dict[str, Any], **parts: Any) -> OutgoingRecord:
    return OutgoingRecord(key, record_id, parts.get("keyed", ""), "update", values)


def test_an_update_goes_by_id_even_where_the_key_is_ambiguous(
    salesforce: module.Salesforce, box: Box
) -> None:
    """By external id it would be refused, or, for an unknown id, make a new account."""
    outcome = salesforce.send(RISK, [change("d", "001SB0000000004AAA", {BAND: "low"}, keyed="B-4")])
    assert outcome.faults == ()
    (write,) = box.writes("salesforce")
    assert (write["method"], write["path"].split("?")[0].endswith("/composite/sobjects")) == (
        "PATCH",
        True,
    )
    (found,) = salesforce.read(RISK, [Address("d", "001SB0000000004AAA", "B-4")], [BAND])
    assert found.ids == ("001SB0000000004AAA", "001SB0000000005AAA")


def test_an_upsert_by_a_key_that_two_records_have_is_refused(
    salesforce: module.Salesforce,
) -> None:
    upsert = dataclasses.replace(RISK, behavior="upsert")
    outcome = salesforce.send(upsert, [change("d", "", {BAND: "low"}, keyed="B-4")])
    assert [(one.state, one.code) for one in outcome.faults] == [
        ("rejected", "DUPLICATE_EXTERNAL_ID")
    ]


def test_field_names_are_found_whatever_their_case(salesforce: module.Salesforce) -> None:
    lower = dataclasses.replace(RISK, fields={BAND.lower(): RISK.fields[BAND]})
    assert salesforce.check(lower) == ()
    assert salesforce.send(lower, [change("a", ACME, {BAND.lower(): "high"})]).faults == ()
    (found,) = salesforce.read(lower, [Address("a", ACME, "")], [BAND.lower()])
    assert found.values == {BAND.lower(): "high"}


def test_an_expired_session_is_renewed_once(
    salesforce: module.Salesforce, box: Box, waits: Waits
) -> None:
    box.fault("salesforce", "unauthorized", path_regex="composite")
    assert salesforce.send(RISK, [change("a", ACME, {BAND: "high"})]).faults == ()
    tokens = [one for one in box.requests("salesforce") if "oauth2/token" in one["path"]]
    assert len(tokens) == 2
    assert sum(waits.slept) == 0


def test_a_session_that_stays_refused_is_permanent(salesforce: module.Salesforce, box: Box) -> None:
    box.fault("salesforce", "unauthorized", path_regex="composite", times=None)
    with pytest.raises(PermanentError, match="also with a new credential"):
        salesforce.send(RISK, [change("a", ACME, {BAND: "high"})])


def test_a_used_up_quota_is_retryable_and_not_hammered(
    salesforce: module.Salesforce, box: Box, waits: Waits
) -> None:
    box.fault("salesforce", "request_limit", path_regex="composite", times=None)
    with pytest.raises(RetryableError, match="REQUEST_LIMIT_EXCEEDED"):
        salesforce.send(RISK, [change("a", ACME, {BAND: "high"})])
    assert len(box.writes("salesforce")) == 1
    assert waits.slept == []


def test_the_use_of_the_quota_is_told_for_each_part(salesforce: module.Salesforce) -> None:
    salesforce.check(RISK)
    assert set(salesforce.usage) == {"api-usage", "api-bursts"}
    used, allowed = salesforce.usage["api-usage"]
    assert 0 < used < allowed


def test_a_locked_record_is_tried_again(
    salesforce: module.Salesforce, box: Box, waits: Waits
) -> None:
    box.fault("salesforce", "locked_row", path_regex="composite")
    assert salesforce.send(RISK, [change("a", ACME, {BAND: "high"})]).faults == ()
    assert len(waits.slept) == 1


def test_a_record_that_stays_locked_is_unknown_and_not_rejected(
    salesforce: module.Salesforce, box: Box
) -> None:
    """Nothing is wrong with its value, so it must not count towards pausing the workflow."""
    box.fault("salesforce", "locked_row", path_regex="composite", times=None)
    (found,) = salesforce.send(RISK, [change("a", ACME, {BAND: "high"})]).faults
    assert (found.state, found.code) == ("unknown", "UNABLE_TO_LOCK_ROW")
    assert len(box.writes("salesforce")) == 4


def test_an_own_unavailable_answer_means_nothing_was_written(
    salesforce: module.Salesforce, box: Box
) -> None:
    box.fault("salesforce", "unavailable", path_regex="composite", times=None)
    with pytest.raises(RetryableError, match="503"):
        salesforce.send(RISK, [change("a", ACME, {BAND: "high"})])


def test_after_a_cut_a_refusal_does_not_say_that_nothing_was_written(
    salesforce: module.Salesforce, box: Box
) -> None:
    box.fault("salesforce", "cut_after", path_regex="composite")
    box.fault("salesforce", "request_limit", path_regex="composite", times=None)
    (found,) = salesforce.send(RISK, [change("a", ACME, {BAND: "high"})]).faults
    assert found.state == "unknown"


def test_only_others_edits_of_a_tracked_field_count(
    salesforce: module.Salesforce, box: Box
) -> None:
    """A rep who renames the account did not overrule the band."""
    assert salesforce.send(RISK, [change("a", ACME, {BAND: "high"})]).faults == ()
    box.edit("salesforce", "Account", ACME, "Type", "Partner")
    address = Address("a", ACME, "")
    (found,) = salesforce.read(RISK, [address], [BAND, "Type"])
    assert set(found.edited_at) == {"Type"}  # not tracked: the record's last edit stands in
    box.edit("salesforce", "Account", ACME, BAND, "low")
    (found,) = salesforce.read(RISK, [address], [BAND])
    age = datetime.now(UTC) - found.edited_at[BAND]
    assert abs(age.total_seconds()) < 60


def test_a_number_with_more_digits_than_the_field_keeps_is_held_back(
    salesforce: module.Salesforce,
) -> None:
    name = "Annual_Recurring_Revenue__c"
    revenue = dataclasses.replace(RISK, fields={name: mapped("revenue")})
    values = {"a": 1.005, "b": 0.1 + 0.2, "c": 1e17, "d": 12.34}
    ids = [f"001SB000000000{at}AAA" for at in range(1, 5)]
    outcome = salesforce.send(
        revenue,
        [change(key, one, {name: values[key]}) for key, one in zip("abcd", ids, strict=True)],
    )
    assert [(one.key, one.code) for one in outcome.faults] == [
        ("a", "not_exact"),
        ("b", "not_exact"),
        ("c", "not_exact"),
    ]


def test_a_mapping_that_cannot_work_is_refused(salesforce: module.Salesforce) -> None:
    fields = {
        "Risk_Summary__c": mapped("a"),
        "IsDeleted": mapped("b", on_null="clear"),
        "Annual_Recurring_Revenue__c": mapped("c", allowed=("many",)),
    }
    wrong = target("Account", key="Type", behavior="upsert", fields=fields)
    paths = [one.path for one in salesforce.check(wrong)]
    assert paths == [
        "key",
        "fields.Risk_Summary__c",
        "fields.IsDeleted",
        "fields.IsDeleted",
        "fields.Annual_Recurring_Revenue__c.allowed",
    ]
    assert [one.path for one in salesforce.check(target("Acount", fields={}))] == ["object"]
    assert [one.path for one in salesforce.check(target("Account", list="1"))] == ["list"]
    create = target("Account", key="Warehouse_Account_ID__c", behavior="create_only", fields={})
    assert ["Name" in one.message for one in salesforce.check(create)] == [True]


def test_short_and_long_ids_are_one_address(salesforce: module.Salesforce) -> None:
    """The form with 15 characters is what people copy out of old reports."""
    (found,) = salesforce.read(RISK, [Address("a", ACME[:15], "B-1")], [BAND])
    assert found.ids == (ACME[:15],)
    twice = [change("a", ACME, {BAND: "low"}), change("b", ACME[:15], {BAND: "high"})]
    assert {one.code for one in salesforce.send(RISK, twice).faults} == {"duplicate_in_batch"}


def test_nothing_ends_a_soql_literal() -> None:
    assert literal("O'Brien\\ \n") == "'O\\'Brien\\\\ \\n'"
    parts = list(chunks([f"{'é' * 200}{at}" for at in range(50)]))
    assert sum(map(len, parts)) == 50
    assert len(parts) > 1
    assert [len(part) for part in chunks(str(at) for at in range(450))] == [200, 200, 50]
