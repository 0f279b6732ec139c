"""The stand-in for HubSpot says what HubSpot says about contacts, properties and static lists."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

KEY = "warehouse_contact_id"
STYLES = ["/crm/v3/{}", "/crm/{}/2026-09"]
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


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer no"}, {"Authorization": "x"}])
def test_a_wrong_token_is_refused(place, header):
    caller = place.hubspot()
    caller.session.headers.pop("Authorization")
    answer = caller("GET", "/crm/v3/properties/contacts", headers=header)
    caller.session.close()
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    assert set(answer.json()) == {"status", "message", "correlationId", "category"}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["contacts", "0-1"])
def test_both_path_styles_answer(hs, style, name):
    root = style.format("objects")
    assert hs("GET", f"{root}/{name}/501").json()["properties"]["email"] == "one@example.com"
    assert hs("GET", f"{style.format('properties')}/{name}/email").json()["name"] == "email"
    assert hs("GET", f"{style.format('lists')}/1001").json()["list"]["processingType"] == "MANUAL"


def test_an_upsert_says_what_is_new(hs):
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
    ({"contract_renewal_date": "2026-11-20T10:00:00Z"}, "INVALID_DATE"),
    ({"follow_up_refreshed_at": "yesterday"}, "INVALID_DATE"),
    ({"warehouse_contact_id": "cnt_2"}, "CONFLICTING_UNIQUE_VALUE"),
]


@pytest.mark.parametrize(("values", "error"), BAD_VALUES)
def test_one_bad_value_fails_all_without_trace_ids(hs, values, error):
    good = entry("cnt_3", follow_up_priority="hot")
    answer = upsert(hs, good, entry("cnt_1", **values))
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    (problem,) = problems(answer)
    assert (problem["error"], problem["name"], problem["isValid"]) == (error, *values, False)
    assert only(hs, "503", "follow_up_priority")["follow_up_priority"] is None


@pytest.mark.parametrize(("values", "error"), BAD_VALUES)
def test_one_bad_value_fails_alone_with_trace_ids(hs, values, error):
    good = entry("cnt_3", trace="a", follow_up_priority="hot")
    answer = upsert(hs, good, entry("cnt_1", trace="b", **values))
    assert answer.status_code == 207
    found = answer.json()
    assert [r["objectWriteTraceId"] for r in found["results"]] == ["a"]
    assert found["errors"][0]["context"]["objectWriteTraceId"] == ["b"]
    assert error in found["errors"][0]["message"]
    assert only(hs, "503", "follow_up_priority")["follow_up_priority"] == "hot"


def test_num_errors_counts_entries_and_results_are_in_no_order(hs):
    inputs = [entry(f"k{n:02}", trace=str(n), company=str(n)) for n in range(20)]
    inputs += [entry(f"z{n}", trace=f"z{n}", follow_up_priority="cold") for n in range(3)]
    found = upsert(hs, *inputs).json()
    assert (found["numErrors"], len(found["errors"])) == (1, 1)
    assert found["errors"][0]["context"]["objectWriteTraceId"] == ["z0", "z1", "z2"]
    order = [int(r["objectWriteTraceId"]) for r in found["results"]]
    assert (sorted(order), order != sorted(order)) == (list(range(20)), True)
    again = upsert(hs, *inputs).json()
    assert [int(r["objectWriteTraceId"]) for r in again["results"]] == order


def test_repeated_trace_ids_are_no_trace_ids(hs):
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
def test_a_batch_that_cannot_be_taken_is_refused(hs, inputs, text):
    answer = hs("POST", UPSERT, json={"inputs": inputs})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert text in answer.json()["message"]


def test_emails_are_compared_and_kept_in_lower_case(hs):
    twice = [{"id": a, "idProperty": "email", "properties": {}} for a in ("A@x.test", "a@x.test")]
    assert upsert(hs, *twice).status_code == 400
    found = upsert(hs, {"id": "ONE@example.com", "idProperty": "email", "properties": {}}).json()
    assert found["results"][0]["id"] == "501"


def test_a_known_email_is_a_conflict(hs):
    answer = hs(
        "POST", "/crm/v3/objects/contacts", json={"properties": {"email": "ONE@example.com"}}
    )
    assert (answer.status_code, answer.json()["category"]) == (409, "CONFLICT")
    assert answer.json()["message"] == "Contact already exists. Existing ID: 501"
    made = hs("POST", "/crm/v3/objects/contacts", json={"properties": {"email": "n@x.test"}})
    assert made.status_code == 201
    traced = upsert(hs, entry("brand-new", trace="t", email="one@example.com"))
    assert (traced.status_code, traced.json()["errors"][0]["category"]) == (207, "CONFLICT")


def test_empty_text_clears_and_left_out_stays(hs):
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
def test_values_come_back_as_the_vendor_spells_them(hs, name, sent, kept):
    assert upsert(hs, entry("cnt_1", **{name: sent})).status_code == 200
    assert only(hs, "501", name)[name] == kept


def test_a_lifecycle_stage_goes_back_only_over_empty(hs):
    upsert(hs, entry("cnt_2", lifecyclestage="lead"))
    assert only(hs, "502", "lifecyclestage")["lifecyclestage"] == "customer"
    upsert(hs, entry("cnt_2", lifecyclestage=""))
    upsert(hs, entry("cnt_2", lifecyclestage="lead"))
    assert only(hs, "502", "lifecyclestage")["lifecyclestage"] == "lead"


def test_a_checkbox_value_is_added_with_a_leading_semicolon(hs):
    upsert(hs, entry("cnt_1", product_features="reporting"))
    upsert(hs, entry("cnt_1", product_features=";sharing"))
    assert only(hs, "501", "product_features")["product_features"] == "reporting;sharing"


def test_update_never_creates(hs):
    path = "/crm/v3/objects/contacts/batch/update"
    answer = hs("POST", path, json={"inputs": [entry("none", trace="1", company="c")]})
    assert (answer.status_code, answer.json()["errors"][0]["category"]) == (207, "OBJECT_NOT_FOUND")
    by_id = {"id": "501", "properties": {"company": "c"}}
    assert hs("POST", path, json={"inputs": [by_id]}).status_code == 200
    one = hs("PATCH", "/crm/v3/objects/contacts/501", json={"properties": {"company": "d"}})
    assert one.json()["properties"]["company"] == "d"
    gone = hs("PATCH", "/crm/v3/objects/contacts/999", json={"properties": {}})
    assert (gone.status_code, gone.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_a_batch_read_names_what_is_missing_in_one_entry(hs):
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


def test_history_tells_a_person_from_an_integration(place, hs):
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


def test_all_contacts_come_in_pages_and_the_last_has_no_paging(hs):
    first = hs("GET", "/crm/v3/objects/contacts?limit=3&properties=email").json()
    after = first["paging"]["next"]["after"]
    rest = hs("GET", f"/crm/v3/objects/contacts?limit=3&after={after}").json()
    assert [len(first["results"]), len(rest["results"]), "paging" in rest] == [3, 2, False]
    assert hs("GET", "/crm/v3/objects/contacts?limit=101").status_code == 400
    hs("DELETE", "/crm/v3/objects/contacts/501")
    assert hs("GET", "/crm/v3/objects/contacts/501").status_code == 404


def test_the_catalogue_says_what_a_property_takes(hs):
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


@pytest.mark.parametrize("style", STYLES)
def test_list_members_are_added_and_removed_as_a_set(hs, style):
    root = style.format("lists")
    added = hs("PUT", f"{root}/1001/memberships/add", json=["502", "501", "999", "501"]).json()
    assert added == {
        "recordsIdsAdded": ["502", "501"],
        "recordIdsRemoved": [],
        "recordIdsMissing": ["999"],
    }
    again = hs("PUT", f"{root}/1001/memberships/add", json=["501"])
    assert (again.status_code, again.json()["recordsIdsAdded"]) == (200, [])
    both = {"recordIdsToAdd": ["503"], "recordIdsToRemove": ["502", "504"]}
    changed = hs("PUT", f"{root}/1001/memberships/add-and-remove", json=both).json()
    assert (changed["recordsIdsAdded"], changed["recordIdsRemoved"]) == (["503"], ["502"])
    hs("PUT", f"{root}/1001/memberships/remove", json=["501"])
    left = hs("GET", f"{root}/1001/memberships").json()
    assert ([r["recordId"] for r in left["results"]], left["total"]) == (["503"], 1)
    of_one = hs("GET", f"{root}/records/0-1/503/memberships").json()
    assert [r["listId"] for r in of_one["results"]] == ["1001"]
    assert hs("GET", f"{root}/1001").json()["list"]["size"] == 1
    assert hs("DELETE", f"{root}/1001/memberships").status_code == 204


def test_members_come_in_pages_by_id_or_by_joining(hs):
    for record_id in ("505", "501", "503"):
        hs("PUT", "/crm/v3/lists/1001/memberships/add", json=[record_id])
    for path, order in (
        ("/crm/v3/lists/1001/memberships", ["501", "503", "505"]),
        ("/crm/v3/lists/1001/memberships/join-order", ["505", "501", "503"]),
    ):
        first = hs("GET", f"{path}?limit=2").json()
        after = first["paging"]["next"]["after"]
        rest = hs("GET", f"{path}?limit=2&after={after}").json()
        found = [r["recordId"] for r in first["results"] + rest["results"]]
        assert (found, "paging" in rest) == (order, False)
        assert hs("GET", f"{path}?limit=251").status_code == 400


def test_a_dynamic_list_and_an_unknown_one_refuse(hs):
    dynamic = hs("PUT", "/crm/v3/lists/1002/memberships/add", json=["501"])
    assert (dynamic.status_code, dynamic.json()["category"]) == (400, "VALIDATION_ERROR")
    unknown = hs("PUT", "/crm/v3/lists/9/memberships/add", json=["501"])
    assert (unknown.status_code, unknown.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    assert hs("PUT", "/crm/v3/lists/1001/memberships/add", json={"a": 1}).status_code == 400


def test_lists_are_made_once_and_found_by_name(hs):
    body = {"name": "Mine", "objectTypeId": "0-1", "processingType": "MANUAL"}
    made = hs("POST", "/crm/v3/lists/", json=body).json()["list"]
    again = hs("POST", "/crm/lists/2026-09", json={**body, "name": "mine"})
    assert again.json()["subCategory"] == "ListError.DUPLICATE_LIST_NAMES"
    found = hs("GET", "/crm/v3/lists/object-type-id/0-1/name/Expansion%20education").json()["list"]
    assert (found["listId"], made["size"]) == ("1001", 0)
    assert hs("GET", "/crm/v3/lists/object-type-id/0-1/name/Nope").status_code == 404
    assert hs("POST", "/crm/v3/lists", json={"name": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("limit", "policy", "pause"),
    [
        ("per_ten_seconds", "TEN_SECONDLY_ROLLING", timedelta(seconds=11)),
        ("per_second", "SECONDLY", timedelta(seconds=2)),
        ("daily_requests", "DAILY", timedelta(days=1)),
    ],
)
def test_each_limit_answers_429_with_its_policy_and_no_retry_after(place, hs, limit, policy, pause):
    place.own("POST", "limits", json={"vendor": "hubspot", limit: 2})
    path = "/crm/v3/properties/contacts/email"
    assert [hs("GET", path).status_code for _ in range(3)] == [200, 200, 429]
    over = hs("GET", path)
    assert (over.json()["policyName"], over.json()["errorType"]) == (policy, "RATE_LIMIT")
    assert "Retry-After" not in over.headers
    place.clock.now += pause
    after = hs("GET", path)
    assert after.status_code == 200
    assert int(after.headers["X-HubSpot-RateLimit-Remaining"]) >= 1
    assert after.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
