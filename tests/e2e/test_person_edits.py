"""What a person changed in the destination since our last write: kept, kept for a time, or not.

A rep who lowers a band by hand and finds it raised again the next morning stops trusting it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from e2e_box import TEXT_FIELDS, record_id
from e2e_place import add_up, body, mapping

if TYPE_CHECKING:
    from e2e_place import Place

    from activation_pipeline.contract import Contract


def edited(place: Place, vendor: str, on_edit: str) -> Contract:
    """Deliver K1 and K2; then a person changes K1, and the model changes both."""
    field = TEXT_FIELDS[vendor]
    mapped = mapping(vendor, fields={field: {"from": "band", "on_edit": on_edit}})
    contract = place.contract(body(vendor, mapped))
    place.add(vendor, [1, 2])
    place.run(contract)
    place.wait(timedelta(hours=1))
    place.box.edit(vendor, 1, field, "by hand")
    place.wait(timedelta(hours=1))
    place.sql("update mart set band = 'high'")
    return contract


def values(place: Place, vendor: str) -> tuple[str | None, str | None]:
    found = place.box.stored(vendor, TEXT_FIELDS[vendor])
    return found[record_id(vendor, 1)], found[record_id(vendor, 2)]


THREE = {
    "salesforce": ("Risk_Reason_Code__c", "Sales_Follow_Up_Reason__c", "Name"),
    "hubspot": ("follow_up_reason", "follow_up_account", "company"),
}


def test_a_persons_edit_is_kept_kept_for_a_time_or_overwritten_field_by_field(
    place: Place, vendor: str
) -> None:
    policies = dict(zip(THREE[vendor], ("keep", "keep 30d", "overwrite"), strict=True))
    fields = {name: {"from": "band", "on_edit": policy} for name, policy in policies.items()}
    contract = place.contract(body(vendor, mapping(vendor, fields=fields)))
    place.add(vendor, [1, 2])
    place.run(contract)
    place.wait(timedelta(hours=1))
    for name in policies:
        place.box.edit(vendor, 1, name, "by hand")
    place.wait(timedelta(hours=1))
    place.sql("update mart set band = 'high'")

    def first() -> list[str]:
        return [place.box.stored(vendor, name)[record_id(vendor, 1)] for name in policies]

    assert add_up(place.run(contract))
    assert first() == ["by hand", "by hand", "high"]
    assert place.box.stored(vendor, THREE[vendor][0])[record_id(vendor, 2)] == "high"
    place.wait(timedelta(days=31))
    place.run(contract)
    assert first() == ["by hand", "high", "high"]


def test_a_flagged_edit_is_withheld_with_its_reason(place: Place, vendor: str) -> None:
    contract = edited(place, vendor, "flag")
    found = place.plan(contract)
    assert found.plan is not None
    (part,) = found.plan.parts
    assert dict(part.withheld) == {f"edited:{TEXT_FIELDS[vendor]}": 1}
    assert part.rows == 1
    place.send(contract)
    assert values(place, vendor) == ("by hand", "high")


def test_an_edit_to_the_value_that_we_would_write_is_no_conflict(place: Place, vendor: str) -> None:
    contract = edited(place, vendor, "flag")
    place.box.edit(vendor, 1, TEXT_FIELDS[vendor], "high")
    assert place.run(contract).outcome == "delivered"
    assert values(place, vendor) == ("high", "high")


def test_a_person_who_clears_a_field_has_edited_it(place: Place, vendor: str) -> None:
    contract = edited(place, vendor, "keep")
    place.box.edit(vendor, 1, TEXT_FIELDS[vendor], None)
    place.run(contract)
    first, second = values(place, vendor)
    assert (first or None, second) == (None, "high")


def test_our_own_later_write_is_no_edit(place: Place, vendor: str) -> None:
    contract = edited(place, vendor, "overwrite")
    place.run(contract)
    place.wait(timedelta(hours=1))
    place.sql("update mart set band = 'low'")
    place.run(contract)
    assert values(place, vendor) == ("low", "low")
