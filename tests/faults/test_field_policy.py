"""Behavior, nulls, edits and allowed values, each with each, at every destination.

What is expected comes from a small oracle that knows the documents and not the code. It is
compared with the bytes that were sent and with what the vendor holds afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, get_args

import pytest
from company import NOW, Company
from e2e_box import Box
from e2e_place import Clock
from policy_oracle import (
    FRESH,
    HAND,
    OLD,
    POLICIES,
    Cell,
    Change,
    Edit,
    Policy,
    leaves,
    may_be_written,
    new_value,
    whole_item,
    written,
)
from policy_place import (
    STORE,
    VENDORS,
    PolicyPlace,
    contract_body,
    item_body,
    org_with_policy_fields,
    write_records,
)

from activation_pipeline.prepare import prepare
from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR, LONG = timedelta(hours=1), timedelta(days=31)


@dataclass(frozen=True)
class Row:
    """One candidate: one field goes through something, the other eleven stay as they are."""

    number: int
    policy: Policy
    change: Change
    edit: Edit
    is_there: bool = True

    @property
    def hand(self) -> str | None:
        """What a person wrote, if somebody did."""
        return {"same": FRESH, "cleared": None}.get(self.edit, HAND)


def _possible(change: Change, edit: Edit) -> bool:
    return edit != "same" or change == "value"


LATER = tuple(
    Row(number, policy, change, edit)
    for number, (policy, (change, edit)) in enumerate(
        product(
            POLICIES,
            [p for p in product(get_args(Change), get_args(Edit)) if _possible(*p)],
        ),
        start=1,
    )
)
_AT_FIRST = [
    (change, edit, is_there)
    for change in ("value", "null", "outside")
    for edit, is_there in (("none", True), ("recent", True), ("same", True), ("none", False))
    if _possible(change, edit)
]
# Numbers above those of the records are candidates without one.
FIRST = tuple(
    Row(number + (0 if is_there else len(LATER)), policy, change, edit, is_there)
    for number, (policy, (change, edit, is_there)) in enumerate(
        product(POLICIES, _AT_FIRST), start=1
    )
)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Box, Clock]]:
    home, clock = tmp_path_factory.mktemp("box"), Clock(NOW)
    write_records(home / "records", len(LATER))
    with running_sandbox(
        home / "sandbox", records=home / "records", clock=clock, org=org_with_policy_fields()
    ) as running:
        yield Box(running.url), clock


@pytest.fixture
def place(box: tuple[Box, Clock], tmp_path: Path) -> PolicyPlace:
    found, clock = box
    clock.now = NOW
    found.own("POST", "reset")
    return PolicyPlace(Company(tmp_path, now=NOW), found, clock)


def cells(row: Row, vendor: str, *, delivered: bool) -> dict[Policy, Cell]:
    """Say what each field of a row has been through."""
    before = OLD if delivered else None
    ages = {"recent": HOUR, "same": HOUR, "cleared": HOUR, "long_ago": LONG}
    age = None if vendor == "braze" else ages.get(row.edit)
    found = {p: Cell(delivered, before, before, OLD) for p in POLICIES}
    live = before if row.edit == "none" else row.hand
    found[row.policy] = Cell(delivered, before, live, new_value(row.change), age)
    return found


def after(cells_: dict[Policy, Cell], sent: dict[int, str | None] | None) -> dict[int, str | None]:
    live = {policy.number: cell.live for policy, cell in cells_.items()}
    return live | (sent or {})


def edit_by_hand(place: PolicyPlace, vendor: str, rows: tuple[Row, ...]) -> None:
    for row in rows:
        if row.edit != "none":
            place.edit_field(vendor, row.number, row.policy.number, row.hand)


def first_values() -> dict[int, list[str | None]]:
    return {
        r.number: [new_value(r.change) if p == r.policy else OLD for p in POLICIES] for r in FIRST
    }


def change_later(place: PolicyPlace, vendor: str) -> None:
    """Let people edit, long ago and just now, and the source change."""
    place.wait(HOUR)
    edit_by_hand(place, vendor, tuple(row for row in LATER if row.edit == "long_ago"))
    place.wait(LONG)
    edit_by_hand(place, vendor, tuple(row for row in LATER if row.edit != "long_ago"))
    place.wait(HOUR)
    place.change({(r.number, r.policy.number): new_value(r.change) for r in LATER})


@pytest.mark.parametrize("behavior", ["update_only", "upsert"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_later_change_follows_each_fields_policy(
    place: PolicyPlace, vendor: str, behavior: str
) -> None:
    place.fill(vendor, {row.number: [OLD] * len(POLICIES) for row in LATER})
    contract = place.contract(contract_body(vendor, behavior))
    assert place.run(contract).totals.accepted == len(LATER)
    change_later(place, vendor)
    before = place.box.newest_request()
    report = place.run(contract)
    seen = {row.number: cells(row, vendor, delivered=True) for row in LATER}
    wanted = {number: values for number, found in seen.items() if (values := written(found))}
    assert place.sent(vendor, since=before) == wanted
    assert (report.rows, report.totals.accepted) == (len(wanted), len(wanted))
    held = {number: after(found, wanted.get(number)) for number, found in seen.items()}
    assert place.held(vendor, held) == held


@pytest.mark.parametrize("behavior", ["update_only", "upsert", "create_only"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_first_delivery_follows_each_fields_policy(
    place: PolicyPlace, vendor: str, behavior: str
) -> None:
    place.fill(vendor, first_values())
    edit_by_hand(place, vendor, FIRST)
    place.wait(HOUR)
    contract = place.contract(contract_body(vendor, behavior))
    if (vendor, behavior) == ("braze", "create_only"):
        with place.runtime() as runtime:
            found = prepare(contract, runtime, now=place.clock())
        assert "destination_ready" in [each.gate for each in found.results if each.stops]
        return

    before = place.box.newest_request()
    report = place.run(contract)
    seen = {row.number: cells(row, vendor, delivered=False) for row in FIRST}
    there = {row.number: row.is_there for row in FIRST}
    wanted = {
        number: values
        for number, found in seen.items()
        if may_be_written(behavior, is_there=there[number]) and (values := written(found))
    }
    assert place.sent(vendor, since=before) == wanted
    assert (report.rows, report.totals.accepted) == (len(wanted), len(wanted))
    held = {
        number: after(found, wanted.get(number))
        for number, found in seen.items()
        if there[number] or number in wanted
    }
    assert place.held(vendor, list(seen)) == held


@pytest.mark.parametrize("timed", [False, True], ids=["as it differs", "renewed by its time"])
def test_a_later_change_of_items_follows_each_fields_policy(
    place: PolicyPlace, *, timed: bool
) -> None:
    place.fill(STORE, {row.number: [OLD] * len(POLICIES) for row in LATER})
    contract = place.contract(item_body(timed=timed))
    assert place.run(contract).totals.accepted == len(LATER)
    change_later(place, STORE)
    before = place.box.newest_request()
    report = place.run(contract)
    seen = {row.number: cells(row, STORE, delivered=True) for row in LATER}
    gone = [number for number, found in seen.items() if leaves(found)]
    wanted = {
        n: values for n, found in seen.items() if (values := whole_item(found, is_renewed=timed))
    }
    assert place.sent(STORE, since=before) == wanted
    assert place.deleted(since=before) == gone
    assert report.rows == report.totals.accepted == len(wanted) + len(gone)
    held = {n: after(found, wanted.get(n)) for n, found in seen.items() if n not in gone}
    assert place.held(STORE, list(seen)) == held


def test_a_first_delivery_of_items_follows_each_fields_policy(place: PolicyPlace) -> None:
    place.fill(STORE, first_values())
    edit_by_hand(place, STORE, FIRST)
    place.wait(HOUR)
    before = place.box.newest_request()
    report = place.run(place.contract(item_body()))
    seen = {row.number: cells(row, STORE, delivered=False) for row in FIRST}
    there = {row.number for row in FIRST if row.is_there}
    wanted = {
        n: values for n, found in seen.items() if (values := whole_item(found, is_renewed=False))
    }
    assert place.sent(STORE, since=before) == wanted
    assert place.deleted(since=before) == []
    assert report.rows == report.totals.accepted == len(wanted)
    held = {n: after(f, wanted.get(n)) for n, f in seen.items() if n in there or n in wanted}
    assert place.held(STORE, list(seen)) == held


@pytest.mark.parametrize("behavior", ["update_only", "upsert", "create_only"])
def test_a_store_is_not_written_by_another_behavior(place: PolicyPlace, behavior: str) -> None:
    place.fill(STORE, first_values())
    contract = place.contract(item_body(behavior))
    with place.runtime() as runtime:
        found = prepare(contract, runtime, now=place.clock())
    assert "destination_ready" in [each.gate for each in found.results if each.stops]
