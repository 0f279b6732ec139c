"""Who unsubscribes between plan and send is reached by no request, whatever is written where.

The claim is about bytes: every request that the sandbox received after the plan is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from company import audience_dict
from e2e_box import TEXT_FIELDS, email, record_id
from e2e_place import EVERY_CHANGE, body

if TYPE_CHECKING:
    from conftest import Opening
    from e2e_place import Place

    from activation_pipeline.contract import Contract

LEFT, JOINED, NEW, STAYED = (2, 5), (7, 8), 9, (1, 3, 4, 6)
WAYS = ("hubspot_list", "hubspot_contacts", "salesforce_accounts")


def the_contract(place: Place, way: str, vendor: str) -> Contract:
    if way == "hubspot_list":
        mapped = audience_dict()["destinations"]["crm"]
        given = audience_dict(destinations={"hubspot": mapped}, gates=EVERY_CHANGE)
        return place.contract(given)
    return place.contract(body(vendor))


def reached(place: Place, way: str, vendor: str) -> set[str]:
    if way == "hubspot_list":
        return place.box.members()
    stored = place.box.stored(vendor, TEXT_FIELDS[vendor])
    return {record for record, value in stored.items() if value == "low"}


def ids(vendor: str, *numbers: int) -> set[str]:
    return {record_id(vendor, number) for number in numbers}


def traces(vendor: str, number: int) -> tuple[str, ...]:
    """Everything by which one contact could be told: id, key (quoted or as a path), e-mail."""
    return record_id(vendor, number), f"K{number}", email(number)


@pytest.mark.parametrize("way", WAYS)
def test_who_unsubscribed_since_the_plan_is_in_no_request_and_who_opted_in_waits(
    opening: Opening, way: str
) -> None:
    """Mail to somebody who unsubscribed an hour ago is the accident that this exists for."""
    vendor = way.partition("_")[0]
    with opening({vendor: {number: f"K{number}" for number in range(1, 10)}}) as place:
        place.add(vendor, range(1, 9))
        place.opt_out(*JOINED)
        contract = the_contract(place, way, vendor)
        place.plan(contract)
        planned = place.box.newest_request()

        place.opt_out(*LEFT)
        place.opt_in(*JOINED)
        place.add(vendor, [NEW])
        report = place.send(contract)

        received = place.box.text_since(planned)
        assert place.box.writes(vendor, since=planned)
        for number in (*LEFT, *JOINED, NEW):
            for trace in traces(vendor, number):
                assert trace not in received
        assert (report.totals.accepted, report.totals.held) == (4, 2)
        assert report.faults == {"suppress_a": 2}
        assert reached(place, way, vendor) == ids(vendor, *STAYED)

        place.run(contract)
        assert reached(place, way, vendor) == ids(vendor, *STAYED, *JOINED, NEW)


@pytest.mark.parametrize("way", WAYS)
def test_who_was_reached_before_and_unsubscribed_is_reached_no_more(
    opening: Opening, way: str
) -> None:
    """A later plan still takes them off the list: the only request that may name them."""
    vendor = way.partition("_")[0]
    with opening({vendor: {number: f"K{number}" for number in range(1, 10)}}) as place:
        place.add(vendor, range(1, 7))
        contract = the_contract(place, way, vendor)
        place.run(contract)
        place.sql("update mart set band = 'high'")
        place.add(vendor, [7], band="high")
        place.plan(contract)
        planned = place.box.newest_request()

        place.opt_out(*LEFT)
        place.send(contract)
        received = place.box.text_since(planned)
        for number in LEFT:
            assert not [trace for trace in traces(vendor, number) if trace in received]

        place.plan(contract)
        planned = place.box.newest_request()
        place.send(contract)
        writes = place.box.writes(vendor, since=planned)
        if way == "hubspot_list":
            assert [one["path"].rpartition("/")[2] for one in writes] == ["remove"]
            assert place.box.members() == ids(vendor, 1, 3, 4, 6, 7)
        else:
            assert writes == []


def test_a_delivery_that_goes_on_later_asks_again_who_unsubscribed(opening: Opening) -> None:
    """The first half was sent an hour ago; the second half is judged now."""
    with opening({"hubspot": {number: f"K{number}" for number in range(1, 10)}}) as place:
        place.batch_size = 2
        place.add("hubspot", range(1, 9))
        contract = the_contract(place, "hubspot_contacts", "hubspot")
        place.plan(contract)
        place.box.fault("hubspot", "missing_scopes", path_regex="/batch/", method="POST", after=2)
        with pytest.raises(Exception, match="a permission is missing"):
            place.send(contract)
        stopped = place.box.newest_request()

        place.opt_out(6, 8)
        report = place.send(contract)
        received = place.box.text_since(stopped)
        assert not [t for n in (6, 8) for t in traces("hubspot", n) if t in received]
        assert (report.totals.accepted, report.totals.held) == (6, 2)
