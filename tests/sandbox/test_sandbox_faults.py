"""What goes wrong on purpose goes wrong as it does at the vendor, and at the right moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_place import Caller, Place

import threading
import time

import pytest
import requests

ONE = "001000000000001AAA"
TOKEN = {"Authorization": "Bearer sandbox-token"}
PROPERTY = "/crm/v3/properties/contacts/email"
UPSERT = "/crm/v3/objects/contacts/batch/upsert"
HOT = {
    "id": "cnt_1",
    "idProperty": "warehouse_contact_id",
    "properties": {"follow_up_priority": "hot"},
}


def priority(hs: Caller) -> str | None:
    path = "/crm/v3/objects/contacts/501?properties=follow_up_priority"
    found: str | None = hs("GET", path).json()["properties"]["follow_up_priority"]
    return found


REFUSALS = [
    ("hubspot", {"kind": "unauthorized"}, 401, "INVALID_AUTHENTICATION"),
    ("hubspot", {"kind": "rate_limited"}, 429, "TEN_SECONDLY_ROLLING"),
    ("hubspot", {"kind": "rate_limited", "policy": "SECONDLY"}, 429, "SECONDLY"),
    ("hubspot", {"kind": "rate_limited", "policy": "DAILY"}, 429, "DAILY"),
    ("hubspot", {"kind": "locked"}, 423, "LOCKED"),
    ("hubspot", {"kind": "migrating", "seconds": 7}, 477, "MIGRATION"),
    ("hubspot", {"kind": "missing_scopes"}, 403, "MISSING_SCOPES"),
    ("hubspot", {"kind": "server_error", "status": 502}, 502, "INTERNAL_ERROR"),
    ("hubspot", {"kind": "html_error", "status": 502}, 502, "<html>"),
    ("salesforce", {"kind": "unauthorized"}, 401, "INVALID_SESSION_ID"),
    ("salesforce", {"kind": "request_limit"}, 403, "REQUEST_LIMIT_EXCEEDED"),
    ("salesforce", {"kind": "locked_row"}, 400, "UNABLE_TO_LOCK_ROW"),
    ("salesforce", {"kind": "unavailable"}, 503, "SERVER_UNAVAILABLE"),
    ("salesforce", {"kind": "forbidden"}, 403, "INSUFFICIENT_ACCESS"),
    ("salesforce", {"kind": "server_error"}, 500, "UNKNOWN_EXCEPTION"),
    ("salesforce", {"kind": "html_error", "status": 500}, 500, "<html>"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_fault_answers_instead_and_writes_nothing(
    place: Place, hs: Caller, sf: Caller, refusal: tuple[str, dict[str, Any], int, str]
) -> None:
    vendor, fault, status, text = refusal
    place.fault(vendor, **fault, times=1)
    if vendor == "hubspot":
        answer = hs("POST", UPSERT, json={"inputs": [HOT]})
        assert priority(hs) is None
    else:
        answer = sf("PATCH", f"/sobjects/Account/{ONE}", json={"Name": "changed"})
        assert sf("GET", f"/sobjects/Account/{ONE}").json()["Name"] == "Company one"
    assert answer.status_code == status
    assert text in answer.text
    assert answer.headers.get("Retry-After") == ("7" if status == 477 else None)
    assert [r["fault"] for r in place.received(vendor) if r["fault"]] == [fault["kind"]]


@pytest.mark.parametrize(("kind", "written"), [("cut_before", None), ("cut_after", "hot")])
def test_a_connection_is_cut_before_or_after_the_write(
    place: Place, hs: Caller, kind: str, written: str | None
) -> None:
    place.fault("hubspot", kind)
    with pytest.raises(requests.ConnectionError):
        hs("POST", UPSERT, json={"inputs": [HOT]})
    assert place.received("hubspot")[-1]["status"] is None
    assert priority(hs) == written


@pytest.mark.parametrize("kind", ["empty_body", "truncated_json"])
def test_a_spoilt_answer_hides_a_write_that_was_applied(
    place: Place, hs: Caller, kind: str
) -> None:
    place.fault("hubspot", kind)
    answer = hs("POST", UPSERT, json={"inputs": [HOT]})
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert priority(hs) == "hot"


def test_a_slow_answer_lets_others_pass(place: Place, hs: Caller) -> None:
    place.fault("hubspot", "slow", seconds=0.6, method="POST")
    slow = threading.Thread(target=lambda: hs("POST", UPSERT, json={"inputs": [HOT]}))
    began = time.monotonic()
    slow.start()
    other = requests.get(f"{place.url}/hubspot{PROPERTY}", headers=TOKEN, timeout=20)
    assert (other.status_code, time.monotonic() - began < 0.5) == (200, True)
    slow.join()
    assert time.monotonic() - began >= 0.6


def test_what_is_held_up_goes_on_when_the_faults_are_cleared(place: Place, hs: Caller) -> None:
    place.fault("hubspot", "slow", seconds=60)
    slow = threading.Thread(target=lambda: hs("POST", UPSERT, json={"inputs": [HOT]}))
    began = time.monotonic()
    slow.start()
    while not place.received("hubspot"):
        assert time.monotonic() - began < 30
    place.own("DELETE", "faults")
    slow.join()
    assert time.monotonic() - began < 30
    assert priority(hs) == "hot"


def test_dropped_records_are_in_neither_list(place: Place, hs: Caller, sf: Caller) -> None:
    inputs = [{**HOT, "id": key, "objectWriteTraceId": key} for key in ("cnt_1", "cnt_2", "cnt_3")]
    place.fault("hubspot", "drop_records", keys=["cnt_1"])
    found = hs("POST", UPSERT, json={"inputs": inputs})
    assert found.status_code == 200
    assert {r["objectWriteTraceId"] for r in found.json()["results"]} == {"cnt_2", "cnt_3"}
    assert priority(hs) is None
    place.fault("hubspot", "drop_records", count=1)
    listed = hs("PUT", "/crm/v3/lists/1001/memberships/add", json=["501", "502"]).json()
    assert (listed["recordsIdsAdded"], listed["recordIdsMissing"]) == (["502"], [])
    place.fault("salesforce", "drop_records")
    sf("PATCH", f"/sobjects/Account/{ONE}", json={"Name": "changed"})
    assert sf("GET", f"/sobjects/Account/{ONE}").json()["Name"] == "Company one"


def test_a_rule_refuses_single_records(place: Place, hs: Caller, sf: Caller) -> None:
    place.fault("hubspot", kind="refuse_records", count=1)
    inputs = [{**HOT, "objectWriteTraceId": "0"}, {**HOT, "id": "new", "objectWriteTraceId": "1"}]
    answer = hs("POST", UPSERT, json={"inputs": inputs})
    assert answer.status_code == 207
    assert answer.json()["errors"][0]["context"] == {"objectWriteTraceId": ["0"]}
    assert (len(answer.json()["results"]), priority(hs)) == (1, None)

    place.fault("salesforce", kind="refuse_records", keys=[ONE])
    record = {"attributes": {"type": "Account"}, "id": ONE, "Name": "changed"}
    answer = sf("PATCH", "/composite/sobjects", json={"records": [record]})
    (result,) = answer.json()
    assert result["errors"][0]["statusCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert sf("GET", f"/sobjects/Account/{ONE}").json()["Name"] == "Company one"


def test_a_fault_waits_for_its_path_lets_some_through_and_ends(place: Place, hs: Caller) -> None:
    place.fault("hubspot", "locked", path_regex="batch/upsert$", after=1, times=2)
    assert hs("GET", PROPERTY).status_code == 200
    seen = [hs("POST", UPSERT, json={"inputs": [HOT]}).status_code for _ in range(4)]
    assert seen == [200, 423, 423, 200]
    place.fault("hubspot", "locked", times=None)
    assert {hs("GET", PROPERTY).status_code for _ in range(3)} == {423}
    assert len(place.own("GET", "faults")["faults"]) == 1
    place.own("DELETE", "faults")
    assert hs("GET", PROPERTY).status_code == 200


def test_an_admin_changes_the_set_up_until_a_reset(place: Place, hs: Caller, sf: Caller) -> None:
    place.fault("hubspot", "field_read_only", object="contacts", field="follow_up_priority")
    assert "READ_ONLY_VALUE" in hs("POST", UPSERT, json={"inputs": [HOT]}).text
    place.fault("hubspot", "field_deleted", object="contacts", field="follow_up_priority")
    assert "PROPERTY_DOESNT_EXIST" in hs("POST", UPSERT, json={"inputs": [HOT]}).text
    band = {"object": "Account", "field": "Churn_Risk_Band__c"}
    place.fault("salesforce", "picklist_value_removed", **band, value="high")
    answer = sf("PATCH", f"/sobjects/Account/{ONE}", json={"Churn_Risk_Band__c": "high"})
    assert answer.json()[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    place.fault("salesforce", kind="set_up_restored")
    again = sf("PATCH", f"/sobjects/Account/{ONE}", json={"Churn_Risk_Band__c": "high"})
    assert (again.status_code, hs("POST", UPSERT, json={"inputs": [HOT]}).status_code) == (204, 400)
    place.own("POST", "reset")
    assert hs("POST", UPSERT, json={"inputs": [HOT]}).status_code == 200


HOSTILE: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"[" * 5000,
    b"\xff\xfe",
    b'{"inputs": [null]}',
    b'{"inputs": [{"id": 1}], "properties": [{}], "propertiesWithHistory": 5}',
    b'{"inputs": [{"id": "x", "idProperty": {}, "properties": []}]}',
    b'{"inputs": [{"id": "\\ud800", "idProperty": "email", "properties": {}}]}',
    b'{"records": [null], "ids": 5, "fields": {}}',
    b'{"records": [{"attributes": [], "Id": {}}]}',
    b'{"records": [{"attributes": {"type": 1}}], "allOrNone": null}',
    b'{"recordIdsToAdd": {}, "recordIdsToRemove": [1]}',
    b'{"Name": 1e400, "OwnerId": []}',
    b'{"properties": {"email": ["a"]}, "name": {}}',
]


@pytest.mark.parametrize("body", HOSTILE)
def test_no_body_makes_a_stand_in_fall_over(hs: Caller, sf: Caller, body: bytes) -> None:
    contacts = "/crm/v3/objects/contacts"
    for method, path in [
        *(("POST", f"{contacts}/batch/{verb}") for verb in ("read", "create", "update", "upsert")),
        ("POST", contacts),
        ("PATCH", f"{contacts}/501"),
        ("POST", "/crm/v3/lists"),
        ("PUT", "/crm/v3/lists/1001/memberships/add"),
        ("PUT", "/crm/v3/lists/1001/memberships/add-and-remove"),
    ]:
        assert hs(method, path, data=body).status_code < 500
    for method, path in [
        ("POST", "/sobjects/Account"),
        ("PATCH", f"/sobjects/Account/{ONE}"),
        ("PATCH", "/sobjects/Account/Warehouse_Account_ID__c/W-1"),
        ("PATCH", "/composite/sobjects/Account/Warehouse_Account_ID__c"),
        ("PATCH", "/composite/sobjects"),
        ("POST", "/composite/sobjects"),
        ("POST", "/composite/sobjects/Account"),
    ]:
        assert sf(method, path, data=body).status_code < 500
    query = "SELECT Id FROM Account WHERE " + "(" * 3000
    assert sf("GET", "/query", params={"q": query}).status_code == 400
