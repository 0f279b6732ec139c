"""What only a store of items has: signed requests, versions, expiry, parts, its own limits."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from destination_cases import AS_OF, ORIGIN, PRIORITIES, mapped, target

from activation_pipeline.destinations import Address, OutgoingRecord
from activation_pipeline.destinations import webhook as module
from activation_pipeline.destinations._http import Clockwork
from activation_pipeline.errors import ConfigurationError, PermanentError, RetryableError

if TYPE_CHECKING:
    from pathlib import Path

    from destination_cases import Box, Waits

BAND, REASON, SEEN = "follow_up_priority", "follow_up_reason", "follow_up_refreshed_at"
FIELDS = {
    BAND: mapped("priority", allowed=PRIORITIES),
    REASON: mapped("reason"),
    SEEN: mapped("scored_at", role="meta"),
}
TARGET = target(
    "account_follow_up", key="account_id", behavior="mirror", fields=FIELDS, origin=ORIGIN
)


def record(key: str = "A-1", operation: Any = "update", **values: Any) -> OutgoingRecord:
    return OutgoingRecord(f"k-{key}", key, "", operation, values, AS_OF)


def writes(box: Box) -> list[dict[str, Any]]:
    return [json.loads(one["body"]) for one in box.writes("webhook")]


def test_an_item_carries_version_expiry_and_origin(webhook: module.Webhook, box: Box) -> None:
    values = {BAND: "hot", SEEN: "2026-11-21T05:00:00Z"}
    webhook.send(TARGET, [record(**values), record("A-2", "remove", **{BAND: None})])
    (body,) = writes(box)
    assert {name: body[name] for name in body if name != "items"} == {
        "contract": "next_best_action_context",
        "contract_version": 1,
        "run": "0123456789abcdef",
        "object": "account_follow_up",
    }
    assert body["items"] == [
        {
            "key": "A-1",
            "valid_until": "2026-11-28T06:00:00.000Z",
            "op": "upsert",
            "version": 7,
            "values": {BAND: "hot"},
            "meta": {"source_asof": "2026-11-21T06:00:00.000Z", SEEN: "2026-11-21T05:00:00.000Z"},
        },
        {"key": "A-2", "op": "delete", "version": 7},
    ]


def test_each_attempt_is_signed_anew_and_has_the_same_key(
    webhook: module.Webhook, box: Box
) -> None:
    webhook.check(TARGET)
    box.fault("webhook", "cut_before", path_regex="/items")
    webhook.send(TARGET, [record(**{BAND: "hot"})])
    first, again = (dict(one["headers"]) for one in box.writes("webhook"))
    assert first["idempotency-key"] == again["idempotency-key"]
    body = box.writes("webhook")[0]["body"].encode()
    digest = hashlib.sha256(body).hexdigest()[:32]
    assert first["idempotency-key"] == f"{ORIGIN.contract}/{ORIGIN.plan}/{digest}"


def test_another_batch_has_another_key(webhook: module.Webhook, box: Box) -> None:
    webhook.send(TARGET, [record(**{BAND: "hot"})])
    webhook.send(TARGET, [record(**{BAND: "warm"})])
    keys = {dict(one["headers"])["idempotency-key"] for one in box.writes("webhook")}
    assert len(keys) == 2


def test_an_item_without_an_event_time_is_held_back(webhook: module.Webhook, box: Box) -> None:
    """It would never expire, and an agent would trust it for ever."""
    timeless = record(**{BAND: "hot"})._replace(as_of=None)
    leaving = record("A-2", "remove")._replace(as_of=None)
    (found,) = webhook.send(TARGET, [timeless, leaving]).faults
    assert (found.key, found.state, found.code) == ("k-A-1", "rejected", "no_event_time")
    assert [one["key"] for one in writes(box)[0]["items"]] == ["A-2"]


def test_an_older_version_is_told_from_a_refusal(webhook: module.Webhook) -> None:
    newer = dataclasses.replace(TARGET, origin=dataclasses.replace(ORIGIN, version=8))
    assert webhook.send(newer, [record(**{BAND: "hot"})]).faults == ()
    (found,) = webhook.send(TARGET, [record(**{BAND: "warm"})]).faults
    assert (found.state, found.code, found.field) == ("rejected", "STALE_VERSION", None)
    address = Address("k", "A-1", "")
    assert webhook.read(TARGET, [address], [BAND])[0].values == {BAND: "hot"}


def test_a_store_that_takes_fewer_items_gets_several_requests(
    webhook: module.Webhook, box: Box
) -> None:
    limits = {"vendor": "webhook", "items_per_request": 2, "keys_per_read": 2}
    requests.post(f"{box.url}/_sandbox/limits", json=limits, timeout=10).raise_for_status()
    records = [record(f"N-{at}", "add", **{BAND: "hot"}) for at in range(5)]
    outcome = webhook.send(TARGET, records)
    assert (outcome.faults, len(outcome.created)) == ((), 5)
    assert [len(one["items"]) for one in writes(box)] == [2, 2, 1]
    found = webhook.read(TARGET, [Address(r.key, r.destination_id, "") for r in records], [BAND])
    assert [one.values for one in found] == [{BAND: "hot"}] * 5


def test_a_request_that_is_refused_whole_is_halved(webhook: module.Webhook, box: Box) -> None:
    box.fault("webhook", "too_large", path_regex="/items")
    records = [record(f"A-{at}", **{BAND: "hot"}) for at in range(1, 5)]
    assert webhook.send(TARGET, records).faults == ()
    assert [len(one["items"]) for one in writes(box)] == [4, 2, 2]


@pytest.mark.parametrize(
    ("kind", "options", "waited"),
    [
        ("rate_limited", {"seconds": 3}, 3.0),
        ("unavailable", {"seconds": 2}, 2.0),
        ("busy", {"seconds": 1}, 1.0),
        ("server_error", {"status": 500}, 0.5),
    ],
)
def test_a_store_says_how_long_to_wait(
    webhook: module.Webhook,
    box: Box,
    waits: Waits,
    kind: str,
    options: dict[str, Any],
    waited: float,
) -> None:
    webhook.check(TARGET)
    box.fault("webhook", kind, path_regex="/items", **options)
    assert webhook.send(TARGET, [record(**{BAND: "hot"})]).faults == ()
    assert waits.slept == [waited]


@pytest.mark.parametrize("kind", ["unavailable", "rate_limited"])
def test_a_store_that_stays_closed_has_surely_written_nothing(
    webhook: module.Webhook, box: Box, kind: str
) -> None:
    webhook.check(TARGET)
    box.fault("webhook", kind, path_regex="/items", times=None)
    with pytest.raises(RetryableError):
        webhook.send(TARGET, [record(**{BAND: "hot"})])


@pytest.mark.parametrize(("kind", "word"), [("unauthorized", "SECRET"), ("forbidden", "owner")])
def test_a_refused_sender_is_no_retry(
    webhook: module.Webhook, box: Box, kind: str, word: str
) -> None:
    webhook.check(TARGET)
    box.fault("webhook", kind, path_regex="/items")
    with pytest.raises(PermanentError, match=word):
        webhook.send(TARGET, [record(**{BAND: "hot"})])


def test_only_a_mirror_with_an_origin_can_be_sent(webhook: module.Webhook, box: Box) -> None:
    with pytest.raises(PermanentError, match="mirror"):
        webhook.send(dataclasses.replace(TARGET, behavior="upsert"), [record(**{BAND: "hot"})])
    with pytest.raises(ValueError, match="origin"):
        webhook.send(dataclasses.replace(TARGET, origin=None), [record(**{BAND: "hot"})])
    assert box.writes("webhook") == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"object": "nope"}, "object"),
        ({"key": "id"}, "key"),
        ({"behavior": "upsert"}, "behavior"),
        ({"list": "people"}, "list"),
        ({"fields": {BAND: mapped("priority", role="meta")}}, f"fields.{BAND}.role"),
        ({"fields": {SEEN: mapped("scored_at")}}, f"fields.{SEEN}.role"),
        ({"fields": {"product_seats": mapped("seats", allowed=["five"])}},
         "fields.product_seats.allowed"),
    ],
)  # fmt: skip
def test_a_mapping_that_the_store_does_not_take_is_told(
    webhook: module.Webhook, changes: dict[str, Any], path: str
) -> None:
    faults = webhook.check(dataclasses.replace(TARGET, **changes))
    assert [one.path for one in faults] == [path]


def test_an_option_that_is_gone_changes_the_catalogue(webhook: module.Webhook, box: Box) -> None:
    before = webhook.catalogue(TARGET)
    webhook.check(TARGET)
    assert webhook.catalogue(TARGET) == before
    box.fault("webhook", "picklist_value_removed", object=TARGET.object, field=BAND, value="hot")
    webhook.check(TARGET)
    assert webhook.catalogue(TARGET) != before


def test_effort_follows_the_rate_that_the_store_asks_for(webhook: module.Webhook) -> None:
    small, large = webhook.effort(TARGET, 100), webhook.effort(TARGET, 100_000)
    assert (small.requests, small.seconds) == (1, 0.0)
    assert large.requests == 1_000
    # The sandbox says 100 a second, of which the pace leaves a part to requests on their way.
    assert 9.0 <= large.seconds <= 12.0
    assert (large.daily, large.left_today) == (None, None)


def test_several_threads_may_send_at_once(
    environment: dict[str, str], box: Box, tmp_path: Path
) -> None:
    client = module.connect(
        {**environment, "ACTIVATION_HOME": str(tmp_path), "WEBHOOK_CONCURRENCY": "8"}
    )
    assert client.concurrency(TARGET) == 8
    client.check(TARGET)
    faults: list[Any] = []

    def one(number: int) -> None:
        sent = [record(f"T-{number}-{at}", "add", **{BAND: "hot"}) for at in range(10)]
        faults.extend(client.send(TARGET, sent).faults)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert faults == []
    assert len(box.writes("webhook")) == 8
    assert (tmp_path / "limits").is_dir()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_SECRET", "too-short"),
        ("WEBHOOK_SECRET", "x" * 31),
        ("WEBHOOK_CONCURRENCY", "0"),
        ("WEBHOOK_CONCURRENCY", "33"),
        ("WEBHOOK_CONCURRENCY", "many"),
    ],
)
def test_an_unfit_setting_is_named_and_not_shown(
    environment: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(ConfigurationError, match=name) as error:
        module.connect({**environment, name: value})
    assert name == "WEBHOOK_CONCURRENCY" or value not in str(error.value)


def test_two_stores_on_one_host_are_two(environment: dict[str, str]) -> None:
    """An approval for one is not one for the other."""
    there = {**environment, "WEBHOOK_BASE_URL": "https://store.example/test"}
    here = {**environment, "WEBHOOK_BASE_URL": "https://STORE.example/live/"}
    assert [module.connect(one).identity for one in (there, here)] == [
        "store.example/test",
        "store.example/live",
    ]


def test_an_edit_is_told_with_its_time(webhook: module.Webhook, box: Box) -> None:
    began = datetime.now(UTC)
    webhook.send(TARGET, [record(**{BAND: "hot", REASON: "trial ended"})])
    box.edit("webhook", TARGET.object, "A-1", REASON, "spoke to them")
    (found,) = webhook.read(TARGET, [Address("k", "A-1", "other")], [BAND, REASON])
    assert found.values == {BAND: "hot", REASON: "spoke to them"}
    assert list(found.edited_at) == [REASON]
    assert found.modified_at is not None
    assert timedelta(0) <= found.modified_at - began < timedelta(minutes=1)


def test_a_signing_clock_that_is_wrong_is_named(environment: dict[str, str]) -> None:
    client = module.connect(environment, clockwork=Clockwork(), signed_at=lambda: 0.0)
    with pytest.raises(PermanentError, match="clock"):
        client.check(TARGET)
    client.close()
