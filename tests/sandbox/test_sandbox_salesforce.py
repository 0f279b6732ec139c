"""The stand-in for Salesforce says what Salesforce says, one record at a time and in collections."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

KEY = "Warehouse_Account_ID__c"
COLLECTION = f"/composite/sobjects/Account/{KEY}"
ONE = "001000000000001AAA"
INTEGRATION, PERSON = "005SB0000000001AAA", "005SB0000000002AAA"


def account(key: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Account"}, KEY: key, **values}


def query(sf: Any, text: str, **options: Any) -> Any:
    return sf("GET", "/query", params={"q": text}, **options)


def only(sf: Any, record_id: str = ONE) -> Any:
    return sf("GET", f"/sobjects/Account/{record_id}").json()


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "no"}, "invalid_client_id"),
        (
            {
                "grant_type": "client_credentials",
                "client_id": "sandbox-client",
                "client_secret": "no",
            },
            "invalid_client",
        ),
    ],
)
def test_wrong_credentials_are_refused_in_the_oauth_envelope(place, form, error):
    answer = requests.post(f"{place.url}/salesforce/services/oauth2/token", data=form, timeout=20)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert set(answer.json()) == {"error", "error_description"}


def test_a_token_is_given_to_basic_credentials_and_points_back_to_the_mount(place):
    pair = base64.b64encode(b"sandbox-client:sandbox-secret").decode()
    answer = requests.post(
        f"{place.url}/salesforce/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {pair}"},
        timeout=20,
    )
    assert answer.json()["instance_url"] == f"{place.url}/salesforce"
    assert "expires_in" not in answer.json()


def test_an_old_session_is_refused_as_an_invalid_one(place, sf):
    place.clock.now += timedelta(hours=3)
    answer = sf("GET", "/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_over_the_daily_quota_it_is_403_and_the_header_has_several_parts(place, sf):
    place.own("POST", "limits", json={"vendor": "salesforce", "daily_requests": 2})
    first = sf("GET", "/limits")
    assert first.headers["Sforce-Limit-Info"].split("; ")[0] == "api-usage=1/2"
    assert first.json()["DailyApiRequests"] == {"Max": 2, "Remaining": 1}
    assert "; " in first.headers["Sforce-Limit-Info"]
    sf("GET", "/limits")
    over = sf("GET", "/limits")
    assert (over.status_code, over.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/sobjects/Account/001000000000099AAA", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Account/00Q000000000001AAA", 400, "MALFORMED_ID"),
        ("GET", "/sobjects/Account/Nope__c/x", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Account/Name/x", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Nothing/describe", 404, "NOT_FOUND"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("DELETE", "/limits", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"/sobjects/Account/{ONE}?fields=Nope__c", 400, "INVALID_FIELD"),
    ],
)
def test_refusals_come_as_an_array(sf, method, path, status, code):
    answer = sf(method, path)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


@pytest.mark.parametrize(("version", "status"), [("20.0", 410), ("99.0", 404), ("45.0", 200)])
def test_only_versions_of_today_answer(sf, version, status):
    sf.base = sf.base.replace("60.0", version)
    assert sf("GET", "/limits").status_code == status


# One value, one field: the code that the record (or the request) is refused with.
BAD_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"Nope__c": 1}, "INVALID_FIELD"),
    ({"Churn_Risk_Band__c": "purple"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
    ({"Risk_Reason_Code__c": "x" * 41}, "STRING_TOO_LONG"),
    ({"Name": None}, "REQUIRED_FIELD_MISSING"),
    ({"Name": ""}, "REQUIRED_FIELD_MISSING"),
    ({"CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ({"Risk_Summary__c": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ({"Annual_Recurring_Revenue__c": 1e16}, "NUMBER_OUTSIDE_VALID_RANGE"),
    ({"OwnerId": "nobody"}, "MALFORMED_ID"),
    ({"Risk_Last_Refreshed_At__c": "9999-01-01T00:00:00Z"}, "NUMBER_OUTSIDE_VALID_RANGE"),
]
UNREADABLE: list[dict[str, Any]] = [
    {"Annual_Recurring_Revenue__c": "12.5"},
    {"Annual_Recurring_Revenue__c": True},
    {"Risk_Reason_Code__c": 5},
    {"Risk_Reason_Code__c": {"a": 1}},
    {"Risk_Last_Refreshed_At__c": "yesterday"},
    {"Risk_Last_Refreshed_At__c": 1700000000},
    {"Risk_Last_Refreshed_At__c": "2026-02-30T00:00:00Z"},
]


@pytest.mark.parametrize(("values", "code"), BAD_VALUES)
def test_a_bad_value_fails_its_record_only(sf, values, code):
    records = [account("W-1", **values), account("W-2", Risk_Reason_Code__c="ok")]
    answer = sf("PATCH", COLLECTION, json={"records": records})
    assert answer.status_code == 200
    bad, good = answer.json()
    assert bad["errors"][0]["statusCode"] == code
    assert (bad["success"], good["success"]) == (False, True)
    alone = sf("PATCH", f"/sobjects/Account/{ONE}", json=values)
    assert (alone.status_code, alone.json()[0]["errorCode"]) == (400, code)


@pytest.mark.parametrize("values", UNREADABLE)
def test_a_value_of_the_wrong_type_spoils_the_whole_request(sf, values):
    records = [account("W-2", Risk_Reason_Code__c="ok"), account("W-1", **values)]
    answer = sf("PATCH", COLLECTION, json={"records": records})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert only(sf, "001000000000002AAA")["Risk_Reason_Code__c"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"records": [account(f"X-{n}", Name="n") for n in range(201)]}, "EXCEEDED_ID_LIMIT"),
        ({"records": "all"}, "JSON_PARSER_ERROR"),
        ({"records": [], "allOrNone": "yes"}, "JSON_PARSER_ERROR"),
        ({"records": [{KEY: "W-1"}]}, "INVALID_TYPE"),
        ({"records": [{"attributes": {"type": "Contact"}, KEY: "W-1"}]}, "INVALID_TYPE"),
    ],
)
def test_a_malformed_collection_is_refused_as_a_whole(sf, body, code):
    answer = sf("PATCH", COLLECTION, json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_not_json_and_not_declared_as_json_are_refused(sf):
    assert sf("PATCH", COLLECTION, data=b"{").status_code == 400
    other = sf("PATCH", COLLECTION, data=b"{}", headers={"Content-Type": "text/csv"})
    assert other.status_code == 415


def test_a_collection_answers_in_order_with_what_became_of_each(sf):
    records = [
        account("NEW-1", Name="New"),
        account("NEW-2"),
        account("W-1", Churn_Risk_Band__c="HIGH"),
        account("TWICE"),
        account("twice"),
        {"attributes": {"type": "Account"}, "Name": "no key"},
    ]
    answer = sf("PATCH", COLLECTION, json={"allOrNone": False, "records": records})
    assert answer.status_code == 200
    found = answer.json()
    assert [(r["success"], r.get("created")) for r in found] == [
        (True, True),
        (False, None),
        (True, False),
        (False, None),
        (False, None),
        (False, None),
    ]
    codes = [r["errors"][0]["statusCode"] for r in found if r["errors"]]
    assert codes == ["REQUIRED_FIELD_MISSING", "DUPLICATE_VALUE", "DUPLICATE_VALUE"] + [
        "MISSING_ARGUMENT"
    ]
    assert found[2]["id"] == ONE
    assert only(sf)["Churn_Risk_Band__c"] == "high"


def test_two_records_of_one_external_id_are_never_written(sf):
    single = sf("PATCH", "/sobjects/Account/Billing_Customer_ID__c/BC-DUP", json={"Name": "x"})
    assert single.status_code == 300
    assert [url.rsplit("/", 1)[1] for url in single.json()] == [
        "001000000000003AAA",
        "001000000000004AAA",
    ]
    record = {"attributes": {"type": "Account"}, "Billing_Customer_ID__c": "bc-dup", "Name": "x"}
    many = sf(
        "PATCH", "/composite/sobjects/Account/Billing_Customer_ID__c", json={"records": [record]}
    )
    assert many.json()[0]["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    assert only(sf, "001000000000003AAA")["Name"] == "Company three"


def test_all_or_none_undoes_every_record(sf):
    records = [account("W-1", Name="changed"), account("W-2", Name=None), account("N", Name="n")]
    found = sf("PATCH", COLLECTION, json={"allOrNone": True, "records": records}).json()
    assert [r["errors"][0]["statusCode"] for r in found] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]
    assert only(sf)["Name"] == "Company one"
    assert query(sf, f"SELECT Id FROM Account WHERE {KEY} = 'N'").json()["totalSize"] == 0


def test_a_single_upsert_creates_updates_and_clears(sf):
    path = f"/sobjects/Account/{KEY}/{quote('A/1 é', safe='')}"
    made = sf("PATCH", path, json={"Name": "n", "Risk_Reason_Code__c": "r"})
    assert (made.status_code, made.json()["created"]) == (201, True)
    changed = sf("PATCH", path, json={"Risk_Reason_Code__c": None})
    assert (changed.status_code, changed.json()["created"]) == (200, False)
    found = only(sf, made.json()["id"])
    assert (found[KEY], found["Risk_Reason_Code__c"], found["Name"]) == ("A/1 é", None, "n")
    sf.base = sf.base.replace("60.0", "45.0")
    assert sf("PATCH", path, json={"Name": "m"}).status_code == 204


def test_update_only_never_creates(sf):
    answer = sf("PATCH", f"/sobjects/Account/{KEY}/none?updateOnly=true", json={"Name": "n"})
    assert answer.status_code == 404
    assert sf("PATCH", f"/sobjects/Account/{KEY}/W-1?updateOnly=true", json={}).status_code == 200


def test_the_key_in_address_and_body_is_refused(sf):
    answer = sf("PATCH", f"/sobjects/Account/{KEY}/W-1", json={KEY: "W-1"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


def test_a_unique_value_of_another_record_is_refused(sf):
    answer = sf("PATCH", f"/sobjects/Account/{ONE}", json={KEY: "w-2"})
    assert answer.json()[0]["errorCode"] == "DUPLICATE_VALUE"


def test_a_deleted_record_answers_so_and_frees_its_key(sf):
    assert sf("DELETE", f"/sobjects/Account/{ONE}").status_code == 204
    answer = sf("GET", f"/sobjects/Account/{ONE}")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    text = f"SELECT Id, IsDeleted FROM Account WHERE {KEY} = 'W-1'"
    assert query(sf, text).json()["records"] == []
    found = sf("GET", "/queryAll", params={"q": text}).json()["records"]
    assert found[0]["IsDeleted"] is True


def test_collections_by_id_report_each_record(sf):
    records = [
        {"attributes": {"type": "Account"}, "Id": ONE, "Name": "changed"},
        {"attributes": {"type": "Account"}, "Id": "001000000000099AAA", "Name": "x"},
        {"attributes": {"type": "Account"}, "Id": "bad", "Name": "x"},
        {"attributes": {"type": "Account"}, "Name": "x"},
    ]
    found = sf("PATCH", "/composite/sobjects", json={"records": records}).json()
    assert found[0]["success"]
    assert [r["errors"][0]["statusCode"] for r in found[1:]] == [
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "MISSING_ARGUMENT",
    ]
    made = sf("POST", "/composite/sobjects", json={"records": [account("Z-1", Name="z")]}).json()
    body = {"ids": [made[0]["id"], "001000000000099AAA"], "fields": ["Name", KEY]}
    read = sf("POST", "/composite/sobjects/Account", json=body).json()
    assert (read[0][KEY], read[1]) == ("Z-1", None)
    got = sf("GET", f"/composite/sobjects/Account?ids={ONE}&fields=Name").json()
    assert got[0]["Name"] == "changed"


def test_history_says_who_changed_a_tracked_field(place, sf):
    sf("PATCH", f"/sobjects/Account/{ONE}", json={"Churn_Risk_Band__c": "high", "Name": "n"})
    edit = {"vendor": "salesforce", "object": "Account", "id": ONE}
    place.own("POST", "edit", json={**edit, "field": "Churn_Risk_Band__c", "value": "low"})
    found = query(
        sf,
        "SELECT Field, OldValue, NewValue, CreatedById, CreatedDate FROM AccountHistory"
        f" WHERE AccountId = '{ONE}' ORDER BY CreatedDate DESC",
    ).json()["records"]
    seen = [(r["Field"], r["OldValue"], r["NewValue"], r["CreatedById"]) for r in found]
    assert seen == [
        ("Churn_Risk_Band__c", "high", "low", PERSON),
        ("Churn_Risk_Band__c", None, "high", INTEGRATION),
    ]
    record = only(sf)
    assert record["LastModifiedById"] == PERSON
    assert record["LastModifiedDate"] == "2026-11-20T09:00:00.000+0000"


def test_what_changed_in_a_span_of_time_is_listed(place, sf):
    place.clock.now += timedelta(hours=1)
    sf("PATCH", f"/sobjects/Account/{ONE}", json={"Name": "n"})
    span = {"start": "2026-11-20T09:30:00+00:00", "end": "2026-11-20T10:30:00Z"}
    found = sf("GET", "/sobjects/Account/updated", params=span).json()
    assert found["ids"] == [ONE]
    assert sf("GET", "/sobjects/Account/updated?start=x&end=y").status_code == 400


def test_describe_tells_what_a_field_takes_and_answers_304(place, sf):
    answer = sf("GET", "/sobjects/Account/describe")
    fields = {f["name"]: f for f in answer.json()["fields"]}
    band = fields["Churn_Risk_Band__c"]
    assert band["restrictedPicklist"]
    assert [pick["value"] for pick in band["picklistValues"]] == ["low", "medium", "high"]
    assert (fields[KEY]["externalId"], fields[KEY]["unique"]) == (True, True)
    assert (fields["Risk_Summary__c"]["calculated"], fields["Id"]["updateable"]) == (True, False)
    since = {"If-Modified-Since": answer.headers["Last-Modified"]}
    assert sf("GET", "/sobjects/Account/describe", headers=since).status_code == 304
    place.fault("salesforce", "field_deleted", object="Account", field="Risk_Reason_Code__c")
    again = sf("GET", "/sobjects/Account/describe", headers=since)
    assert "Risk_Reason_Code__c" not in {f["name"] for f in again.json()["fields"]}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT Name FROM Account WHERE Name = 'COMPANY ONE'", ["Company one"]),
        ("SELECT Name FROM Account WHERE Name IN ('Company one','Company two') ORDER BY Name DESC",
         ["Company two", "Company one"]),
        ("SELECT Name FROM Account WHERE Type = 'Prospect' AND Name != 'Company five'"
         " ORDER BY Name", ["Company four", "Company three"]),
        ("SELECT Name FROM Account WHERE (Name LIKE '%two' OR Name LIKE '%one') AND"
         " Churn_Risk_Band__c = null ORDER BY Name LIMIT 1 OFFSET 1", ["Company two"]),
        (f"SELECT name FROM account WHERE Id = '{ONE[:15]}'", ["Company one"]),
        ("SELECT Name FROM Account WHERE Billing_Customer_ID__c = 'bc/5 é'", ["Company five"]),
        ("SELECT Name FROM Account WHERE SystemModstamp > 2026-11-21T00:00:00Z", []),
        ("SELECT Name FROM Account WHERE NOT Type = 'Prospect' AND IsDeleted = false"
         " ORDER BY Name ASC NULLS LAST LIMIT 1", ["Company one"]),
        ("SELECT Name FROM User WHERE Name LIKE 'Integration%'", ["Integration user"]),
        (r"SELECT Name FROM Account WHERE Name = 'it\'s' OR Name = 'Company\u002d'", []),
    ],
)  # fmt: skip
def test_a_query_selects_what_it_says(sf, text, names):
    answer = query(sf, text)
    assert answer.status_code == 200, answer.text
    assert [list(r.values())[1] for r in answer.json()["records"]] == names


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "MALFORMED_QUERY"),
        ("SELECT FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account; DROP", "MALFORMED_QUERY"),
        ("SELECT Nope__c FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Nope__c = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(sf, text, code):
    answer = query(sf, text)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_a_long_answer_comes_in_pages_and_a_lost_cursor_says_so(sf):
    for start in range(0, 400, 200):
        records = [account(f"P-{n}", Name="p") for n in range(start, start + 200)]
        sf("PATCH", COLLECTION, json={"records": records})
    hint = {"Sforce-Query-Options": "batchSize=200"}
    page = query(sf, "SELECT Id FROM Account WHERE Name = 'p'", headers=hint).json()
    assert (page["totalSize"], page["done"], len(page["records"])) == (400, False, 200)
    rest = page["nextRecordsUrl"].removeprefix("/services/data/v60.0")
    last = sf("GET", rest).json()
    assert (last["done"], len(last["records"]), "nextRecordsUrl" in last) == (True, 200, False)
    assert query(sf, "SELECT COUNT() FROM Account").json()["totalSize"] == 405
    lost = sf("GET", "/query/01gSB0000000099AAA-200")
    assert (lost.status_code, lost.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
