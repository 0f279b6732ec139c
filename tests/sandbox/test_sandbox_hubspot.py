"""The stand-in for HubSpot says what HubSpot says about contacts, properties and static lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_place import Caller, Place

import json

import pytest

KEY = "warehouse_contact_id"
UPSERT = "/crm/v3/objects/contacts/batch/upsert"


def entry(key: str, *, trace: str | None = None, **properties: Any) -> dict[str, Any]:
    found = {"id": key, "idProperty": KEY, "properties": properties}
    return found if trace is None else {**found, "objectWriteTraceId": trace}


def upsert(hs: Any, *inputs: dict[str, Any]) -> Any:
    return hs("POST", UPSERT, json={"inputs": list(inputs)})


def only(hs: Any, record_id: str, *names: str) -> dict[str, Any]:
    params = {"properties": ",".join(names)}
    found = hs("GET", f"/crm/v3/objects/contacts/{record_id}", params=params).json()
    return dict(found["properties"])


def problems(answer: Any) -> list[dict[str, Any]]:
    text = answer.json()["message"].removeprefix("Property values were not valid: ")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def test_an_upsert_says_what_is_new(hs: Caller) -> None:
    answer = upsert(hs, entry("cnt_1", follow_up_priority="hot"), entry("new", email="N@x.test"))
    assert answer.status_code == 200
    found = answer.json()
    assert (found["status"], "errors" in found, "numErrors" in found) == ("COMPLETE", False, False)
    by_id = {r["id"]: r for r in found["results"]}
    assert by_id.pop("501")["new"] is False
    (made,) = by_id.values()
    assert made["new"] is True
    assert only(hs, made["id"], "email")["email"] == "n@x.test"
    assert only(hs, made["id"], "email", KEY)[KEY] == "new"


BAD_VALUES = [
    ({"nope": "x"}, "PROPERTY_DOESNT_EXIST"),
    ({"follow_up_priority": "Hot"}, "INVALID_OPTION"),
    ({"is_product_admin": "yes"}, "INVALID_OPTION"),
    ({"product_features": "reporting;flying"}, "INVALID_OPTION"),
    ({"email": "not an address"}, "INVALID_EMAIL"),
    ({"hs_object_id": "9"}, "READ_ONLY_VALUE"),
    ({"follow_up_summary": "x"}, "READ_ONLY_VALUE"),
    ({"product_seats": "many"}, "INVALID_LONG"),
    ({"product_seats": "NaN"}, "INVALID_LONG"),
    ({"product_seats": "1_000"}, "INVALID_LONG"),
    ({"follow_up_reason": "x" * 65_537}, "PROPERTY_VALUE_TOO_LONG"),
    ({"follow_up_refreshed_at": "999999999999999"}, "INVALID_DATE"),
    ({"contract_renewal_date": "2026-11-20T10:00:00Z"}, "INVALID_DATE"),
    ({"follow_up_refreshed_at": "yesterday"}, "INVALID_DATE"),
    ({"warehouse_contact_id": "cnt_2"}, "CONFLICTING_UNIQUE_VALUE"),
]


@pytest.mark.parametrize(("values", "error"), BAD_VALUES)
def test_one_bad_value_fails_all_without_trace_ids(
    hs: Caller, values: dict[str, Any], error: str
) -> None:
    good = entry("cnt_3", follow_up_priority="hot")
    answer = upsert(hs, good, entry("cnt_1", **values))
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    (problem,) = problems(answer)
    assert (problem["error"], problem["name"], problem["isValid"]) == (error, *values, False)
    assert only(hs, "503", "follow_up_priority")["follow_up_priority"] is None


@pytest.mark.parametrize(("values", "error"), BAD_VALUES)
def test_one_bad_value_fails_alone_with_trace_ids(
    hs: Caller, values: dict[str, Any], error: str
) -> None:
    good = entry("cnt_3", trace="a", follow_up_priority="hot")
    answer = upsert(hs, good, entry("cnt_1", trace="b", **values))
    assert answer.status_code == 207
    found = answer.json()
    assert [r["objectWriteTraceId"] for r in found["results"]] == ["a"]
    assert found["errors"][0]["context"]["objectWriteTraceId"] == ["b"]
    assert error in found["errors"][0]["message"]
    assert only(hs, "503", "follow_up_priority")["follow_up_priority"] == "hot"


def test_num_errors_counts_entries_and_results_are_in_no_order(hs: Caller) -> None:
    inputs = [entry(f"k{n:02}", trace=str(n), company=str(n)) for n in range(20)]
    inputs += [entry(f"z{n}", trace=f"z{n}", follow_up_priority="cold") for n in range(3)]
    found = upsert(hs, *inputs).json()
    assert (found["numErrors"], len(found["errors"])) == (1, 1)
    assert found["errors"][0]["context"]["objectWriteTraceId"] == ["z0", "z1", "z2"]
    order = [int(r["objectWriteTraceId"]) for r in found["results"]]
    assert (sorted(order), order != sorted(order)) == (list(range(20)), True)
    again = upsert(hs, *inputs).json()
    assert [int(r["objectWriteTraceId"]) for r in again["results"]] == order


def test_repeated_trace_ids_are_no_trace_ids(hs: Caller) -> None:
    answer = upsert(hs, entry("a", trace="t"), entry("b", trace="t", nope="x"))
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ([entry(str(n)) for n in range(101)], "from 1 to 100"),
        ([], "from 1 to 100"),
        ([entry("x"), entry("x")], "Duplicate IDs found in batch input: [x]. IDs must be unique"),
        ([{**entry("x"), "idProperty": "company"}], "non-unique 0-1 property company"),
        ([{**entry("x"), "idProperty": "product_user_id"}], "non-unique 0-1 property"),
        ([{**entry("x"), "idProperty": "email"}, entry("y")], "same idProperty"),
        ([{"id": "501", "properties": {}}], "idProperty is required"),
        ([entry("x", trace="1", product_seats=5)], "Invalid input JSON"),
        ([entry("x", trace="1", product_seats=None)], "Invalid input JSON"),
        ([{"idProperty": KEY, "properties": {}}], "required fields were not set"),
        ([{"id": "x", "idProperty": KEY}], "Invalid input JSON"),
        ("all", "Invalid input JSON"),
    ],
)
def test_a_batch_that_cannot_be_taken_is_refused(hs: Caller, inputs: Any, text: str) -> None:
    answer = hs("POST", UPSERT, json={"inputs": inputs})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert text in answer.json()["message"]


def test_emails_are_compared_and_kept_in_lower_case(hs: Caller) -> None:
    twice = [{"id": a, "idProperty": "email", "properties": {}} for a in ("A@x.test", "a@x.test")]
    assert upsert(hs, *twice).status_code == 400
    found = upsert(hs, {"id": "ONE@example.com", "idProperty": "email", "properties": {}}).json()
    assert found["results"][0]["id"] == "501"


def test_a_known_email_is_a_conflict(hs: Caller) -> None:
    answer = hs(
        "POST", "/crm/v3/objects/contacts", json={"properties": {"email": "ONE@example.com"}}
    )
    assert (answer.status_code, answer.json()["category"]) == (409, "CONFLICT")
    assert answer.json()["message"] == "Contact already exists. Existing ID: 501"
    made = hs("POST", "/crm/v3/objects/contacts", json={"properties": {"email": "n@x.test"}})
    assert made.status_code == 201
    traced = upsert(hs, entry("brand-new", trace="t", email="one@example.com"))
    assert (traced.status_code, traced.json()["errors"][0]["category"]) == (207, "CONFLICT")


def test_empty_text_clears_and_left_out_stays(hs: Caller) -> None:
    upsert(hs, entry("cnt_1", follow_up_priority="hot", follow_up_reason="r"))
    upsert(hs, entry("cnt_1", follow_up_priority=""))
    found = only(hs, "501", "follow_up_priority", "follow_up_reason", "nope")
    assert (found["follow_up_priority"], found["follow_up_reason"]) == (None, "r")
    assert "nope" not in found


@pytest.mark.parametrize(
    ("name", "sent", "kept"),
    [
        ("follow_up_refreshed_at", "2026-11-20T06:00:00+02:00", "2026-11-20T04:00:00Z"),
        ("follow_up_refreshed_at", "1763618400123", "2025-11-20T06:00:00.123Z"),
        ("contract_renewal_date", "1763596800000", "2025-11-20"),
        ("contract_renewal_date", "2026-02-28", "2026-02-28"),
        ("product_seats", "1e3", "1e3"),
        ("is_product_admin", "TRUE", "true"),
        ("product_features", "reporting;sharing", "reporting;sharing"),
        ("lifecyclestage", "customer", "customer"),
    ],
)
def test_values_come_back_as_the_vendor_spells_them(
    hs: Caller, name: str, sent: str, kept: str
) -> None:
    assert upsert(hs, entry("cnt_1", **{name: sent})).status_code == 200
    assert only(hs, "501", name)[name] == kept


def test_a_lifecycle_stage_goes_back_only_over_empty(hs: Caller) -> None:
    upsert(hs, entry("cnt_2", lifecyclestage="lead"))
    assert only(hs, "502", "lifecyclestage")["lifecyclestage"] == "customer"
    upsert(hs, entry("cnt_2", lifecyclestage=""))
    upsert(hs, entry("cnt_2", lifecyclestage="lead"))
    assert only(hs, "502", "lifecyclestage")["lifecyclestage"] == "lead"


def test_a_checkbox_value_is_added_with_a_leading_semicolon(hs: Caller) -> None:
    upsert(hs, entry("cnt_1", product_features="reporting"))
    upsert(hs, entry("cnt_1", product_features=";sharing"))
    assert only(hs, "501", "product_features")["product_features"] == "reporting;sharing"


def test_update_never_creates(hs: Caller) -> None:
    path = "/crm/v3/objects/contacts/batch/update"
    answer = hs("POST", path, json={"inputs": [entry("none", trace="1", company="c")]})
    assert (answer.status_code, answer.json()["errors"][0]["category"]) == (207, "OBJECT_NOT_FOUND")
    by_id = {"id": "501", "properties": {"company": "c"}}
    assert hs("POST", path, json={"inputs": [by_id]}).status_code == 200
    one = hs("PATCH", "/crm/v3/objects/contacts/501", json={"properties": {"company": "d"}})
    assert one.json()["properties"]["company"] == "d"
    gone = hs("PATCH", "/crm/v3/objects/contacts/999", json={"properties": {}})
    assert (gone.status_code, gone.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_a_batch_read_names_what_is_missing_in_one_entry(hs: Caller) -> None:
    body = {
        "idProperty": KEY,
        "inputs": [{"id": key} for key in ("cnt_1", "x", "y", "cnt_1")],
        "properties": ["email", "nope", "product_seats"],
        "propertiesWithHistory": [],
    }
    answer = hs("POST", "/crm/v3/objects/contacts/batch/read", json=body)
    assert answer.status_code == 207
    found = answer.json()
    assert found["numErrors"] == 1
    assert found["errors"][0]["context"]["ids"] == ["x", "y"]
    (contact,) = found["results"]
    assert contact["properties"]["product_seats"] is None
    assert "nope" not in contact["properties"]
    body["propertiesWithHistory"] = ["email"]
    body["inputs"] = [{"id": str(n)} for n in range(51)]
    assert hs("POST", "/crm/v3/objects/contacts/batch/read", json=body).status_code == 400


def test_history_tells_a_person_from_an_integration(place: Place, hs: Caller) -> None:
    upsert(hs, entry("cnt_1", follow_up_priority="hot"))
    edit = {"vendor": "hubspot", "object": "contacts", "id": "501", "field": "follow_up_priority"}
    place.own("POST", "edit", json={**edit, "value": "nurture", "by": "502"})
    path = "/crm/v3/objects/contacts/501?propertiesWithHistory=follow_up_priority,company"
    found = hs("GET", path).json()["propertiesWithHistory"]
    newest, older = found["follow_up_priority"]
    assert (newest["value"], newest["sourceType"], newest["sourceId"]) == (
        "nurture",
        "CRM_UI",
        "userId:502",
    )
    assert newest["updatedByUserId"] == 502
    assert (older["value"], older["sourceType"]) == ("hot", "INTEGRATION")
    assert newest["timestamp"] > older["timestamp"]
    assert found["company"][0]["sourceType"] == "IMPORT"


def test_all_contacts_come_in_pages_and_the_last_has_no_paging(hs: Caller) -> None:
    first = hs("GET", "/crm/v3/objects/contacts?limit=3&properties=email").json()
    after = first["paging"]["next"]["after"]
    rest = hs("GET", f"/crm/v3/objects/contacts?limit=3&after={after}").json()
    assert [len(first["results"]), len(rest["results"]), "paging" in rest] == [3, 2, False]
    assert hs("GET", "/crm/v3/objects/contacts?limit=101").status_code == 400
    hs("DELETE", "/crm/v3/objects/contacts/501")
    assert hs("GET", "/crm/v3/objects/contacts/501").status_code == 404


def test_the_catalogue_says_what_a_property_takes(hs: Caller) -> None:
    found = {p["name"]: p for p in hs("GET", "/crm/v3/properties/contacts").json()["results"]}
    assert [o["value"] for o in found["follow_up_priority"]["options"]] == [
        "hot",
        "warm",
        "nurture",
    ]
    assert found[KEY]["hasUniqueValue"]
    assert found["follow_up_summary"]["calculated"]
    assert found["hs_object_id"]["modificationMetadata"]["readOnlyValue"]
    missing = hs("GET", "/crm/v3/properties/contacts/nope")
    assert (missing.status_code, missing.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_a_batch_creates_contacts(hs: Caller) -> None:
    inputs = [{"properties": {"email": f"{n}@x.test"}} for n in range(3)]
    answer = hs("POST", "/crm/v3/objects/contacts/batch/create", json={"inputs": inputs})
    assert (answer.status_code, len(answer.json()["results"])) == (201, 3)
    again = hs("POST", "/crm/v3/objects/contacts/batch/create", json={"inputs": inputs})
    assert (again.status_code, again.json()["category"]) == (409, "CONFLICT")


HARD_TEXT = ["=cmd()", "\u202eabc", "a\x00b", "  edges ", "\U0001f600", "9007199254740993", "'\"\\"]


@pytest.mark.parametrize("text", HARD_TEXT)
def test_hard_text_arrives_unchanged(hs: Caller, sf: Caller, text: str) -> None:
    upsert(hs, entry("cnt_1", follow_up_reason=text))
    assert only(hs, "501", "follow_up_reason")["follow_up_reason"] == text
    path = "/sobjects/Account/001000000000001AAA"
    sf("PATCH", path, json={"Risk_Reason_Code__c": text})
    assert sf("GET", path).json()["Risk_Reason_Code__c"] == text
