"""The destination changes between plan and send: nothing wrong is written, and no run is green.

Records get a double, are deleted, fields become read-only or lose an option; the warehouse
knows nothing of it yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from e2e_box import KEYS, OBJECTS, TEXT_FIELDS, record_id
from e2e_place import add_up, body, mapping

from activation_pipeline.destinations import MappingFault
from activation_pipeline.errors import PermanentError
from activation_pipeline.prepare import prepare
from activation_pipeline.runtime import target

if TYPE_CHECKING:
    from e2e_place import Place

    from activation_pipeline.contract import Contract

PICKLISTS = {"salesforce": "Sales_Follow_Up_Priority__c", "hubspot": "follow_up_priority"}
BOTH = pytest.mark.parametrize("vendor", ["salesforce", "hubspot"], indirect=True)
SALESFORCE = pytest.mark.parametrize("vendor", ["salesforce"], indirect=True)


def add_double(place: Place, key: str) -> str:
    """Make a second Salesforce account with the external id of another one."""
    made = {"Name": "Second", KEYS["salesforce"]: key}
    found: str = place.box.call("salesforce", "POST", "/sobjects/Account", json=made)["id"]
    return found


def delete(place: Place, vendor: str, number: int) -> None:
    paths = {"salesforce": "/sobjects/Account/", "hubspot": "/crm/v3/objects/contacts/"}
    place.box.call(vendor, "DELETE", paths[vendor] + record_id(vendor, number))


def stored(place: Place, vendor: str, field: str | None = None) -> dict[str, Any]:
    """Read what is set, by record id."""
    found = place.box.stored(vendor, field or TEXT_FIELDS[vendor])
    return {record: value for record, value in found.items() if value}


def text_contract(place: Place, vendor: str, behavior: str = "update_only") -> Contract:
    return place.contract(body(vendor, mapping(vendor, behavior=behavior)))


@SALESFORCE
@pytest.mark.parametrize("behavior", ["update_only", "upsert"])
def test_an_external_id_that_two_records_have_is_never_planned(
    place: Place, vendor: str, behavior: str
) -> None:
    """Salesforce itself would answer 300, or take whichever record we named."""
    place.add(vendor, [1, 2, 3])
    add_double(place, "K2")
    contract = text_contract(place, vendor, behavior)
    found = place.plan(contract)
    assert found.plan is not None
    assert dict(found.plan.parts[0].withheld) == {"ambiguous_in_destination": 1}
    report = place.send(contract)
    assert (report.rows, report.totals.accepted) == (2, 2)
    assert set(stored(place, vendor)) == {record_id(vendor, 1), record_id(vendor, 3)}


@SALESFORCE
def test_a_double_that_appears_after_the_plan_is_refused_by_the_vendor(
    place: Place, vendor: str
) -> None:
    place.add(vendor, [1, 2, 3])
    contract = text_contract(place, vendor, "upsert")
    place.plan(contract)
    double = add_double(place, "K2")
    report = place.send(contract)
    assert (report.outcome, report.totals.rejected) == ("delivered_in_part", 1)
    assert report.faults == {"DUPLICATE_EXTERNAL_ID": 1}
    assert add_up(report)
    assert not {double, record_id(vendor, 2)} & set(stored(place, vendor))


@BOTH
def test_a_record_that_was_deleted_after_the_plan_is_not_made_again(
    place: Place, vendor: str
) -> None:
    place.add(vendor, [1, 2, 3])
    contract = text_contract(place, vendor)
    place.plan(contract)
    before = len(place.box.stored(vendor, TEXT_FIELDS[vendor]))
    delete(place, vendor, 2)
    report = place.send(contract)
    assert (report.outcome, report.totals.rejected) == ("delivered_in_part", 1)
    assert add_up(report)
    assert set(stored(place, vendor)) == {record_id(vendor, 1), record_id(vendor, 3)}
    assert len(place.box.stored(vendor, TEXT_FIELDS[vendor])) == before - 1

    found = place.plan(contract)
    assert found.plan is not None
    assert dict(found.plan.parts[0].withheld) == {"not_in_destination": 1}


@BOTH
def test_a_field_that_became_read_only_after_the_plan_takes_nothing(
    place: Place, vendor: str
) -> None:
    place.add(vendor, [1, 2, 3])
    contract = text_contract(place, vendor)
    place.plan(contract)
    field = TEXT_FIELDS[vendor]
    place.box.fault(vendor, "field_read_only", object=OBJECTS[vendor], field=field)
    report = place.send(contract)
    assert (report.outcome, report.totals.rejected) == ("rejected", 3)
    assert add_up(report)
    assert stored(place, vendor) == {}
    with place.runtime() as runtime:
        gates = {each.gate: each for each in prepare(contract, runtime, now=place.clock()).results}
    assert gates["destination_ready"].stops
    assert field in gates["destination_ready"].message


@BOTH
def test_a_field_that_was_deleted_after_the_plan_fails_the_run(place: Place, vendor: str) -> None:
    place.add(vendor, [1, 2, 3])
    contract = text_contract(place, vendor)
    found = place.plan(contract)
    assert found.plan is not None
    field = TEXT_FIELDS[vendor]
    place.box.fault(vendor, "field_deleted", object=OBJECTS[vendor], field=field)
    try:
        report = place.send(contract)
    except PermanentError:
        with place.runtime() as runtime:
            assert runtime.ledger.deliveries.done(found.plan.id, vendor) == ()
    else:
        assert (report.outcome, report.totals.rejected) == ("rejected", 3)
        assert add_up(report)
    with place.runtime() as runtime:
        faults = runtime.client(contract, vendor).check(target(contract, vendor))
    assert [type(one) for one in faults] == [MappingFault]


@BOTH
def test_an_option_that_was_removed_after_the_plan_loses_only_its_records(
    place: Place, vendor: str
) -> None:
    field = PICKLISTS[vendor]
    allowed = {"from": "band", "allowed": ["hot", "warm"], "on_edit": "overwrite"}
    contract = place.contract(body(vendor, mapping(vendor, fields={field: allowed})))
    place.add(vendor, [1, 3], band="warm")
    place.add(vendor, [2, 4], band="hot")
    place.plan(contract)
    place.box.fault(
        vendor, "picklist_value_removed", object=OBJECTS[vendor], field=field, value="hot"
    )
    report = place.send(contract)
    assert (report.outcome, report.totals.accepted) == ("delivered_in_part", 2)
    assert report.totals.rejected == 2
    assert add_up(report)
    expected = {record_id(vendor, 1): "warm", record_id(vendor, 3): "warm"}
    assert stored(place, vendor, field) == expected
    with place.runtime() as runtime:
        newest = prepare(contract, runtime, now=place.clock())
    assert "destination_ready" in [each.gate for each in newest.results if each.stops]
