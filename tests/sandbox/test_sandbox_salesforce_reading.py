"""The stand-in for Salesforce reads back what Salesforce would: queries, history, describe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_place import Caller, Place

from datetime import timedelta

import pytest
import requests

from activation_pipeline.sandbox.catalogue import FieldSpec
from activation_pipeline.sandbox.vendors.salesforce.values import checked
from activation_pipeline.sandbox.wire import Refusal

KEY = "Warehouse_Account_ID__c"
COLLECTION = f"/composite/sobjects/Account/{KEY}"
ONE = "001000000000001AAA"
INTEGRATION, PERSON = "005SB0000000001YAA", "005SB0000000002YAA"


def account(key: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Account"}, KEY: key, **values}


def query(sf: Any, text: str, **options: Any) -> Any:
    return sf("GET", "/query", params={"q": text}, **options)


def only(sf: Any, record_id: str = ONE) -> Any:
    return sf("GET", f"/sobjects/Account/{record_id}").json()


# One value, one field: the code that the record (or the request) is refused with.


def test_a_deleted_record_answers_so_and_frees_its_key(sf: Caller) -> None:
    assert sf("DELETE", f"/sobjects/Account/{ONE}").status_code == 204
    answer = sf("GET", f"/sobjects/Account/{ONE}")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    text = "SELECT Id, IsDeleted FROM Account WHERE Warehouse_Account_ID__c = 'W-1'"
    assert query(sf, text).json()["records"] == []
    found = sf("GET", "/queryAll", params={"q": text}).json()["records"]
    assert found[0]["IsDeleted"] is True


def test_history_says_who_changed_a_tracked_field(place: Place, sf: Caller) -> None:
    sf("PATCH", f"/sobjects/Account/{ONE}", json={"Churn_Risk_Band__c": "high", "Name": "n"})
    edit = {"vendor": "salesforce", "object": "Account", "id": ONE}
    place.own("POST", "edit", json={**edit, "field": "Churn_Risk_Band__c", "value": "low"})
    found = query(
        sf,
        "SELECT Field, OldValue, NewValue, CreatedById, CreatedDate FROM AccountHistory"
        " WHERE AccountId = '001000000000001AAA' ORDER BY CreatedDate DESC",
    ).json()["records"]
    seen = [(r["Field"], r["OldValue"], r["NewValue"], r["CreatedById"]) for r in found]
    assert seen == [
        ("Churn_Risk_Band__c", "high", "low", PERSON),
        ("Churn_Risk_Band__c", None, "high", INTEGRATION),
    ]
    record = only(sf)
    assert record["LastModifiedById"] == PERSON
    assert record["LastModifiedDate"] == "2026-11-20T09:00:00.000+0000"


def test_what_changed_in_a_span_of_time_is_listed(place: Place, sf: Caller) -> None:
    place.clock.now += timedelta(hours=1)
    sf("PATCH", f"/sobjects/Account/{ONE}", json={"Name": "n"})
    span = {"start": "2026-11-20T09:30:00+00:00", "end": "2026-11-20T10:30:00Z"}
    found = sf("GET", "/sobjects/Account/updated", params=span).json()
    assert found["ids"] == [ONE]
    assert sf("GET", "/sobjects/Account/updated?start=x&end=y").status_code == 400


def test_describe_tells_what_a_field_takes_and_answers_304(place: Place, sf: Caller) -> None:
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
        (("SELECT Name FROM Account WHERE Type = 'Prospect' AND Name != 'Company five'"
         " ORDER BY Name"), ["Company four", "Company three"]),
        (("SELECT Name FROM Account WHERE (Name LIKE '%two' OR Name LIKE '%one') AND"
         " Churn_Risk_Band__c = null ORDER BY Name LIMIT 1 OFFSET 1"), ["Company two"]),
        ("SELECT name FROM account WHERE Id = '001000000000001'", ["Company one"]),
        ("SELECT Name FROM Account WHERE Billing_Customer_ID__c = 'bc/5 é'", ["Company five"]),
        ("SELECT Name FROM Account WHERE SystemModstamp > 2026-11-21T00:00:00Z", []),
        (("SELECT Name FROM Account WHERE NOT Type = 'Prospect' AND IsDeleted = false"
         " ORDER BY Name ASC NULLS LAST LIMIT 1"), ["Company one"]),
        ("SELECT Name FROM User WHERE Name LIKE 'Integration%'", ["Integration user"]),
        (r"SELECT Name FROM Account WHERE Name = 'it\'s' OR Name = 'Company\u002d'", []),
    ],
)  # fmt: skip
def test_a_query_selects_what_it_says(sf: Caller, text: str, names: list[str]) -> None:
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
def test_a_query_that_cannot_be_answered_is_refused(sf: Caller, text: str, code: str) -> None:
    answer = query(sf, text)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_a_long_answer_comes_in_pages_and_a_lost_cursor_says_so(sf: Caller) -> None:
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


def test_the_organisation_lists_its_versions_resources_and_objects(
    place: Place, sf: Caller
) -> None:
    versions = requests.get(f"{place.url}/salesforce/services/data", timeout=20).json()
    assert "60.0" in {version["version"] for version in versions}
    assert sf("GET", "").json()["query"] == "/services/data/v60.0/query"
    assert [found["name"] for found in sf("GET", "/sobjects").json()["sobjects"]] == ["Account"]


@pytest.mark.parametrize(
    ("type_", "value", "kept"),
    [
        ("date", "2026-11-20", "2026-11-20"),
        ("date", "20.11.2026", None),
        ("boolean", True, True),
        ("boolean", "true", None),
        ("reference", "005SB0000000001", "005SB0000000001YAA"),
        ("reference", 5, None),
        ("datetime", "2026-11-20T10:00:00.1234+02:00", "2026-11-20T08:00:00.123+0000"),
        ("datetime", "2026-11-20T10:00Z", "2026-11-20T10:00:00.000+0000"),
        ("double", 2.005, 2.0),
    ],
)
def test_each_type_keeps_its_values_or_refuses(type_: str, value: Any, kept: Any) -> None:
    field = FieldSpec(name="F__c", label="F", type=type_)
    if kept is None:
        with pytest.raises(Refusal, match="Cannot deserialize"):
            checked(field, value)
    else:
        assert checked(field, value) == kept
