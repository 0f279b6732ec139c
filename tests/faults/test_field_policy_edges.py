"""Where a policy could be got round: the contract changed later, or nothing is left to write."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW, Company
from e2e_box import KEYS, TEXT_FIELDS
from e2e_place import body, mapping
from fault_place import STORE, VALUE, FaultPlace, id_of, store_items

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workshop


@pytest.fixture
def place(workshop: Workshop, tmp_path: Path) -> FaultPlace:
    workshop.clock.now = NOW
    workshop.box.own("POST", "reset")
    return FaultPlace(Company(tmp_path, now=NOW), workshop.box, workshop.clock)


def score(vendor: str, behavior: str) -> dict[str, Any]:
    fields = {TEXT_FIELDS[vendor]: {"from": "band", "on_edit": "overwrite"}}
    if vendor == "salesforce":  # an account cannot be made without its name
        fields["Name"] = {"from": "band", "on_edit": "overwrite"}
    return body(vendor, mapping(vendor, behavior=behavior, fields=fields))


@pytest.mark.parametrize("vendor", ["salesforce", "hubspot"])
def test_a_contract_that_turned_to_create_only_makes_no_record_twice(
    place: FaultPlace, vendor: str
) -> None:
    """Salesforce takes a second account with the same external id, and answers with success."""
    place.add_candidates(vendor, range(1, 4))
    place.run(place.contract(score(vendor, "upsert")))
    place.wait(timedelta(hours=1))
    place.sql("update mart set band = 'changed'")
    keys = sorted(place.box.stored(vendor, KEYS[vendor]).values())
    before = place.box.newest_request()
    contract = place.contract(score(vendor, "create_only"))
    found = place.plan(contract)
    assert found.plan is not None
    assert dict(found.plan.parts[0].withheld) == {"already_in_destination": 3}
    assert place.send(contract).rows == 0
    assert place.box.writes(vendor, since=before) == []
    assert sorted(place.box.stored(vendor, KEYS[vendor]).values()) == keys


def items(**fields: dict[str, str]) -> dict[str, Any]:
    """Write items of a store, with these fields."""
    parts = {"object": STORE, "key": "account_id", "behavior": "mirror", "fields": fields}
    return body("webhook", mapping("hubspot", **parts))


def test_a_field_that_is_mapped_later_leaves_what_a_person_wrote_there(place: FaultPlace) -> None:
    """The item goes whole as soon as one field differs, and this one was never ours."""
    place.add_candidates("webhook", range(1, 4))
    place.sql("alter table mart add column seats integer default 5")
    seats = {"from": "seats", "on_edit": "overwrite"}
    place.run(place.contract(items(product_seats=seats)))
    asked = {"vendor": "webhook", "object": STORE, "id": id_of("webhook", 2)}
    place.box.own("POST", "edit", json={**asked, "field": "follow_up_reason", "value": "by hand"})
    place.wait(timedelta(hours=1))
    reason = {"from": "band", "on_edit": "keep"}
    contract = place.contract(items(product_seats=seats, follow_up_reason=reason))
    place.sql("update mart set seats = 7")
    assert place.run(contract).totals.accepted == 3
    found = [one.values for one in store_items(place, ("product_seats", "follow_up_reason"))[:3]]
    assert [one["product_seats"] for one in found] == [7, 7, 7]
    assert [one["follow_up_reason"] for one in found] == [VALUE, "by hand", VALUE]


def test_an_item_of_which_there_is_nothing_to_say_is_not_made(place: FaultPlace) -> None:
    place.add_candidates("webhook", range(1, 4))
    place.sql("update mart set band = null where id = ?", id_of("webhook", 2))
    contract = place.contract(items(follow_up_reason={"from": "band", "on_null": "preserve"}))
    found = place.plan(contract)
    assert found.plan is not None
    part = found.plan.part("webhook")
    assert (part.rows, dict(part.withheld)) == (2, {})
    assert place.send(contract).totals.accepted == 2
    there = [bool(one.ids) for one in store_items(place, ("follow_up_reason",))[:3]]
    assert there == [True, False, True]
