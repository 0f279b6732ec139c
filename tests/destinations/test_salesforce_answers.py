"""Answers that Salesforce may give and a sandbox does not: each record is accounted for once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from destination_cases import Waits, mapped, target
from scripted_vendor import Reply, scripted

from activation_pipeline.destinations import Address, OutgoingRecord
from activation_pipeline.destinations import salesforce as module
from activation_pipeline.destinations._http import Clockwork
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable

BAND = "Churn_Risk_Band__c"
DESCRIBE = {
    "name": "Account",
    "fields": [
        {"name": "Id", "type": "id", "length": 18, "nillable": False},
        {
            "name": BAND,
            "type": "string",
            "length": 40,
            "nillable": True,
            "updateable": True,
            "createable": True,
        },
        {
            "name": "Ext__c",
            "type": "string",
            "length": 40,
            "nillable": True,
            "externalId": True,
            "updateable": True,
            "createable": True,
        },
    ],
}


def client_of(url: str, waits: Waits) -> module.Salesforce:
    settings = {
        "SALESFORCE_BASE_URL": url,
        "SALESFORCE_CLIENT_ID": "c",
        "SALESFORCE_CLIENT_SECRET": "s",
    }
    return module.connect(settings, clockwork=Clockwork(waits.sleep, waits.clock))


def answering(write: Callable[[str, str, Any], Reply]) -> Callable[[str, str, Any], Reply]:
    def answer(method: str, path: str, body: Any) -> Reply:
        if "oauth2/token" in path:
            return 200, {"access_token": "t", "id": "https://login/id/00D/005000000000001AAA"}
        if "describe" in path:
            return 200, DESCRIBE
        if "jobs/ingest" in path:
            return 200, {"done": True, "records": []}
        return write(method, path, body)

    return answer


FIELD = target("Account", key="Ext__c", behavior="upsert", fields={BAND: mapped("band")})
THREE = [OutgoingRecord(f"k{at}", "", f"E-{at}", "update", {BAND: "secret-ish"}) for at in range(3)]


@pytest.mark.parametrize(
    "body",
    [
        [],
        [{"success": True}] * 2,
        [{"success": True}] * 4,
        {"success": True},
        [None, 1, "x"],
        [{}, {"success": "true"}, {"success": False, "errors": []}],
        b"<html>",
        b"",
        None,
    ],
)
def test_an_answer_that_does_not_account_for_every_record_is_unknown(
    body: object, waits: Waits
) -> None:
    with scripted(answering(lambda *_: (200, body))) as vendor:
        outcome = client_of(vendor.url, waits).send(FIELD, THREE)
    assert [one.state for one in outcome.faults] == ["unknown"] * 3


def test_a_refused_batch_is_halved_until_only_bad_records_fail(waits: Waits) -> None:
    def write(_method: str, _path: str, body: Any) -> Reply:
        keys = [one["Ext__c"] for one in body["records"]]
        if "E-37" in keys:
            return 400, [{"errorCode": "JSON_PARSER_ERROR", "message": "bad secret-ish"}]
        return 200, [{"success": True, "created": False, "errors": []} for _ in keys]

    many = [
        OutgoingRecord(f"k{at}", "", f"E-{at}", "update", {BAND: "secret-ish"}) for at in range(200)
    ]
    with scripted(answering(write)) as vendor:
        outcome = client_of(vendor.url, waits).send(FIELD, many)
        writes = [path for _, path, _ in vendor.received if "composite" in path]
    assert [(one.key, one.state, one.code) for one in outcome.faults] == [
        ("k37", "rejected", "JSON_PARSER_ERROR")
    ]
    assert len(writes) <= 1 + 2 * 8
    assert "secret-ish" not in outcome.faults[0].message


def test_a_request_that_is_wrong_for_all_is_not_asked_once_per_record(waits: Waits) -> None:
    refusal = 400, [{"errorCode": "JSON_PARSER_ERROR", "message": "no"}]
    many = [OutgoingRecord(f"k{at}", "", f"E-{at}", "update", {BAND: "x"}) for at in range(200)]
    with scripted(answering(lambda *_: refusal)) as vendor:
        outcome = client_of(vendor.url, waits).send(FIELD, many)
        writes = [path for _, path, _ in vendor.received if "composite" in path]
    assert len(outcome.faults) == 200
    assert len(writes) < 40


def test_a_missing_field_or_object_is_permanent(waits: Waits) -> None:
    refusal = 400, [{"errorCode": "INVALID_FIELD", "message": "No such column 'x' on Account"}]
    with (
        scripted(answering(lambda *_: refusal)) as vendor,
        pytest.raises(PermanentError, match="INVALID_FIELD"),
    ):
        client_of(vendor.url, waits).send(FIELD, THREE)


def test_only_locked_records_are_sent_again(waits: Waits) -> None:
    locked = {"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "x"}]}
    good = {"success": True, "created": True, "errors": []}
    calls: list[int] = []

    def write(_method: str, _path: str, body: Any) -> Reply:
        calls.append(len(body["records"]))
        return 200, [locked, good, good] if len(calls) == 1 else [good]

    with scripted(answering(write)) as vendor:
        outcome = client_of(vendor.url, waits).send(FIELD, THREE)
    assert calls == [3, 1]
    assert outcome.faults == ()
    assert sorted(outcome.created) == ["k0", "k1", "k2"]


def test_a_vendors_message_is_masked_and_its_code_kept(waits: Waits) -> None:
    message = "Band secret-ish of dana@example.com is wrong; ask 'the admin'"
    error = {
        "statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "message": message,
        "fields": [BAND],
    }
    bad = {"success": False, "errors": [error]}
    with scripted(answering(lambda *_: (200, [bad] * 3))) as vendor:
        outcome = client_of(vendor.url, waits).send(FIELD, THREE)
    found = outcome.faults[0]
    assert (found.state, found.code, found.field) == (
        "rejected",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        BAND,
    )
    assert found.message == "Band *** of *** is wrong; ask ***"


def test_a_redirect_is_not_followed(waits: Waits) -> None:
    with (
        scripted(answering(lambda *_: (302, {"x": 1}))) as vendor,
        pytest.raises(PermanentError, match="302"),
    ):
        client_of(vendor.url, waits).send(FIELD, THREE)


def test_pages_are_followed_and_a_lost_cursor_is_retryable(waits: Waits) -> None:
    row = {
        "Ext__c": "e-1",
        BAND: "x",
        "LastModifiedById": "005000000000001",
        "LastModifiedDate": "2026-11-21T06:00:00.000+0000",
    }

    def read(_method: str, path: str, _body: Any) -> Reply:
        if "AccountHistory" in path:
            return 400, [{"errorCode": "INVALID_TYPE", "message": "no history"}]
        if "/query/next" in path:
            rows = [{**row, "Id": "001000000000002AAA"}]
            return 200, {"done": True, "records": rows}
        rows = [{**row, "Id": "001000000000001AAA"}]
        following = "/prefix/services/data/v62.0/query/next"
        return 200, {"done": False, "records": rows, "nextRecordsUrl": following}

    address = [Address("k", "", "E-1")]
    with scripted(answering(read)) as vendor:
        (found,) = client_of(vendor.url, waits).read(FIELD, address, [BAND])
    assert found.ids == ("001000000000001AAA", "001000000000002AAA")
    lost = 400, [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "gone"}]
    with (
        scripted(answering(lambda *_: lost)) as vendor,
        pytest.raises(RetryableError, match="read again"),
    ):
        client_of(vendor.url, waits).read(FIELD, address, [BAND])
