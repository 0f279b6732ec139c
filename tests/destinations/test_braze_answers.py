"""What Braze answers, word for word as recorded elsewhere, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from destination_cases import Waits, mapped, target
from requests.structures import CaseInsensitiveDict
from scripted_vendor import scripted

from activation_pipeline.destinations import Address, BatchOutcome, OutgoingRecord
from activation_pipeline.destinations import braze as module
from activation_pipeline.destinations._braze_read import read_catalogue
from activation_pipeline.destinations._braze_session import judge
from activation_pipeline.destinations._http import Again, Answer, Clockwork, Patience
from activation_pipeline.errors import PermanentError, RetryableError

UPSERT = target("users", key="external_id", behavior="upsert", fields={"tier": mapped("tier")})
TIER = {"name": "tier", "data_type": "String", "status": "Active"}
CATALOGUE = (200, {"message": "success", "attributes": [TIER]})


def connected(url: str) -> module.Braze:
    waits = Waits()
    return module.connect(
        {"BRAZE_BASE_URL": url, "BRAZE_API_KEY": "k"},
        patience=Patience(tries=2, total_s=60, connect_s=2, read_s=2),
        clockwork=Clockwork(waits.sleep, waits.clock),
    )


def sent(status: int, body: object, count: int = 3) -> BatchOutcome:
    with scripted(lambda _m, path, _b: CATALOGUE if "custom" in path else (status, body)) as vendor:
        client = connected(vendor.url)
        records = [
            OutgoingRecord(f"k{at}", f"u{at}", f"u{at}", "update", {"tier": "secret-tier"})
            for at in range(count)
        ]
        outcome = client.send(UPSERT, records)
        client.close()
    return outcome


def states(outcome: BatchOutcome) -> list[tuple[str, str, str]]:
    return [(one.key, one.state, one.code) for one in outcome.faults]


ENTRY = {"type": "'external_id' or 'braze_id' is required", "input_array": "attributes", "index": 1}


def test_an_error_with_a_place_is_one_record_and_the_others_stand() -> None:
    outcome = sent(201, {"message": "success", "attributes_processed": 2, "errors": [ENTRY]})
    assert states(outcome) == [("k1", "rejected", "INVALID_OBJECT")]
    assert outcome.faults[0].message == "external_id or braze_id is required"


def test_an_error_without_a_place_leaves_every_record_unknown() -> None:
    """The documents show errors as bare messages: of which record they speak nobody knows."""
    errors = ["The value provided for the 'email' field is invalid."]
    outcome = sent(201, {"message": "success", "attributes_processed": 2, "errors": errors})
    assert states(outcome) == [(f"k{at}", "unknown", "no_index") for at in range(3)]
    alone = sent(201, {"message": "success", "attributes_processed": 0, "errors": errors}, 1)
    assert states(alone) == [("k0", "rejected", "INVALID_OBJECT")]


@pytest.mark.parametrize(
    "entry",
    [
        {**ENTRY, "index": 3},
        {**ENTRY, "index": -1},
        {**ENTRY, "index": True},
        {**ENTRY, "index": "1"},
        {**ENTRY, "input_array": "events"},
    ],
)
def test_a_place_that_is_not_ours_is_no_place(entry: Any) -> None:
    outcome = sent(201, {"message": "success", "attributes_processed": 3, "errors": [entry]})
    assert {state for _, state, _ in states(outcome)} == {"unknown"}


def test_fewer_processed_than_sent_is_unknown() -> None:
    assert len(sent(201, {"message": "success", "attributes_processed": 2}).faults) == 3
    assert len(sent(201, {"message": "success"}).faults) == 3
    told = sent(201, {"message": "success", "attributes_processed": 1, "errors": [ENTRY]})
    assert states(told) == [
        ("k0", "unknown", "no_index"),
        ("k1", "rejected", "INVALID_OBJECT"),
        ("k2", "unknown", "no_index"),
    ]


def test_all_bad_is_not_asked_again_one_by_one() -> None:
    message = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
    with scripted(
        lambda _m, path, _b: CATALOGUE if "custom" in path else (400, {"message": message})
    ) as vendor:
        client = connected(vendor.url)
        outcome = client.send(
            UPSERT, [OutgoingRecord(str(at), "", f"u{at}", "add", {}) for at in range(4)]
        )
        client.close()
    assert [one.code for one in outcome.faults] == ["INVALID_OBJECT"] * 4
    assert len(vendor.received) == 2


def test_no_value_of_a_record_is_in_a_message() -> None:
    entry = {**ENTRY, "type": "u1 cannot have the tier secret-tier, ask someone@example.com"}
    (found,) = sent(
        201, {"message": "success", "attributes_processed": 2, "errors": [entry]}
    ).faults
    assert not any(part in found.message for part in ("u1", "secret-tier", "someone"))


@pytest.mark.parametrize("status", [301, 404, 405])
def test_an_address_that_is_no_braze_is_permanent(status: int) -> None:
    with pytest.raises(PermanentError, match=str(status)):
        sent(status, {"message": "not here"})


def test_a_catalogue_that_is_none_is_not_believed() -> None:
    with scripted(lambda *_: (200, {"attributes": "none"})) as vendor:
        client = connected(vendor.url)
        with pytest.raises(RetryableError, match="custom attributes"):
            client.check(UPSERT)
        client.close()


@dataclass
class Pages:
    """Answers the catalogue in pages, each with the link to the next one."""

    links: list[str]
    asked: list[Any] = field(default_factory=list)

    def call(self, _method: str, path: str, *, params: Any) -> Answer:
        self.asked.append((path, params))
        link = self.links.pop(0) if self.links else ""
        body = orjson.dumps({"attributes": [{**TIER, "name": f"tier{len(self.asked)}"}]})
        return Answer(200, body, CaseInsensitiveDict({"Link": link} if link else {}))


def test_only_the_cursor_is_taken_from_a_link() -> None:
    """The address in it could be anybody's, and the key would go there."""
    pages: Any = Pages(
        [
            '<https://elsewhere.example/custom_attributes?cursor=c2tpcDo1MA%3D%3D>; rel="next"',
            '<https://elsewhere.example/>; rel="prev"',
        ]
    )
    assert sorted(read_catalogue(pages)) == ["tier1", "tier2"]
    assert pages.asked == [
        ("/custom_attributes", None),
        ("/custom_attributes", {"cursor": "c2tpcDo1MA=="}),
    ]


def test_pages_that_go_round_in_a_circle_are_given_up() -> None:
    link = '<https://x.example/custom_attributes?cursor=again>; rel="next"'
    pages: Any = Pages([link, link, link])
    with pytest.raises(RetryableError, match="circle"):
        read_catalogue(pages)
    assert len(pages.asked) == 2


DATE = "Sat, 21 Nov 2026 06:00:00 GMT"  # 1795240800


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Reset": "1795240802", "Date": DATE}, 2.0),
        ({"x-ratelimit-reset": "1795240802", "date": DATE}, 2.0),
        ({"X-RateLimit-Reset": "1795240700", "Date": DATE}, 1.0),
        ({"X-RateLimit-Reset": "soon", "Date": DATE}, None),
        ({"X-RateLimit-Reset": "1795240802", "Date": "today"}, None),
        ({"X-RateLimit-Reset": "1795240802"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_measured_by_the_clock_of_the_far_side(
    headers: dict[str, str], expected: float | None
) -> None:
    verdict = judge(Answer(429, b"", CaseInsensitiveDict(headers)))
    assert isinstance(verdict, Again)
    assert (verdict.wait_s, verdict.applied) == (expected, False)


@pytest.mark.parametrize(
    ("status", "body", "applied"),
    [(500, b"{}", True), (502, b"<html>", True), (503, b"<html>", True),
     (503, b'{"message": "down"}', False)],
)  # fmt: skip
def test_an_outage_may_have_applied_the_write(status: int, body: bytes, applied: bool) -> None:
    verdict = judge(Answer(status, body, CaseInsensitiveDict()))
    assert isinstance(verdict, Again)
    assert verdict.applied is applied


@pytest.mark.parametrize(
    "body",
    [
        {"message": "success"},
        {"message": "success", "users": []},
        {"message": "success", "users": [{"braze_id": "x"}]},
        {"message": "success", "users": ["u1"]},
        b"<html>",
    ],
)
def test_a_read_back_that_does_not_answer_for_every_user_is_not_believed(body: object) -> None:
    with scripted(lambda _m, path, _b: CATALOGUE if "custom" in path else (200, body)) as vendor:
        client = connected(vendor.url)
        with pytest.raises(RetryableError, match="read again"):
            client.read(UPSERT, [Address("k1", "u1", "u1")], ["tier"])
        client.close()
