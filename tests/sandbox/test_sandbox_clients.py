"""The vendors' official clients work against the stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox_place import Place

import csv
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from hubspot import HubSpot
from hubspot.crm.contacts import (
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchReadInputSimplePublicObjectId,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.lists import ListCreateRequest, MembershipChangeRequest
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceMoreThanOneRecord

from activation_pipeline.sandbox import load_org

KEY = "Warehouse_Account_ID__c"


class Retarget(HTTPAdapter):
    """Sends what simple-salesforce addresses over https to the stand-in."""

    def __init__(self, mount: str) -> None:
        """Send to a mount of the stand-in."""
        super().__init__()
        self._mount = urlsplit(mount)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        asked = urlsplit(str(request.url))
        path = (
            asked.path
            if asked.path.startswith(self._mount.path)
            else (self._mount.path + asked.path)
        )
        request.url = urlunsplit(("http", self._mount.netloc, path, asked.query, ""))
        return super().send(request, *args, **options)


@pytest.fixture
def session(place: Place) -> Iterator[requests.Session]:
    with requests.Session() as found:
        found.mount("https://", Retarget(place.running.mount("salesforce")))
        yield found


def log_in(session: requests.Session, wrong: str = "") -> Any:
    return Salesforce(
        consumer_key="sandbox-client",
        consumer_secret=wrong
        or load_org(["salesforce"])["salesforce"].credentials["client_secret"],
        domain="sandbox.my",
        session=session,
        version="60.0",
    )


def test_simple_salesforce_logs_in_reads_writes_and_pages(session: requests.Session) -> None:
    org = log_in(session)
    assert org.Account.describe()["name"] == "Account"
    made = org.Account.create({"Name": "New", KEY: "N-1"})
    assert org.Account.get_by_custom_id(KEY, "N-1")["Id"] == made["id"]
    assert org.Account.upsert(f"{KEY}/W-1", {"Name": "Changed"}) == 200
    assert org.Account.update(made["id"], {"Name": "Newer"}) == 204
    found = org.query_all(
        "SELECT Id, Name FROM Account WHERE Warehouse_Account_ID__c IN ('W-1', 'N-1')"
    )
    assert sorted(r["Name"] for r in found["records"]) == ["Changed", "Newer"]
    records = [{"attributes": {"type": "Account"}, KEY: f"M-{n}", "Name": "m"} for n in range(200)]
    for batch in range(11):
        for n, record in enumerate(records):
            record[KEY] = f"M-{batch}-{n}"
        answer = org.restful(
            f"composite/sobjects/Account/{KEY}", method="PATCH", json={"records": records}
        )
        assert all(result["success"] for result in answer)
    every = org.query_all("SELECT Id FROM Account WHERE Name = 'm'")
    assert (len(every["records"]), every["done"]) == (2200, True)
    assert org.limits()["DailyApiRequests"]["Max"] > 0
    assert org.api_usage["api-usage"].used > 0


def test_simple_salesforce_writes_by_bulk_jobs(session: requests.Session) -> None:
    jobs = log_in(session).bulk2.Account
    rows = [{KEY: f"J-{n}", "Name": f"job {n}"} for n in range(3)]
    rows += [{KEY: "W-1", "Name": "#N/A"}]
    (told,) = jobs.upsert(records=rows, external_id_field=KEY, wait=0.01)
    assert (told["numberRecordsProcessed"], told["numberRecordsFailed"]) == (4, 1)
    done = list(csv.DictReader(jobs.get_successful_records(told["job_id"]).splitlines()))
    assert {row[KEY]: row["sf__Created"] for row in done} == dict.fromkeys(
        ("J-0", "J-1", "J-2"), "true"
    )
    (failed,) = csv.DictReader(jobs.get_failed_records(told["job_id"]).splitlines())
    assert (failed[KEY], failed["sf__Error"].split(":")[0]) == ("W-1", "REQUIRED_FIELD_MISSING")
    (header,) = csv.reader(jobs.get_unprocessed_records(told["job_id"]).splitlines())
    assert set(header) == {"Name", KEY}  # the client keeps no order of columns


def test_simple_salesforce_sees_the_refusals(session: requests.Session) -> None:
    with pytest.raises(SalesforceAuthenticationFailed):
        log_in(session, "wrong")
    with pytest.raises(SalesforceMoreThanOneRecord):
        log_in(session).Account.upsert("Billing_Customer_ID__c/BC-DUP", {"Name": "x"})


@pytest.fixture
def client(place: Place) -> HubSpot:
    token = load_org(["hubspot"])["hubspot"].credentials["access_token"]
    return HubSpot(access_token=token, host=place.running.mount("hubspot"))


def test_the_hubspot_client_writes_and_reads_contacts(client: HubSpot) -> None:
    inputs = [
        {
            "id": key,
            "idProperty": "warehouse_contact_id",
            "objectWriteTraceId": key,
            "properties": {"follow_up_priority": value},
        }
        for key, value in (("cnt_1", "hot"), ("cnt_new", "warm"), ("cnt_2", "cold"))
    ]
    batch = client.crm.contacts.batch_api
    found = batch.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))
    assert {r.object_write_trace_id: r.new for r in found.results} == {
        "cnt_1": False,
        "cnt_new": True,
    }
    assert (found.num_errors, found.errors[0].context["objectWriteTraceId"]) == (1, ["cnt_2"])
    asked = BatchReadInputSimplePublicObjectId(
        id_property="warehouse_contact_id",
        inputs=[{"id": "cnt_1"}, {"id": "none"}],
        properties=["follow_up_priority"],
        properties_with_history=["follow_up_priority"],
    )
    read = batch.read(asked)
    assert read.results[0].properties["follow_up_priority"] == "hot"
    history = read.results[0].properties_with_history["follow_up_priority"]
    assert (history[0].value, history[0].source_type) == ("hot", "INTEGRATION")
    assert read.errors[0].context["ids"] == ["none"]
    everybody = client.crm.contacts.get_all()
    assert len(everybody) == 6


def test_the_hubspot_client_sees_a_conflict(client: HubSpot) -> None:
    asked = SimplePublicObjectInputForCreate(properties={"email": "one@example.com"})
    with pytest.raises(ApiException) as caught:
        client.crm.contacts.basic_api.create(asked)
    assert caught.value.status == 409


def test_the_hubspot_client_keeps_lists_and_reads_properties(client: HubSpot) -> None:
    lists = client.crm.lists
    made = lists.lists_api.create(
        ListCreateRequest(name="Mine", object_type_id="0-1", processing_type="MANUAL")
    ).list
    members = lists.memberships_api
    change = MembershipChangeRequest(record_ids_to_add=["501", "9"], record_ids_to_remove=[])
    answer = members.add_and_remove(made.list_id, change)
    assert (answer.records_ids_added, answer.record_ids_missing) == (["501"], ["9"])
    assert [m.record_id for m in members.get_page(made.list_id).results] == ["501"]
    assert [m.record_id for m in members.get_page_ordered_by_added_to_list_date(
        made.list_id).results] == ["501"]  # fmt: skip
    assert [m.list_id for m in members.get_lists("0-1", "501").results] == [made.list_id]
    assert members.remove(made.list_id, ["501"]).record_ids_removed == ["501"]
    assert lists.lists_api.get_by_name("Mine", "0-1").list.list_id == made.list_id
    found = client.crm.properties.core_api.get_all("contacts").results
    assert {p.name: p.has_unique_value for p in found}["warehouse_contact_id"]
