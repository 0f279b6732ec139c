"""Facts about the far sides that a whole run has to live with, seen in what goes over the wire."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW, Company
from e2e_box import OBJECTS, TEXT_FIELDS, record_id
from e2e_place import body, mapping
from fault_place import STORE, FaultPlace, key_of
from fault_sites import SITES
from requests.structures import CaseInsensitiveDict

from activation_pipeline.destinations import OutgoingRecord
from activation_pipeline.destinations import _braze_session as braze
from activation_pipeline.destinations import _hubspot_session as hubspot
from activation_pipeline.destinations import _salesforce_session as salesforce
from activation_pipeline.destinations._batch import Ready
from activation_pipeline.destinations._exchange import Answer
from activation_pipeline.destinations._hubspot_list import StaticList
from activation_pipeline.destinations._hubspot_session import Paths
from activation_pipeline.reconcile import reconcile

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workshop
    from fault_sites import Site

FIELDS = {**TEXT_FIELDS, "braze": "follow_up_reason", "webhook": "follow_up_reason"}
KEYS = {
    "salesforce": "Billing_Customer_ID__c",
    "hubspot": "warehouse_contact_id",
    "braze": "external_id",
    "webhook": "account_id",
}
# How "no value" is spelt to each destination; a field that is left out keeps its value everywhere.
SPELLINGS = [
    pytest.param("salesforce", False, b'"Risk_Reason_Code__c":null', id="salesforce"),
    pytest.param("salesforce", True, b"#N/A", id="salesforce_job"),
    pytest.param("hubspot", False, b'"follow_up_reason":""', id="hubspot"),
    pytest.param("braze", False, b'"follow_up_reason":null', id="braze"),
    pytest.param("webhook", False, b'"follow_up_reason":null', id="webhook"),
]
_WRITES = r"/composite/sobjects|/batches$|/batch/(upsert|update)|/users/track|/items$|/memberships/"


@pytest.fixture
def place(workshop: Workshop, tmp_path: Path) -> FaultPlace:
    workshop.clock.now = NOW
    workshop.box.own("POST", "reset")
    return FaultPlace(Company(tmp_path, now=NOW), workshop.box, workshop.clock)


def site_named(name: str) -> Site:
    return next(one for one in SITES if one.name == name)


def score(vendor: str, **policy: str) -> dict[str, Any]:
    behavior = "mirror" if vendor == "webhook" else "update_only"
    spec = {"braze": "users", "webhook": STORE}.get(vendor) or OBJECTS[vendor]
    fields = {FIELDS[vendor]: {"from": "band", "on_edit": "overwrite", **policy}}
    place = {"object": spec, "key": KEYS[vendor], "behavior": behavior, "fields": fields}
    return body(vendor, mapping("hubspot", **place))


def written(place: FaultPlace, vendor: str, *, since: int) -> bytes:
    """Join the bytes of every write after a request."""
    requests = place.box.requests(vendor, since=since)
    writes = [one for one in requests if re.search(_WRITES, one["path"])]
    return b"\n".join(base64.b64decode(one["body_base64"]) for one in writes)


@pytest.mark.parametrize(("vendor", "by_job", "spelling"), SPELLINGS)
def test_clearing_is_spelt_in_each_vendors_own_way(
    place: FaultPlace, vendor: str, by_job: bool, spelling: bytes
) -> None:
    place.by_job = by_job
    place.add_candidates(vendor, range(1, 4))
    contract = place.contract(score(vendor, on_null="clear"))
    assert place.run(contract).totals.accepted == 3
    place.sql("update mart set band = null where id <> ?", key_of(1))
    before = place.box.newest_request()
    assert place.run(contract).totals.accepted == 2
    assert written(place, vendor, since=before).count(spelling) == 2
    with place.runtime() as runtime:
        assert reconcile(contract, vendor, runtime, clock=place.clock).counts == {"agrees": 2}


@pytest.mark.parametrize(("vendor", "by_job", "_spelling"), SPELLINGS)
def test_what_did_not_change_is_not_sent(
    place: FaultPlace, vendor: str, by_job: bool, _spelling: bytes
) -> None:
    """Braze bills a data point for an equal value, too."""
    place.by_job = by_job
    place.add_candidates(vendor, range(1, 4))
    contract = place.contract(score(vendor))
    place.run(contract)
    place.sql("update mart set band = 'other' where id = ?", key_of(2))
    before = place.box.newest_request()
    assert place.run(contract).rows == 1
    sent = written(place, vendor, since=before).decode()
    assert "other" in sent
    ids = [record_id(vendor, n) if vendor in OBJECTS else key_of(n) for n in (1, 3)]
    assert [one for one in (*ids, key_of(1), key_of(3)) if one in sent] == []


@pytest.mark.parametrize("version", ["v3", "2026-09"])
@pytest.mark.parametrize("name", ["hubspot_contacts", "hubspot_list"])
def test_hubspot_is_reached_by_either_style_of_paths_and_never_searched(
    workshop: Workshop, name: str, version: str
) -> None:
    """Search is eventually consistent: what it does not find may be there."""
    site = site_named(name)
    calm_end = workshop.calm_end(site)
    contract = workshop.template(site).contract
    with workshop.place(site) as place:
        place.overrides = {"HUBSPOT_API_VERSION": version}
        assert place.send(contract).outcome == "delivered"
        with place.runtime() as runtime:
            found = reconcile(contract, "hubspot", runtime, clock=place.clock)
        assert found.counts == {"agrees": len(site.numbers)}
        paths = [one["path"] for one in place.box.requests("hubspot")]
        assert [one for one in paths if "/search" in one] == []
        assert paths
        assert [one for one in paths if f"/{version}" not in one] == []
        assert sorted(site.state(place)) == calm_end


def test_a_200_in_which_every_record_failed_is_no_success(workshop: Workshop) -> None:
    site = site_named("salesforce_by_id")
    with workshop.place(site) as place:
        place.box.fault("salesforce", "refuse_records", count=200, times=99, **site.hit)
        report = place.send(workshop.template(site).contract)
        writes = [one for one in place.box.requests("salesforce") if one["fault"]]
        assert {one["status"] for one in writes} == {200}
    assert (report.outcome, report.totals.rejected) == ("rejected", len(site.numbers))
    assert report.faults == {"FIELD_CUSTOM_VALIDATION_EXCEPTION": len(site.numbers)}


@dataclass
class OneAnswer:
    """A transport on which every call is answered alike."""

    answer: dict[str, Any]

    def call(self, *_arguments: Any, **_options: Any) -> Answer:
        return Answer(200, json.dumps(self.answer).encode(), CaseInsensitiveDict())


@pytest.mark.parametrize("direction", ["add", "remove"])
@pytest.mark.parametrize("spelling", ["recordsIds", "recordIds"])
def test_list_members_are_read_in_both_spellings(direction: str, spelling: str) -> None:
    done = {"add": "Added", "remove": "Removed"}[direction]
    answer = {f"{spelling}{done}": ["1"], f"{spelling}Missing": ["2"]}
    transport: Any = OneAnswer(answer)
    operation: Any = direction
    part = [Ready(OutgoingRecord(f"k{n}", str(n), "", operation, {}), {}) for n in (1, 2, 3)]
    found: Any = StaticList(transport, Paths("v3"), "7").change(part)
    missing = [("k2", "RECORD_MISSING")] if direction == "add" else []
    assert [(one.key, one.code) for one in found.faults] == missing
    assert found.unchanged == (("k3",) if direction == "add" else ("k2", "k3"))


HTML = b"<html><body><h1>Bad gateway</h1></body></html>"


@pytest.mark.parametrize(
    ("read", "sent", "expected"),
    [
        (
            salesforce.first_error,
            b'[{"message":"no","errorCode":"REQUEST_LIMIT_EXCEEDED"}]',
            ("REQUEST_LIMIT_EXCEEDED", "no"),
        ),
        (
            salesforce.first_error,
            b'{"error":"invalid_grant","error_description":"no"}',
            ("invalid_grant", "no"),
        ),
        (
            hubspot.first_error,
            b'{"status":"error","message":"no","category":"VALIDATION_ERROR"}',
            ("VALIDATION_ERROR", "no"),
        ),
        (hubspot.first_error, b'{"errorType":"RATE_LIMIT","message":"no"}', ("RATE_LIMIT", "no")),
        (braze.message_of, b'{"message":"no"}', "no"),
        (salesforce.first_error, HTML, ("NO_CODE", "")),
        (hubspot.first_error, HTML, ("NO_CODE", "")),
        (braze.message_of, HTML, ""),
    ],
)
def test_an_error_is_read_out_of_each_envelope(read: Any, sent: bytes, expected: Any) -> None:
    assert read(Answer(400, sent, CaseInsensitiveDict())) == expected
