"""The stand-in for Salesforce says what Salesforce says, for one record and for collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_place import Caller, Place

import base64
from datetime import timedelta
from urllib.parse import quote

import pytest
import requests

KEY = "Warehouse_Account_ID__c"
COLLECTION = f"/composite/sobjects/Account/{KEY}"
ONE = "001000000000001AAA"


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
def test_wrong_credentials_are_refused_in_the_oauth_envelope(
    place: Place, form: dict[str, str], error: str
) -> None:
    answer = requests.post(f"{place.url}/salesforce/services/oauth2/token", data=form, timeout=20)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert set(answer.json()) == {"error", "error_description"}


def test_a_token_is_given_to_basic_credentials_and_points_back_to_the_mount(place: Place) -> None:
    pair = base64.b64encode(b"sandbox-client:sandbox-secret").decode()
    answer = requests.post(
        f"{place.url}/salesforce/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {pair}"},
        timeout=20,
    )
    assert answer.json()["instance_url"] == f"{place.url}/salesforce"
    assert "expires_in" not in answer.json()


def test_an_old_session_is_refused_as_an_invalid_one(place: Place, sf: Caller) -> None:
    place.clock.now += timedelta(hours=3)
    answer = sf("GET", "/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_over_the_daily_quota_it_is_403_and_the_header_has_several_parts(
    place: Place, sf: Caller
) -> None:
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
def test_refusals_come_as_an_array(
    sf: Caller, method: str, path: str, status: int, code: str
) -> None:
    answer = sf(method, path)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)


@pytest.mark.parametrize(("version", "status"), [("20.0", 410), ("99.0", 404), ("45.0", 200)])
def test_only_versions_of_today_answer(sf: Caller, version: str, status: int) -> None:
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
def test_a_bad_value_fails_its_record_only(sf: Caller, values: dict[str, Any], code: str) -> None:
    records = [account("W-1", **values), account("W-2", Risk_Reason_Code__c="ok")]
    answer = sf("PATCH", COLLECTION, json={"records": records})
    assert answer.status_code == 200
    bad, good = answer.json()
    assert bad["errors"][0]["statusCode"] == code
    assert (bad["success"], good["success"]) == (False, True)
    alone = sf("PATCH", f"/sobjects/Account/{ONE}", json=values)
    assert (alone.status_code, alone.json()[0]["errorCode"]) == (400, code)


@pytest.mark.parametrize("values", UNREADABLE)
def test_a_value_of_the_wrong_type_spoils_the_whole_request(
    sf: Caller, values: dict[str, Any]
) -> None:
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
def test_a_malformed_collection_is_refused_as_a_whole(sf: Caller, body: Any, code: str) -> None:
    answer = sf("PATCH", COLLECTION, json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_not_json_and_not_declared_as_json_are_refused(sf: Caller) -> None:
    assert sf("PATCH", COLLECTION, data=b"{").status_code == 400
    other = sf("PATCH", COLLECTION, data=b"{}", headers={"Content-Type": "text/csv"})
    assert other.status_code == 415


def test_a_collection_answers_in_order_with_what_became_of_each(sf: Caller) -> None:
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
    assert codes == [
        "REQUIRED_FIELD_MISSING",
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
        "MISSING_ARGUMENT",
    ]
    assert found[2]["id"] == ONE
    assert only(sf)["Churn_Risk_Band__c"] == "high"


def test_two_records_of_one_external_id_are_never_written(sf: Caller) -> None:
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


def test_all_or_none_undoes_every_record(sf: Caller) -> None:
    records = [account("W-1", Name="changed"), account("W-2", Name=None), account("N", Name="n")]
    found = sf("PATCH", COLLECTION, json={"allOrNone": True, "records": records}).json()
    assert [r["errors"][0]["statusCode"] for r in found] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]
    assert only(sf)["Name"] == "Company one"
    assert (
        query(sf, "SELECT Id FROM Account WHERE Warehouse_Account_ID__c = 'N'").json()["totalSize"]
        == 0
    )


def test_a_single_upsert_creates_updates_and_clears(sf: Caller) -> None:
    path = f"/sobjects/Account/{KEY}/{quote('A/1 é', safe='')}"
    made = sf("PATCH", path, json={"Name": "n", "Risk_Reason_Code__c": "r"})
    assert (made.status_code, made.json()["created"]) == (201, True)
    changed = sf("PATCH", path, json={"Risk_Reason_Code__c": None})
    assert (changed.status_code, changed.json()["created"]) == (200, False)
    found = only(sf, made.json()["id"])
    assert (found[KEY], found["Risk_Reason_Code__c"], found["Name"]) == ("A/1 é", None, "n")
    sf.base = sf.base.replace("60.0", "45.0")
    assert sf("PATCH", path, json={"Name": "m"}).status_code == 204


def test_update_only_never_creates(sf: Caller) -> None:
    answer = sf("PATCH", f"/sobjects/Account/{KEY}/none?updateOnly=true", json={"Name": "n"})
    assert answer.status_code == 404
    assert sf("PATCH", f"/sobjects/Account/{KEY}/W-1?updateOnly=true", json={}).status_code == 200


def test_the_key_in_address_and_body_is_refused(sf: Caller) -> None:
    answer = sf("PATCH", f"/sobjects/Account/{KEY}/W-1", json={KEY: "W-1"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


def test_a_unique_value_of_another_record_is_refused(sf: Caller) -> None:
    answer = sf("PATCH", f"/sobjects/Account/{ONE}", json={KEY: "w-2"})
    assert answer.json()[0]["errorCode"] == "DUPLICATE_VALUE"


def test_collections_by_id_report_each_record(sf: Caller) -> None:
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
