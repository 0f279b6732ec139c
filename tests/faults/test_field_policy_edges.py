"""Where a record's policy could be got round: the contract changed after records were delivered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW, Company
from e2e_box import KEYS, TEXT_FIELDS
from e2e_place import body, mapping
from fault_place import FaultPlace

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
