"""``status`` and ``explain``: what a person sees, before and after a delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from installation import NAME, body

if TYPE_CHECKING:
    from installation import Installation


def test_a_malformed_contract_is_shown_as_such_beside_the_others(place: Installation) -> None:
    place.write("broken", text="version: [")
    found = {each["contract"]: each for each in place.report("status")["contracts"]}
    assert found["broken"]["valid"] is False
    assert found["broken"]["problems"]
    assert found[NAME]["decision"] == "no plan"
    assert "broken: malformed" in place.run("status").stdout


def test_status_counts_what_was_sent_and_what_waits(place: Installation) -> None:
    plan = place.launched()
    before = place.report("status", NAME)["contracts"][0]
    assert before["destinations"]["salesforce"]["waiting"] == 6
    assert before["next"][-1]["command"] == f"activation sync {NAME}"
    place.run("sync", NAME)
    after = place.report("status", NAME)["contracts"][0]
    there = after["destinations"]["salesforce"]
    assert (there["accepted"], there["waiting"], there["holds"]) == (6, 0, 6)
    assert there["last_delivery"]["outcome"] == "delivered"
    assert after["plan"] == plan
    assert after["next"] == []


def test_a_destination_that_is_new_since_the_plan_is_shown_without_counts(
    place: Installation,
) -> None:
    place.launched()
    first = body()["destinations"]["salesforce"]
    fields = {"Sales_Follow_Up_Reason__c": {"from": "band"}}
    second = first | {"kind": "salesforce", "fields": fields}
    place.write(destinations={"salesforce": first, "second": second})
    found = place.report("status", NAME)["contracts"][0]
    assert found["destinations"]["second"]["planned"] is None
    assert "changed since" in found["next"][0]["what"]
    assert place.run("explain", NAME, "A-1").exit_code == 0


def test_explain_tells_a_delivered_record_from_candidate_to_read_back(place: Installation) -> None:
    place.launched()
    waiting = place.report("explain", NAME, "A-1")["destinations"]["salesforce"]["changes"][0]
    assert (waiting["operation"], waiting["state"]) == ("add", "waiting")
    assert waiting["fields"][0]["after"] == "low"
    place.run("sync", NAME)
    found = place.report("explain", NAME, "A-1")
    there = found["destinations"]["salesforce"]
    assert there["changes"][0]["state"] == "accepted"
    assert there["held"][0]["values"] == {"Churn_Risk_Band__c": "low"}
    assert there["held"][0]["plan"] == found["plan"]
    text = place.run("explain", NAME, "A-1").stdout
    for stage in ("candidate", "identity", "disposition", "gates", "decision", "signed"):
        assert stage in text


def test_explain_says_why_a_record_stays_and_what_the_destination_said(
    place: Installation,
) -> None:
    place.sql(
        "insert into suppress_a values ('A-2', 'asked to be left alone', null)",
        "insert into identity select 'A-3', destination_id, 'A-3', rule, false from identity"
        " where key = 'A-4'",
        "update mart set band = 'purple' where id = 'A-5'",
    )
    place.launched()
    place.run("sync", NAME)
    suppressed = place.report("explain", NAME, "A-2")["candidates"][0]
    assert (suppressed["disposition"], suppressed["reasons"]) == ("suppressed", ["suppress_a"])
    assert suppressed["details"] == "asked to be left alone"
    ambiguous = place.report("explain", NAME, "A-3")
    assert ambiguous["candidates"][0]["disposition"] == "ambiguous"
    assert len(ambiguous["identity_now"]) == 2
    rejected = place.report("explain", NAME, "A-5")["destinations"]["salesforce"]["changes"][0]
    assert rejected["state"] == "rejected"
    assert rejected["outcomes"][0]["code"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


@pytest.mark.parametrize("key", ["nobody", "'; drop table x; --", "ключ", "=1+1"])
def test_an_unknown_key_is_an_answer_and_no_error(place: Installation, key: str) -> None:
    place.run("plan", NAME)
    result = place.run("explain", NAME, "--", key)
    assert result.exit_code == 0
    assert "not a candidate" in result.stdout
    assert "nothing of ours is there" in result.stdout


def test_explain_works_before_the_first_plan(place: Installation) -> None:
    result = place.run("explain", NAME, "A-1")
    assert result.exit_code == 0
    assert "no plan yet" in result.stdout


def test_the_snapshots_that_are_gone_are_named(place: Installation) -> None:
    plan = place.report("plan", NAME)["plan"]
    for path in (place.folder / "home" / "plans" / NAME / plan).iterdir():
        path.unlink()
    for command in (["explain", NAME, "A-1"], ["review", NAME], ["export", NAME]):
        result = place.run(*command)
        assert result.exit_code == 1
        assert "no snapshot" in result.stderr
