"""An undo of what other systems hold: attributes and audiences of Braze, items of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import test_braze_through_the_core as braze
import test_webhook_through_the_core as store
from company import NOW, Company
from e2e_box import Box
from e2e_place import Clock, body, mapping
from undo_place import undo

from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def users(tmp_path: Path) -> Iterator[braze.BrazePlace]:
    (tmp_path / "records").mkdir()
    rows = "".join(f"U-{number},U-{number}@example.org\n" for number in range(1, 6))
    file = tmp_path / "records" / "braze_user.csv"
    file.write_text(f"external_id,email\n{rows}", encoding="utf-8")
    (tmp_path / "place").mkdir()
    clock = Clock(NOW)
    with running_sandbox(tmp_path / "sandbox", records=file.parent, clock=clock) as running:
        place = braze.BrazePlace(Company(tmp_path / "place", now=NOW), Box(running.url), clock)
        place.add_keys({f"K{number}": f"U-{number}" for number in range(1, 5)})
        place.sql("alter table mart add column seats integer default 5")
        yield place


@pytest.fixture
def items(tmp_path: Path) -> Iterator[store.StorePlace]:
    (tmp_path / "place").mkdir()
    clock = Clock(NOW)
    with running_sandbox(tmp_path / "sandbox", clock=clock) as running:
        place = store.StorePlace(Company(tmp_path / "place", now=NOW), Box(running.url), clock)
        place.add_keys({f"K{number}": f"A-{number}" for number in range(1, 5)})
        place.sql("alter table mart add column seats integer default 5")
        place.sql("update mart set scored_at = timestamp '2026-11-20 08:00:00'")
        yield place


def test_attributes_come_back_as_they_were_and_unset_ones_go(users: braze.BrazePlace) -> None:
    fields: dict[str, Any] = {
        "follow_up_reason": {"from": "band", "on_edit": "overwrite"},
        "follow_up_refreshed_at": {"from": "scored_at", "on_edit": "overwrite"},
        "product_seats": {"from": "seats", "on_edit": "overwrite"},
    }
    mapped = mapping("hubspot", object="users", key="external_id", fields=fields)
    contract = users.contract(body("braze", mapped))
    asked = {"vendor": "braze", "object": "users", "id": "U-1"}
    for name, value in {"follow_up_reason": "by hand", "product_seats": 12}.items():
        users.box.own("POST", "edit", json={**asked, "field": name, "value": value})
    everybody = [f"U-{number}" for number in range(1, 5)]
    before = users.attributes(*everybody)
    users.run(contract)
    assert users.attributes(*everybody) != before
    done = undo(users, contract)
    assert done.tally.counts == {"cleared": 3, "restored": 1}
    assert users.attributes(*everybody) == before
    assert undo(users, contract).changes_nothing


def test_an_audience_is_left_again_and_joined_again(users: braze.BrazePlace) -> None:
    contract = users.contract(braze.audience())
    users.run(contract)
    users.sql("delete from mart where id = 'K1'")
    users.run(contract)
    done = undo(users, contract)
    assert done.tally.counts == {"rejoined": 1}
    everybody = [f"U-{number}" for number in range(1, 5)]
    members = users.attributes(*everybody)
    assert all(each.get(braze.AUDIENCE) is True for each in members.values())


def test_items_are_put_back_whole_and_go_where_there_were_none(items: store.StorePlace) -> None:
    contract = items.contract(store.follow_up())
    items.run(contract)
    keys = [f"A-{number}" for number in range(1, 6)]
    first = items.held(*keys)
    items.sql(
        "insert into mart values ('K5', 'low', timestamp '2026-11-20 08:00:00', 5);"
        "insert into identity values ('K5', 'A-5', 'K5', 'billing_id', false);"
        "update mart set band = 'high' where id = 'K1';"
        "delete from mart where id = 'K2'"
    )
    items.run(contract)
    assert items.held(*keys) != first
    since = items.box.newest_request()
    done = undo(items, contract)
    assert done.tally.counts == {"rejoined": 1, "removed": 1, "restored": 1}
    found = items.held(*keys)
    assert {k: (v.ids, v.values) for k, v in found.items()} == {
        k: (v.ids, v.values) for k, v in first.items()
    }
    sent = items.items(since=since)
    ends = {key: item.get("valid_until") for key, item in sent.items()}
    assert ends == dict.fromkeys(("A-1", "A-2"), "2026-11-27T08:00:00.000Z") | {"A-5": None}
    assert undo(items, contract).changes_nothing
