"""Expiry over the wire, with a moved clock: to the second, once, and back with the next sync."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from company import audience_dict
from e2e_box import TEXT_FIELDS, record_id
from e2e_place import EVERY_CHANGE, body
from killed_sender import die_in

from activation_pipeline.errors import RetryableError
from activation_pipeline.expire import expire

if TYPE_CHECKING:
    from e2e_place import Place

    from activation_pipeline.contract import Contract
    from activation_pipeline.expire.report import Expired

SECOND = timedelta(seconds=1)
# Candidates are scored an hour before the place's clock, and values hold for seven days.
LEFT = timedelta(days=7, hours=-1)


def end(place: Place, contract: Contract) -> Expired:
    (destination,) = contract.destinations
    with place.runtime() as runtime:
        return expire(contract, destination, runtime, clock=place.clock)


def move(place: Place, to_limit: timedelta) -> None:
    """Move the clock to a moment from the limit; reading it moves it by a millisecond."""
    place.clock.now += to_limit


def values(place: Place, vendor: str) -> dict[str, str | None]:
    found = place.box.stored(vendor, TEXT_FIELDS[vendor])
    return {key: value or None for key, value in found.items() if key in ours(vendor)}


def ours(vendor: str) -> list[str]:
    return [record_id(vendor, number) for number in range(1, 5)]


def test_a_field_is_emptied_a_second_after_its_limit_but_for_a_persons_edit(
    place: Place, vendor: str
) -> None:
    place.add(vendor, range(1, 5))
    contract = place.contract(body(vendor))
    begun = place.clock.now
    place.run(contract)
    place.box.edit(vendor, 4, TEXT_FIELDS[vendor], "by hand")
    edited = dict.fromkeys(ours(vendor)[:3], "low") | {ours(vendor)[3]: "by hand"}
    place.clock.now = begun + LEFT - SECOND
    since = place.box.newest_request()
    assert end(place, contract).tally.counts == {}
    assert place.box.writes(vendor, since=since) == []
    assert values(place, vendor) == edited
    place.clock.now = begun + LEFT + SECOND
    place.company.path.rename(place.company.path.with_suffix(".gone"))
    done = end(place, contract)
    assert done.tally.counts == {"cleared": 3, "changed_since": 1}
    gone = edited | dict.fromkeys(ours(vendor)[:3])
    assert values(place, vendor) == gone
    since = place.box.newest_request()
    assert end(place, contract).plan is None
    assert place.box.writes(vendor, since=since) == []
    place.company.path.with_suffix(".gone").rename(place.company.path)
    place.wait(timedelta(hours=1))
    place.run(contract)
    assert values(place, vendor) == edited, "the next fresh sync restores, and keeps the edit"


@pytest.mark.parametrize("vendor", ["hubspot"], indirect=True)
def test_members_whose_behaviour_is_too_old_leave_the_list_and_others_stay(
    place: Place, vendor: str
) -> None:
    mapped = audience_dict()["destinations"]["crm"]
    contract = place.contract(audience_dict(destinations={"hubspot": mapped}, gates=EVERY_CHANGE))
    place.add(vendor, [1, 2, 3])
    by_hand = record_id(vendor, 9)
    place.box.call(vendor, "PUT", "/crm/v3/lists/1001/memberships/add", json=[by_hand])
    place.run(contract)
    assert len(place.box.members()) == 4
    move(place, LEFT + SECOND)
    assert end(place, contract).tally.counts == {"removed": 3}
    assert place.box.members() == {by_hand}
    place.wait(timedelta(hours=1))
    place.run(contract)
    assert place.box.members() == {by_hand, *(record_id(vendor, n) for n in (1, 2, 3))}


@pytest.mark.parametrize("point", ["between_batches", "sent_but_unanswered"])
@pytest.mark.parametrize("vendor", ["salesforce"], indirect=True)
def test_an_expiry_that_was_killed_is_finished_and_nothing_is_written_twice(
    place: Place, vendor: str, point: str
) -> None:
    place.batch_size = 1
    place.add(vendor, range(1, 5))
    contract = place.contract(body(vendor))
    place.run(contract)
    move(place, LEFT + SECOND)
    since = place.box.newest_request()
    assert die_in(end, place, contract, point) == -signal.SIGKILL
    done = end(place, contract)
    assert done.is_whole
    assert set(values(place, vendor).values()) == {None}
    written = [
        record["id"]
        for request in place.box.writes(vendor, since=since)
        for record in json.loads(request["body"])["records"]
    ]
    assert len(written) <= len(set(written)) + 1, "at most what was under way is sent again"
    with place.runtime() as runtime:
        assert len(runtime.ledger.incidents.all(contract.name)) == 1


@pytest.mark.parametrize("vendor", ["salesforce"], indirect=True)
def test_while_the_destination_is_down_nothing_is_lost(place: Place, vendor: str) -> None:
    place.add(vendor, range(1, 5))
    contract = place.contract(body(vendor))
    place.run(contract)
    move(place, LEFT + SECOND)
    known, place.overrides = place.overrides, {"SALESFORCE_BASE_URL": "http://127.0.0.1:9"}
    with pytest.raises(RetryableError):
        end(place, contract)
    place.overrides = known
    assert end(place, contract).tally.counts == {"cleared": 4}
