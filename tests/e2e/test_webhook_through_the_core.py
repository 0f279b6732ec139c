"""A store of items behind the whole core: whole items, expiry, versions, edits and deletion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW, Company
from e2e_box import Box
from e2e_place import Clock, Place, Waits, add_up, body, mapping

from activation_pipeline.destinations import Address, Origin, OutgoingRecord, webhook
from activation_pipeline.destinations._http import Clockwork
from activation_pipeline.expire import expire
from activation_pipeline.reconcile import reconcile
from activation_pipeline.rollback import Request, rollback
from activation_pipeline.runtime import target
from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import BatchOutcome, LiveRecord, Target

OBJECT = "account_follow_up"
REASON, SEATS, REFRESHED = "follow_up_reason", "product_seats", "follow_up_refreshed_at"
SECRET = "sandbox-secret-of-the-context-store"  # noqa: S105 - the sandbox's own


@dataclass
class StorePlace(Place):
    """A place whose only destination is a store of items."""

    def connect(self, kind: str) -> webhook.Webhook:
        assert kind == "webhook"
        waits = Waits()
        return webhook.connect(
            {"WEBHOOK_BASE_URL": f"{self.box.url}/webhook", "WEBHOOK_SECRET": SECRET},
            clockwork=Clockwork(waits.sleep, waits.clock),
            signed_at=lambda: self.clock().timestamp(),
        )

    def items(self, since: int = 0) -> dict[str, dict[str, Any]]:
        """Give every item that was sent after a request, by key; the newest word counts."""
        sent = [one for one in self.box.requests("webhook", since=since) if one["body"]]
        writes = [json.loads(one["body"]) for one in sent if one["path"].endswith("/items")]
        return {item["key"]: item for write in writes for item in write["items"]}

    def held(self, *keys: str) -> dict[str, LiveRecord]:
        """Read items back as the destination does."""
        client = self.connect("webhook")
        addresses = [Address(key, key, "") for key in keys]
        found = client.read(target(self.contract(follow_up()), "webhook"), addresses, [REASON])
        client.close()
        return {one.key: one for one in found}

    def late(self, version: int, *records: OutgoingRecord) -> BatchOutcome:
        """Send something from another run, as a store may receive it at any time."""
        client = self.connect("webhook")
        outcome = client.send(aimed(self.contract(follow_up()), version), records)
        client.close()
        return outcome

    def edit(self, key: str, name: str, value: object) -> None:
        asked = {"vendor": "webhook", "object": OBJECT, "id": key, "field": name}
        self.box.own("POST", "edit", json={**asked, "value": value})

    def read_back(self, contract: Contract) -> Mapping[str, int]:
        with self.runtime() as runtime:
            return reconcile(contract, "webhook", runtime, clock=self.clock).counts


def aimed(contract: Contract, version: int) -> Target:
    origin = Origin(contract.name, contract.version, "another", version, timedelta(days=7))
    found = target(contract, "webhook")
    return type(found)(**{**vars(found), "origin": origin})


def follow_up(**policy: str) -> dict[str, Any]:
    fields = {
        REASON: {"from": "band", "on_edit": "overwrite", **policy},
        SEATS: {"from": "seats", "on_null": "clear", "on_edit": "overwrite"},
        REFRESHED: {"from": "scored_at", "role": "meta", "on_edit": "overwrite"},
    }
    parts = {"object": OBJECT, "key": "account_id", "behavior": "mirror", "fields": fields}
    return body("webhook", mapping("hubspot", **parts))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[StorePlace]:
    (tmp_path / "place").mkdir()
    clock = Clock(NOW)
    with running_sandbox(tmp_path / "sandbox", clock=clock) as running:
        place = StorePlace(Company(tmp_path / "place", now=NOW), Box(running.url), clock)
        place.add_keys({f"K{number}": f"A-{number}" for number in range(1, 5)})
        place.sql("alter table mart add column seats integer default 5")
        place.sql("update mart set scored_at = timestamp '2026-11-20 08:00:00'")
        yield place


def test_items_arrive_whole_change_whole_and_are_deleted(place: StorePlace) -> None:
    contract = place.contract(follow_up())
    report = place.run(contract)
    assert (report.outcome, report.totals.accepted, add_up(report)) == ("delivered", 4, True)
    first = place.items()["A-1"]
    assert first["values"] == {REASON: "low", SEATS: 5}
    assert first["meta"] == {
        "source_asof": "2026-11-20T08:00:00.000Z",
        REFRESHED: "2026-11-20T08:00:00.000Z",
    }
    assert (first["op"], first["version"], first["valid_until"]) == (
        "upsert",
        1,
        "2026-11-27T08:00:00.000Z",
    )
    place.sql("update mart set seats = 9 where id = 'K1'")
    place.opt_out(2)
    before = place.box.newest_request()
    changed = place.run(contract)
    assert (changed.rows, changed.totals.accepted) == (2, 2)
    sent = place.items(since=before)
    assert sent["A-1"]["values"] == {REASON: "low", SEATS: 9}
    assert sent["A-1"]["version"] == 2
    assert sent["A-2"] == {"key": "A-2", "op": "delete", "version": 2}
    assert place.held("A-2")["A-2"].ids == ()
    assert place.read_back(contract) == {"agrees": 2}
    assert place.run(contract).outcome == "nothing_to_send"


def test_a_refresh_renews_the_expiry_and_is_no_update(place: StorePlace) -> None:
    contract = place.contract(follow_up())
    place.run(contract)
    place.wait(timedelta(hours=2))
    part = place.plan(contract).plan
    assert part is not None
    assert part.part("webhook").operations == {"refresh": 4}
    place.send(contract)
    renewed = place.items()["A-3"]
    assert renewed["values"] == {REASON: "low", SEATS: 5}
    until, as_of = (
        datetime.fromisoformat(t) for t in (renewed["valid_until"], renewed["meta"]["source_asof"])
    )
    assert until - as_of == timedelta(days=7)
    assert until > datetime(2026, 11, 27, 10, tzinfo=UTC)


def test_a_value_that_is_emptied_is_a_clear_and_what_was_empty_is_not(place: StorePlace) -> None:
    place.sql("update mart set seats = null where id = 'K4'")
    contract = place.contract(follow_up())
    place.run(contract)
    place.sql(
        "update mart set seats = null where id = 'K1'",
    )
    place.sql("update mart set band = 'high' where id = 'K4'")
    plan = place.plan(contract).plan
    assert plan is not None
    assert plan.part("webhook").operations == {"clear": 1, "update": 1}
    place.send(contract)
    assert place.items()["A-1"]["values"] == {REASON: "low", SEATS: None}
    assert place.items()["A-4"]["values"] == {REASON: "high", SEATS: None}


def test_a_batch_whose_answer_is_lost_is_sent_again_and_applied_once(place: StorePlace) -> None:
    contract = place.contract(follow_up())
    place.box.fault("webhook", "cut_after", path_regex="/items")
    report = place.run(contract)
    assert (report.outcome, report.totals.accepted) == ("delivered", 4)
    first, again = (r for r in place.box.requests("webhook") if r["path"].endswith("/items"))
    assert first["body"] == again["body"]
    keys = {dict(one["headers"])["idempotency-key"] for one in (first, again)}
    assert len(keys) == 1
    assert keys.pop().startswith(f"{contract.name}/{report.plan}/")
    assert place.read_back(contract) == {"agrees": 4}


def test_an_older_version_is_refused_by_the_store_and_told(place: StorePlace) -> None:
    """What another run wrote later must not be undone by one that comes late."""
    newer = OutgoingRecord("K1", "A-1", "", "add", {REASON: "newer"}, NOW)
    assert place.late(99, newer).faults == ()
    report = place.run(place.contract(follow_up()))
    assert (report.outcome, report.totals.accepted, report.totals.rejected) == (
        "delivered_in_part",
        3,
        1,
    )
    assert report.faults == {"STALE_VERSION": 1}
    assert place.held("A-1")["A-1"].values == {REASON: "newer"}


def test_a_deleted_item_is_not_brought_back_by_an_older_one(place: StorePlace) -> None:
    contract = place.contract(follow_up())
    place.run(contract)
    place.opt_out(1, 2)
    place.run(contract)
    older = OutgoingRecord("K1", "A-1", "", "add", {REASON: "low"}, NOW)
    (fault,) = place.late(1, older).faults
    assert (fault.state, fault.code) == ("rejected", "STALE_VERSION")
    place.opt_in(1)
    back = place.run(contract)
    assert (back.rows, back.totals.accepted) == (1, 1)
    assert place.held("A-1")["A-1"].values == {REASON: "low"}


def test_a_persons_edit_stays_out_of_the_item_and_is_not_sent_about_for_ever(
    place: StorePlace,
) -> None:
    contract = place.contract(follow_up(on_edit="keep"))
    place.run(contract)
    place.edit("A-1", REASON, "spoke to them")
    place.sql("update mart set band = 'high'")
    place.sql("update mart set seats = 7 where id = 'K1'")
    before = place.box.newest_request()
    assert place.run(contract).totals.accepted == 4
    sent = place.items(since=before)
    assert sent["A-1"]["values"] == {SEATS: 7}
    assert sent["A-2"]["values"] == {REASON: "high", SEATS: 5}
    assert place.held("A-1")["A-1"].values == {REASON: "spoke to them"}
    again = place.plan(contract).plan
    assert again is not None
    assert (again.part("webhook").rows, again.part("webhook").withheld) == (0, {"edit_kept": 1})


@pytest.mark.parametrize("policy", ["keep", "flag", "overwrite"])
def test_who_may_not_be_reached_leaves_whatever_a_person_wrote(
    place: StorePlace, policy: str
) -> None:
    contract = place.contract(follow_up(on_edit=policy))
    place.run(contract)
    place.edit("A-1", REASON, "spoke to them")
    place.opt_out(1)
    assert place.run(contract).totals.accepted == 1
    assert place.held("A-1")["A-1"].ids == ()


def test_an_edit_that_is_flagged_holds_the_item_back(place: StorePlace) -> None:
    contract = place.contract(follow_up(on_edit="flag"))
    place.run(contract)
    place.edit("A-1", REASON, "spoke to them")
    place.sql("update mart set band = 'high'")
    plan = place.plan(contract).plan
    assert plan is not None
    part = plan.part("webhook")
    assert (part.rows, part.withheld) == (3, {f"edited:{REASON}": 1})


def test_an_item_of_which_nothing_was_said_is_unknown_and_sent_again(place: StorePlace) -> None:
    contract = place.contract(follow_up())
    place.box.fault("webhook", "drop_records", path_regex="/items", keys=["A-3"])
    report = place.run(contract)
    assert (report.outcome, report.totals.accepted, report.totals.unknown) == (
        "delivered_in_part",
        3,
        1,
    )
    again = place.run(contract)
    assert (again.rows, again.outcome) == (1, "delivered")
    assert place.items()["A-3"]["values"] == {REASON: "low", SEATS: 5}
    assert place.read_back(contract) == {"agrees": 1}


def test_a_store_that_asks_for_patience_is_waited_for(place: StorePlace) -> None:
    contract = place.contract(follow_up())
    place.plan(contract)
    place.box.fault("webhook", "rate_limited", path_regex="/items", seconds=3)
    place.box.fault("webhook", "unavailable", path_regex="/items", seconds=2)
    assert place.send(contract).outcome == "delivered"


def test_an_undo_brings_items_back_as_old_as_they_were(place: StorePlace) -> None:
    """Under a newer time, an older suggestion would be trusted for longer than it was meant."""
    contract = place.contract(follow_up())
    place.run(contract)
    first = place.items()
    place.opt_out(1)
    place.wait(timedelta(hours=2))
    place.sql("update mart set band = 'high'")
    place.run(contract)
    assert place.held("A-1")["A-1"].ids == ()
    place.opt_in(1)
    place.opt_out(9)
    before = place.box.newest_request()
    word = Request("a test", "wrong bands", "destination_logic")
    with place.runtime() as runtime:
        done = rollback(contract, "webhook", runtime, word, clock=place.clock)
    assert done.tally.counts == {"rejoined": 1, "restored": 3}
    back = place.items(since=before)
    for key in ("A-1", "A-2", "A-3", "A-4"):
        assert back[key]["values"] == first[key]["values"]
        assert back[key]["valid_until"] == first[key]["valid_until"]
        assert back[key]["version"] == 3
    assert place.held("A-1")["A-1"].values == {REASON: "low"}


def test_a_deletion_that_was_refused_is_asked_for_again(place: StorePlace) -> None:
    """What was said of somebody who opted out must not stay because a store said no once."""
    contract = place.contract(follow_up())
    place.run(contract)
    place.opt_out(1)
    place.plan(contract)
    place.box.fault("webhook", "refuse_records", path_regex="/items", keys=["A-1"])
    assert place.send(contract).outcome == "rejected"
    assert place.held("A-1")["A-1"].ids == ("A-1",)
    again = place.run(contract)
    assert (again.rows, again.outcome) == (1, "delivered")
    assert place.held("A-1")["A-1"].ids == ()


def test_an_item_that_is_over_is_deleted_but_for_an_edited_one_and_comes_back_whole(
    place: StorePlace,
) -> None:
    contract = place.contract(follow_up())
    place.run(contract)
    place.edit("A-4", REASON, "by hand")
    place.clock.now = NOW + timedelta(days=7, hours=-1, seconds=1)
    with place.runtime() as runtime:
        done = expire(contract, "webhook", runtime, clock=place.clock)
    assert done.tally.counts == {"removed": 3, "changed_since": 1}
    items = place.held("A-1", "A-2", "A-3", "A-4")
    assert [len(each.ids) for each in items.values()] == [0, 0, 0, 1]
    place.wait(timedelta(hours=1))
    place.run(contract)
    assert place.held("A-1")["A-1"].values == {REASON: "low"}
    assert place.read_back(contract) == {"agrees": 4}
