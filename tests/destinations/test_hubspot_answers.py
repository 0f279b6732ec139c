"""Answers that HubSpot may give and a sandbox does not: each record is accounted for once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from destination_cases import Waits, mapped, target
from scripted_vendor import Reply, scripted

from activation_pipeline.destinations import Address, OutgoingRecord
from activation_pipeline.destinations import hubspot as module
from activation_pipeline.destinations._http import BearerAuth, Clockwork, Transport
from activation_pipeline.destinations._hubspot_session import Paths, judge
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable

BAND, REASON = "follow_up_priority", "follow_up_reason"
FOLLOW_UP = target(
    "contacts",
    key="warehouse_contact_id",
    behavior="upsert",
    fields={
        BAND: mapped("priority", allowed=("hot", "warm")),
        REASON: mapped("reason"),
        "product_seats": mapped("seats"),
        "is_product_admin": mapped("admin"),
        "contract_renewal_date": mapped("renews_on"),
        "follow_up_refreshed_at": mapped("at"),
        "product_features": mapped("features"),
    },
)
PROPERTIES = {
    "results": [
        {"name": "warehouse_contact_id", "type": "string", "hasUniqueValue": True},
        {"name": BAND, "type": "string"},
        {"name": "product_seats", "type": "number"},
        {"name": "is_product_admin", "type": "bool"},
        {"name": "contract_renewal_date", "type": "date"},
    ]
}


def change(at: int, values: dict[str, Any], **parts: str) -> OutgoingRecord:
    return OutgoingRecord(f"k{at}", parts.get("id", f"10{at}"), f"C-{at}", "update", values)


THREE = [change(at, {BAND: "secret-ish"}) for at in range(3)]


def answering(write: Callable[[str, str, Any], Reply]) -> Callable[[str, str, Any], Reply]:
    def answer(method: str, path: str, body: Any) -> Reply:
        if "/properties/" in path:
            return 200, PROPERTIES
        return write(method, path, body)

    return answer


def client_of(url: str, waits: Waits, address: str | None = None) -> module.HubSpot:
    transport = Transport(
        vendor="hubspot",
        base_url=url,
        judge=judge,
        auth=BearerAuth("pat-secret"),
        clockwork=Clockwork(waits.sleep, waits.clock),
    )
    return module.HubSpot(transport, Paths("v3"), address=address or url)


def result(at: int, **parts: Any) -> dict[str, Any]:
    return {"id": f"10{at}", "properties": {"warehouse_contact_id": f"C-{at}"}, **parts}


def states(answer: Reply, waits: Waits) -> list[tuple[str, str, str]]:
    with scripted(answering(lambda *_: answer)) as vendor:
        outcome = client_of(vendor.url, waits).send(FOLLOW_UP, THREE)
    assert "secret-ish" not in repr(outcome)
    return [(one.key, one.state, one.code) for one in outcome.faults]


def test_results_are_matched_in_any_order_and_without_trace_ids(waits: Waits) -> None:
    assert states((200, {"results": [result(2), result(0), result(1)]}), waits) == []
    traced = [{"objectWriteTraceId": str(at), "id": "x", "properties": {}} for at in (2, 0, 1)]
    assert states((200, {"results": traced}), waits) == []


def test_one_error_entry_may_name_many_records(waits: Waits) -> None:
    """``numErrors`` counts entries, so it says 1 here."""
    entry = {"category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"ids": ["C-0", "C-2"]}}
    body = {"results": [result(1)], "numErrors": 1, "errors": [entry]}
    assert states((207, body), waits) == [
        ("k0", "rejected", "OBJECT_NOT_FOUND"),
        ("k2", "rejected", "OBJECT_NOT_FOUND"),
    ]


def test_a_value_error_is_read_out_of_its_message(waits: Waits) -> None:
    inner = (
        '[{"isValid":false,"message":"secret-ish was not one of the allowed options",'
        f'"error":"INVALID_OPTION","name":"{BAND}"}}]'
    )
    entry = {
        "category": "VALIDATION_ERROR",
        "message": f"Property values were not valid: {inner}",
        "context": {"objectWriteTraceId": ["1"]},
    }
    body = {"results": [result(0), result(2)], "errors": [entry]}
    with scripted(answering(lambda *_: (207, body))) as vendor:
        (found,) = client_of(vendor.url, waits).send(FOLLOW_UP, THREE).faults
    assert (found.key, found.state, found.code, found.field) == (
        "k1",
        "rejected",
        "INVALID_OPTION",
        BAND,
    )
    assert "secret-ish" not in found.message


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"results": None},
        {"results": [result(7)]},
        {"results": [None, "x", {}]},
        {"results": [], "errors": [{"category": "VALIDATION_ERROR", "message": "who?"}]},
        b"<html>",
    ],
)
def test_an_answer_that_does_not_account_for_a_record_is_unknown(
    body: object, waits: Waits
) -> None:
    assert [one[1] for one in states((200, body), waits)] == ["unknown"] * 3


def test_a_record_in_both_lists_is_unknown(waits: Waits) -> None:
    entry = {"category": "CONFLICT", "message": "x", "context": {"id": "C-0"}}
    body = {"results": [result(0), result(1), result(2)], "errors": [entry]}
    assert states((207, body), waits) == [("k0", "unknown", "contradiction")]


def test_a_refused_batch_is_halved_until_only_bad_records_fail(waits: Waits) -> None:
    def write(_method: str, _path: str, body: Any) -> Reply:
        ids = [one["id"] for one in body["inputs"]]
        if {"C-5", "C-71"} & set(ids):
            message = "secret-ish of dana@example.com is not valid"
            return 400, {"category": "VALIDATION_ERROR", "message": message}
        return 200, {"results": [result(int(one[2:])) for one in ids]}

    many = [change(at, {BAND: "secret-ish"}) for at in range(100)]
    with scripted(answering(write)) as vendor:
        outcome = client_of(vendor.url, waits).send(FOLLOW_UP, many)
        writes = [path for _, path, _ in vendor.received if "batch" in path]
    assert [(one.key, one.state, one.message) for one in outcome.faults] == [
        ("k5", "rejected", "*** of *** is not valid"),
        ("k71", "rejected", "*** of *** is not valid"),
    ]
    assert len(writes) <= 1 + 2 * 14


def test_a_stop_after_a_part_was_written_does_not_hide_that_it_was(waits: Waits) -> None:
    def write(_method: str, _path: str, body: Any) -> Reply:
        ids = [one["id"] for one in body["inputs"]]
        if len(ids) == 4:
            return 400, {"category": "VALIDATION_ERROR", "message": "one of them is bad"}
        if "C-0" in ids:
            return 200, {"results": [result(int(one[2:])) for one in ids]}
        return 429, {"errorType": "RATE_LIMIT", "policyName": "DAILY"}

    with scripted(answering(write)) as vendor:
        four = [change(at, {BAND: "x"}) for at in range(4)]
        outcome = client_of(vendor.url, waits).send(FOLLOW_UP, four)
    assert [(one.key, one.state, one.code) for one in outcome.faults] == [
        ("k2", "unknown", "stopped"),
        ("k3", "unknown", "stopped"),
    ]


def test_a_key_without_unique_values_is_permanent(waits: Waits) -> None:
    message = "Unable to perform update/upsert by non-unique 0-1 property company"
    with pytest.raises(PermanentError, match="unique"):
        states((400, {"category": "VALIDATION_ERROR", "message": message}), waits)


def test_the_account_is_part_of_the_identity(waits: Waits) -> None:
    """All accounts share one host: approving a test account must not approve the real one."""
    client = client_of("http://127.0.0.1:9", waits)
    assert client.identity == "127.0.0.1"
    assert "pat-secret" not in repr(client)
    with scripted(lambda *_: (200, {"portalId": 62515})) as vendor:
        real = client_of(vendor.url, waits, address="https://api.hubapi.com")
        assert real.identity == real.identity == "api.hubapi.com/62515"
        assert len(vendor.received) == 1
    for answer in ((200, b"<html>"), (404, {"category": "OBJECT_NOT_FOUND"})):
        with scripted(lambda *_, answer=answer: answer) as vendor:
            nameless = client_of(vendor.url, waits, address="https://api.hubapi.com")
            with pytest.raises(RetryableError, match="the account had no trustworthy answer"):
                _ = nameless.identity


def test_a_list_without_a_trustworthy_answer_is_not_guessed(waits: Waits) -> None:
    wanted = target("list", list="1001", behavior="mirror")
    part = [OutgoingRecord("m", "101", "", "add", {})]
    bodies: list[object] = [{}, [], b"", {"recordIdsRemoved": []}]
    for body in bodies:
        with scripted(lambda *_, reply=body: (200, reply)) as vendor:
            client = client_of(vendor.url, waits)
            (found,) = client.send(wanted, part).faults
            assert found.state == "unknown"
            with pytest.raises(RetryableError):
                client.read(wanted, [Address("m", "101", "")], [])
            with pytest.raises(RetryableError):
                client.check(wanted)


def test_a_long_list_is_read_page_by_page_until_all_are_found(waits: Waits) -> None:
    def page(_method: str, path: str, _body: Any) -> Reply:
        start = int(path.partition("after=")[2] or 0)
        rows = [{"recordId": str(at)} for at in range(start, start + 250)]
        return 200, {"results": rows, "paging": {"next": {"after": str(start + 250)}}}

    wanted = target("list", list="1001", behavior="mirror")
    addresses = [Address("a", "3", ""), Address("b", "700", "")]
    with scripted(page) as vendor:
        found = client_of(vendor.url, waits).read(wanted, addresses, [])
        assert len(vendor.received) == 3
    assert [one.ids for one in found] == [("3",), ("700",)]


def test_only_strings_leave_and_each_input_has_its_own_trace_id(waits: Waits) -> None:
    values = {
        "product_seats": 1e15,
        "is_product_admin": True,
        BAND: None,
        "contract_renewal_date": "2027-01-31T00:00:00Z",
    }
    with scripted(answering(lambda *_: (200, {"results": []}))) as vendor:
        client_of(vendor.url, waits).send(FOLLOW_UP, [change(1, values), change(2, {})])
        inputs = vendor.received[-1][2]["inputs"]
    assert inputs == [
        {
            "id": "C-1",
            "idProperty": "warehouse_contact_id",
            "objectWriteTraceId": "0",
            "properties": {
                "product_seats": "1000000000000000",
                "is_product_admin": "true",
                BAND: "",
                "contract_renewal_date": "2027-01-31",
            },
        },
        {
            "id": "C-2",
            "idProperty": "warehouse_contact_id",
            "objectWriteTraceId": "1",
            "properties": {},
        },
    ]
