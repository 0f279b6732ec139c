"""What a store may answer, and what is made of it: unclear words leave an item unknown."""

from __future__ import annotations

from typing import Any

import pytest
from destination_cases import AS_OF, ORIGIN, SIGNING_SECRET, Waits, mapped, target
from requests.structures import CaseInsensitiveDict
from scripted_vendor import scripted

from activation_pipeline.destinations import Address, BatchOutcome, OutgoingRecord
from activation_pipeline.destinations import webhook as module
from activation_pipeline.destinations._http import Again, Answer, Clockwork, Patience
from activation_pipeline.destinations._webhook_session import asked_wait_s, judge
from activation_pipeline.errors import PermanentError, RetryableError

FIELDS = {"tier": mapped("tier"), "reason": mapped("reason", role="meta")}
TARGET = target("advice", key="id", behavior="mirror", fields=FIELDS, origin=ORIGIN)
TIER = {"role": "value", "type": "text", "longest": 20}
OBJECTS = {"advice": {"key": "id", "fields": {"tier": TIER, "reason": {**TIER, "role": "meta"}}}}
CAPABILITIES: tuple[int, Any] = (200, {"objects": OBJECTS})


def connected(url: str) -> module.Webhook:
    waits = Waits()
    return module.connect(
        {"WEBHOOK_BASE_URL": url, "WEBHOOK_SECRET": SIGNING_SECRET},
        patience=Patience(tries=2, total_s=60, connect_s=2, read_s=2),
        clockwork=Clockwork(waits.sleep, waits.clock),
    )


def sent(status: int, body: object, count: int = 3) -> BatchOutcome:
    with scripted(lambda m, _p, _b: CAPABILITIES if m == "GET" else (status, body)) as store:
        client = connected(store.url)
        values = {"tier": "secret-tier"}
        records = [
            OutgoingRecord(f"k{at}", f"u{at}", "", "update", values, AS_OF) for at in range(count)
        ]
        outcome = client.send(TARGET, records)
        client.close()
    return outcome


def read(body: object, *keys: str) -> Any:
    with scripted(lambda m, _p, _b: CAPABILITIES if m == "GET" else (200, body)) as store:
        client = connected(store.url)
        try:
            addresses = [Address(key, key, "") for key in keys]
            return client.read(TARGET, addresses, ["tier", "reason"])
        finally:
            client.close()


def states(outcome: BatchOutcome) -> list[tuple[str, str, str]]:
    return [(one.key, one.state, one.code) for one in outcome.faults]


def results(*entries: Any) -> dict[str, Any]:
    return {"results": list(entries)}


APPLIED = [{"key": f"u{at}", "status": "applied"} for at in range(3)]


@pytest.mark.parametrize("word", ["created", "applied", "unchanged"])
def test_only_these_words_accept_an_item(word: str) -> None:
    outcome = sent(200, results(*APPLIED[:2], {"key": "u2", "status": word}))
    assert outcome.faults == ()
    assert outcome.created == (("k2",) if word == "created" else ())


@pytest.mark.parametrize(
    "entry",
    [
        {"key": "u2"},
        {"key": "u2", "status": "queued"},
        {"key": "u2", "status": None},
        {"key": "u2", "status": ["applied"]},
        {"key": "other", "status": "applied"},
        {"key": 2, "status": "applied"},
        {"status": "applied"},
        "u2",
        None,
    ],
)
def test_an_item_without_a_clear_word_is_unknown(entry: Any) -> None:
    assert states(sent(207, results(*APPLIED[:2], entry))) == [("k2", "unknown", "no_result")]


def test_two_words_about_one_item_are_none() -> None:
    entries = [*APPLIED, {"key": "u1", "status": "rejected", "error": {"code": "BAD"}}]
    assert states(sent(207, results(*entries))) == [("k1", "unknown", "no_result")]


def test_a_refusal_is_told_with_code_and_field_and_without_a_value() -> None:
    error = {"code": "INVALID", "message": "secret-tier is not a tier of u1@x.org", "field": "tier"}
    outcome = sent(207, results(APPLIED[0], {"key": "u1", "status": "rejected", "error": error},
                                APPLIED[2]))  # fmt: skip
    (found,) = outcome.faults
    assert (found.key, found.state, found.code, found.field) == (
        "k1",
        "rejected",
        "INVALID",
        "tier",
    )
    assert "secret-tier" not in found.message
    assert "@" not in found.message


@pytest.mark.parametrize("error", [None, "no", {}, {"code": 7, "message": 7, "field": 7}])
def test_a_refusal_without_reasons_is_still_one(error: Any) -> None:
    outcome = sent(207, results(*APPLIED[:2], {"key": "u2", "status": "rejected", "error": error}))
    assert states(outcome) == [("k2", "rejected", "NO_CODE")]


@pytest.mark.parametrize("body", [[], {}, {"results": None}, {"results": {}}, "ok", None])
def test_no_list_of_results_leaves_every_item_unknown(body: Any) -> None:
    assert states(sent(200, body)) == [(f"k{at}", "unknown", "no_results") for at in range(3)]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_is_halved_down_to_the_single_items(status: int) -> None:
    error = {"error": {"code": "NOPE", "message": "not so"}}
    assert states(sent(status, error)) == [(f"k{at}", "rejected", "NOPE") for at in range(3)]
    named = {400: "BAD_REQUEST", 413: "TOO_LARGE", 422: "BAD_REQUEST"}[status]
    assert states(sent(status, b"<html>", 1)) == [("k0", "rejected", named)]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"items": []},
        {"items": None, "missing": ["u1"]},
        {"items": [{"values": {}}], "missing": ["u1"]},
        {"items": ["u1"], "missing": []},
        {"items": [{"key": "u1"}], "missing": None},
    ],
)
def test_a_read_back_that_does_not_answer_for_every_item_is_not_trusted(body: Any) -> None:
    with pytest.raises(RetryableError):
        read(body, "u1", "u2")


def test_what_an_item_lacks_is_empty() -> None:
    items = [
        {"key": "u1", "values": {"tier": "gold"}, "meta": None, "changed_at": "soon"},
        {"key": "u2", "meta": {"reason": "why"}, "changed_at": "2026-11-21T06:00:00Z",
         "edits": {"tier": {"at": "2026-11-20T06:00:00Z"}, "reason": "yes", "nope": {"at": 1}}},
    ]  # fmt: skip
    first, second = read({"items": items}, "u1", "u2")
    assert (first.values, first.modified_at) == ({"tier": "gold", "reason": None}, None)
    assert second.values == {"tier": None, "reason": "why"}
    assert list(second.edited_at) == ["tier"]
    assert second.modified_at.isoformat() == "2026-11-21T06:00:00+00:00"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"objects": None},
        {"objects": {"advice": {}}},
        {"objects": {"advice": {"key": "id", "fields": {"tier": {}}}}},
        {"objects": OBJECTS, "limits": {"items_per_request": "many"}},
        b"<html>",
    ],
)
def test_capabilities_that_say_nothing_are_not_trusted(body: Any) -> None:
    with scripted(lambda _m, _p, _b: (200, body)) as store:
        client = connected(store.url)
        with pytest.raises(RetryableError, match="capabilities"):
            client.check(TARGET)
        client.close()


def test_a_type_that_we_do_not_write_is_a_misfit() -> None:
    fields = {"tier": {"type": "object"}, "reason": {**TIER, "role": "meta", "writable": False}}
    answer = (200, {"objects": {"advice": {"key": "id", "fields": fields}}})
    with scripted(lambda _m, _p, _b: answer) as store:
        client = connected(store.url)
        faults = client.check(TARGET)
        client.close()
    assert [one.path for one in faults] == ["fields.tier", "fields.reason"]
    assert "object" in faults[0].message


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, CaseInsensitiveDict(named))


OURS = b'{"error": {"code": "UNAVAILABLE", "message": "closed"}}'


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (answer(200), None),
        (answer(207), None),
        (answer(413), None),
        (answer(429, Retry_After="7"), Again("throttled (429)", 7.0, throttled=True)),
        (answer(409), Again("busy with the same batch (409)", applied=True)),
        (answer(500), Again("answered 500", applied=True)),
        (answer(503), Again("answered 503", applied=True)),
        (answer(503, OURS, Retry_After="2"), Again("answered 503", 2.0)),
    ],
)
def test_an_answer_is_judged(given: Answer, verdict: Again | None) -> None:
    assert judge(given) == verdict


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (401, "WEBHOOK_SECRET"),
        (403, "owner"),
        (404, "WEBHOOK_BASE_URL"),
        (301, "301"),
        (410, "410"),
    ],
)
def test_what_no_retry_mends_is_permanent(status: int, word: str) -> None:
    with pytest.raises(PermanentError, match=word):
        judge(answer(status))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "120"}, 120.0),
        ({"Retry_After": "Sat, 21 Nov 2026 06:00:30 GMT", "Date": "Sat, 21 Nov 2026 06:00:00 GMT"},
         30.0),
        ({"Retry_After": "Sat, 21 Nov 2026 05:00:00 GMT", "Date": "Sat, 21 Nov 2026 06:00:00 GMT"},
         0.0),
        ({"Retry_After": "Sat, 21 Nov 2026 06:00:30 GMT"}, None),
        ({"Retry_After": "soon"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_wait_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait_s(answer(429, **headers)) == seconds
