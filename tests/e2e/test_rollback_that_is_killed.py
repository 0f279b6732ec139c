"""``kill -9`` in the middle of an undo, then undo again: as if nothing had happened."""

from __future__ import annotations

import json
import signal
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from e2e_box import TEXT_FIELDS, record_id
from e2e_place import body
from killed_sender import NAMED, die_in
from undo_place import undo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Opening
    from e2e_box import Box
    from e2e_place import Place

RECORDS, BATCH = range(1, 25), 4
CASES = [(point, ("salesforce", "hubspot")[n % 2]) for n, point in enumerate(NAMED)]


@pytest.fixture
def place(opening: Opening, request: pytest.FixtureRequest) -> Iterator[Place]:
    vendor = request.node.callspec.params["vendor"]
    with ExitStack() as stack:
        found = stack.enter_context(opening({vendor: {n: f"K{n}" for n in RECORDS}}))
        found.batch_size = BATCH
        yield found


def written(box: Box, vendor: str, *, since: int) -> Counter[str]:
    """Count in how many write requests each record was."""
    named = "records" if vendor == "salesforce" else "inputs"
    return Counter(
        each["id"]
        for request in box.writes(vendor, since=since)
        if request["body"]  # else the sender died before all of it was there
        for each in json.loads(request["body"])[named]
    )


@pytest.mark.parametrize(("point", "vendor"), CASES)
def test_an_undo_that_was_killed_is_finished_by_the_next_one(
    place: Place, point: str, vendor: str
) -> None:
    place.add(vendor, RECORDS)
    contract = place.contract(body(vendor))
    before = place.box.stored(vendor, TEXT_FIELDS[vendor])
    place.run(contract)
    since = place.box.newest_request()
    assert die_in(undo, place, contract, point) == -signal.SIGKILL
    place.box.edit(vendor, 24, TEXT_FIELDS[vendor], "by hand")
    undo(place, contract)
    found = place.box.stored(vendor, TEXT_FIELDS[vendor])
    last = record_id(vendor, 24)
    assert {k: v or None for k, v in found.items()} == before | {last: "by hand"}
    counts = written(place.box, vendor, since=since)
    repeated = [key for key, count in counts.items() if count > 1]
    assert len(repeated) <= BATCH
    assert undo(place, contract).changes_nothing
    with place.runtime() as runtime:
        assert len(runtime.ledger.incidents.all(contract.name)) == 1
        assert runtime.ledger.pauses(contract.name, now=place.clock())
