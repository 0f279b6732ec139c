"""An undo over the wire: what stood before stands again, byte for byte, and nothing else moves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import audience_dict, contract_dict
from e2e_box import KEYS, TEXT_FIELDS, record_id
from e2e_place import EVERY_CHANGE, body, mapping
from undo_place import BEFORE, FIELDS, standing, typed, undo

from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Pause

if TYPE_CHECKING:
    from e2e_place import Place

    from activation_pipeline.contract import Contract


def written_over(place: Place, vendor: str) -> Contract:
    """Deliver over a full record (K1), a never-set (K2), an emptied (K3), another full (K4)."""
    place.add(vendor, range(1, 5))
    contract = typed(place, vendor)
    for number in (1, 3, 4):
        for name, value in BEFORE[vendor].items():
            place.box.edit(vendor, number, name, value)
    for name in BEFORE[vendor]:
        place.box.edit(vendor, 3, name, None if vendor == "salesforce" else "")
    return contract


def test_every_type_comes_back_as_it_stood_empty_or_never_set_too_also_while_paused(
    place: Place, vendor: str
) -> None:
    contract = written_over(place, vendor)
    before = standing(place, vendor)
    assert place.run(contract).totals.accepted == 4
    assert standing(place, vendor) != before
    with place.runtime() as runtime:
        runtime.ledger.pause(Pause(contract.name, None, "a test", "wait", place.clock(), None))
    done = undo(place, contract)
    assert done.tally.counts == {"cleared": 2, "restored": 2}
    assert done.is_whole
    assert standing(place, vendor) == before
    with pytest.raises(RefusedError, match="wait"):
        place.send(contract)


def test_a_second_delivery_is_undone_to_the_first(place: Place, vendor: str) -> None:
    place.add(vendor, range(1, 4))
    contract = typed(place, vendor)
    place.run(contract)
    first = standing(place, vendor)
    place.wait(timedelta(hours=1))
    place.sql(
        "update mart set band = 'high', amount = 0, seats = null, is_admin = false, "
        "renews_on = renews_on + 1, told_at = told_at + interval 1 day, summary = 'x'"
    )
    place.run(contract)
    assert standing(place, vendor) != first
    assert undo(place, contract).tally.counts == {"restored": 3}
    assert standing(place, vendor) == first
    with place.runtime() as runtime:
        runtime.ledger.resume(Pause(contract.name, None, "a test", "", place.clock(), None))
    place.run(contract)
    assert standing(place, vendor) != first, "the model's values may go again after a resume"


def test_an_edit_since_stands_and_a_dry_run_or_a_second_undo_sends_nothing(
    place: Place, vendor: str
) -> None:
    contract = written_over(place, vendor)
    before = standing(place, vendor)
    place.run(contract)
    edited, *_ = FIELDS[vendor]
    place.wait(timedelta(hours=1))
    place.box.edit(vendor, 4, edited, "high")
    since = place.box.newest_request()
    foreseen = undo(place, contract, dry_run=True)
    assert place.box.writes(vendor, since=since) == []
    done = undo(place, contract)
    assert done.tally.counts == foreseen.tally.counts
    assert done.tally.left["changed_since"].count == 1
    fourth = record_id(vendor, 4)
    assert standing(place, vendor) == before | {fourth: before[fourth] | {edited: "high"}}
    since = place.box.newest_request()
    assert undo(place, contract).changes_nothing
    assert place.box.writes(vendor, since=since) == []


@pytest.mark.parametrize("created", ["clear", "keep"])
def test_a_record_that_we_made_stays_and_its_fields_go_as_the_contract_says(
    place: Place, vendor: str, created: str
) -> None:
    text = TEXT_FIELDS[vendor]
    fields: dict[str, Any] = {text: {"from": "band", "on_edit": "overwrite"}}
    if vendor == "salesforce":  # an account cannot be made without its name
        fields["Name"] = {"from": "band", "on_edit": "overwrite"}
    monitoring = contract_dict()["monitoring"] | {"rollback": {"created": created}}
    mapped = mapping(vendor, behavior="upsert", fields=fields)
    contract = place.contract(body(vendor, mapped, monitoring=monitoring))
    place.add_keys({"N1": "not-there-1", "N2": "not-there-2"})
    assert place.run(contract).totals.accepted == 2
    known = place.box.stored(vendor, KEYS[vendor])
    made = [identifier for identifier, key in known.items() if key in {"N1", "N2"}]
    assert len(made) == 2
    done = undo(place, contract)
    assert place.box.stored(vendor, KEYS[vendor]).keys() == known.keys(), "none is deleted"
    kept = "low" if created == "keep" else None
    assert {place.box.stored(vendor, text)[one] or None for one in made} == {kept}
    assert done.is_whole
    if vendor == "salesforce" and created == "clear":
        assert done.tally.counts == {"cleared": 2, "cannot_be_empty": 2}


@pytest.mark.parametrize("vendor", ["salesforce"], indirect=True)
def test_a_record_that_is_gone_does_not_keep_the_others(place: Place, vendor: str) -> None:
    contract = written_over(place, vendor)
    before = standing(place, vendor)
    place.run(contract)
    gone = record_id(vendor, 4)
    place.box.call(vendor, "DELETE", f"/sobjects/Account/{gone}")
    done = undo(place, contract)
    assert done.tally.left["not_in_destination"].count == 1
    found = standing(place, vendor)
    assert found == {key: value for key, value in before.items() if key != gone}


@pytest.mark.parametrize("vendor", ["hubspot"], indirect=True)
def test_a_lists_members_are_as_before(place: Place, vendor: str) -> None:
    mapped = audience_dict()["destinations"]["crm"]
    contract = place.contract(audience_dict(destinations={"hubspot": mapped}, gates=EVERY_CHANGE))
    place.add(vendor, [1, 2, 3])
    ids = [record_id(vendor, number) for number in (3, 9)]
    place.box.call(vendor, "PUT", "/crm/v3/lists/1001/memberships/add", json=ids)
    place.run(contract)
    place.wait(timedelta(hours=1))
    place.sql("delete from mart where id in ('K1', 'K2')")
    place.add(vendor, [4])
    place.run(contract)
    assert place.box.members() == {record_id(vendor, n) for n in (3, 4, 9)}
    place.opt_out(2)
    done = undo(place, contract)
    assert place.box.members() == {record_id(vendor, n) for n in (1, 3, 9)}
    assert done.tally.counts == {"rejoined": 1, "removed": 1, "suppressed": 1}
    assert undo(place, contract).changes_nothing
