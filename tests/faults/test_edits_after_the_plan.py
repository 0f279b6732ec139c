"""A person edits a record while its plan waits for a signature: the edit is not overwritten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW, Company
from e2e_box import KEYS, OBJECTS, TEXT_FIELDS
from e2e_place import add_up, body, mapping
from fault_place import OTHER, STORE, FaultPlace, id_of, key_of

from activation_pipeline.contract import MappedField
from activation_pipeline.destinations import Address, Target

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workshop

HAND = "by hand"
SPECS = {**OBJECTS, "braze": "users", "webhook": STORE}
EACH = pytest.mark.parametrize("vendor", SPECS)


@pytest.fixture
def place(workshop: Workshop, tmp_path: Path) -> FaultPlace:
    workshop.clock.now = NOW
    workshop.box.own("POST", "reset")
    return FaultPlace(Company(tmp_path, now=NOW), workshop.box, workshop.clock)


def field_of(vendor: str) -> str:
    return TEXT_FIELDS.get(vendor, "follow_up_reason")


def key_field(vendor: str) -> str:
    return {"braze": "external_id", "webhook": "account_id"}.get(vendor) or KEYS[vendor]


def score(vendor: str, on_edit: str) -> dict[str, Any]:
    behavior = "mirror" if vendor == "webhook" else "update_only"
    fields = {field_of(vendor): {"from": "band", "on_edit": on_edit}}
    parts = {"object": SPECS[vendor], "key": key_field(vendor), "behavior": behavior}
    return body(vendor, mapping("hubspot", **parts, fields=fields))


def edit(place: FaultPlace, vendor: str, number: int) -> None:
    asked = {"vendor": vendor, "object": SPECS[vendor], "id": id_of(vendor, number)}
    place.box.own("POST", "edit", json={**asked, "field": field_of(vendor), "value": HAND})


def held(place: FaultPlace, vendor: str) -> list[object]:
    """Read the three records' field as the destination tells it."""
    fields = {field_of(vendor): MappedField.model_validate({"from": "band"})}
    behavior: Any = "mirror" if vendor == "webhook" else "update_only"
    aim = Target(SPECS[vendor], key_field(vendor), None, behavior, fields)
    addresses = [Address(key_of(n), id_of(vendor, n), key_of(n)) for n in (1, 2, 3)]
    client = place.connect(vendor)
    try:
        found = client.read(aim, addresses, list(fields))
    finally:
        client.close()
    return [one.values[field_of(vendor)] for one in found]


def waiting_plan(place: FaultPlace, vendor: str, on_edit: str) -> Any:
    """Deliver three records, and plan to change them."""
    place.add_candidates(vendor, range(1, 4))
    contract = place.contract(score(vendor, on_edit))
    assert place.run(contract).totals.accepted == 3
    place.wait(timedelta(hours=1))
    place.sql("update mart set band = ?", OTHER)
    place.plan(contract)
    return contract


@EACH
@pytest.mark.parametrize("on_edit", ["keep", "keep 30d", "flag"])
def test_an_edit_while_the_plan_waited_is_held_back(
    place: FaultPlace, vendor: str, on_edit: str
) -> None:
    contract = waiting_plan(place, vendor, on_edit)
    place.clock.now += timedelta(hours=2)
    edit(place, vendor, 2)
    report = place.send(contract)
    assert (report.totals.accepted, report.totals.held, add_up(report)) == (2, 1, True)
    assert report.faults == {f"edited_since_plan:{field_of(vendor)}": 1}
    assert held(place, vendor) == [OTHER, HAND, OTHER]
    assert place.run(contract).rows == 0
    assert held(place, vendor) == [OTHER, HAND, OTHER]


@EACH
def test_an_edit_that_may_be_overwritten_is(place: FaultPlace, vendor: str) -> None:
    contract = waiting_plan(place, vendor, "overwrite")
    place.clock.now += timedelta(hours=2)
    edit(place, vendor, 2)
    assert place.send(contract).totals.accepted == 3
    assert held(place, vendor) == [OTHER] * 3


def test_a_plan_that_did_not_wait_is_not_read_twice(place: FaultPlace) -> None:
    contract = waiting_plan(place, "hubspot", "keep")
    before = place.box.newest_request()
    assert place.send(contract).totals.accepted == 3
    paths = [one["path"] for one in place.box.requests("hubspot", since=before)]
    assert [one for one in paths if "/batch/read" in one] == []
