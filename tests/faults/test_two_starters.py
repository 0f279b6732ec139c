"""Somebody starts a sync while another process sends: one sends, the other is told who does."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from company import Company
from e2e_commands import Commands
from fault_place import FaultPlace
from fault_sites import SITES

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

    from conftest import Workshop
    from fault_sites import Site

_WITHIN_S = 60


@pytest.fixture
def place(workshop: Workshop, tmp_path: Path) -> FaultPlace:
    """A place by the real clock, since other processes have no other."""
    now = workshop.clock.now = datetime.now(UTC)
    workshop.box.own("POST", "reset")
    return FaultPlace(Company(tmp_path, now=now), workshop.box, workshop.clock)


def wait_for_a_write(place: FaultPlace, site: Site, sender: Popen[str]) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not place.box.writes(site.vendor):
        assert sender.poll() is None, sender.communicate()
        assert time.monotonic() < deadline, "the first sender did not start"


@pytest.mark.parametrize("name", ["salesforce_by_key", "hubspot_list"])
def test_of_two_commands_one_sends_and_the_other_says_who_does(
    place: FaultPlace, workshop: Workshop, name: str
) -> None:
    site = next(one for one in SITES if one.name == name)
    calm_end = workshop.calm_end(site)
    workshop.clock.now = datetime.now(UTC)
    workshop.box.own("POST", "reset")
    place.add_candidates(site.vendor, site.numbers)
    commands = Commands(place)
    contract = commands.write_contract(site.given)
    place.plan(contract)

    place.box.fault(site.vendor, "slow", path_regex=site.writes, seconds=_WITHIN_S)
    with commands.start("sync", contract.name, "--json") as first:
        try:
            wait_for_a_write(place, site, first)
            code, out, _ = commands.run("sync", contract.name, "--json")
        finally:
            place.box.own("DELETE", "faults")
        told, err = first.communicate(timeout=_WITHIN_S)

    (refused,) = json.loads(out)["destinations"]
    assert (code, refused["outcome"], refused["error"]["clause"]) == (3, "refused", "one_sender")
    assert str(first.pid) in refused["headline"]
    assert "is sending since" in refused["headline"]
    assert (first.returncode, err) == (0, "")
    (report,) = json.loads(told)["destinations"]
    assert (report["outcome"], report["accepted"]) == ("delivered", len(site.numbers))
    sent = [key for one in place.box.writes(site.vendor) for key in site.keys_in(one)]
    assert len(sent) == len(set(sent)) == len(site.numbers)
    assert sorted(site.state(place)) == calm_end
