"""A process that dies in the middle of a delivery is taken up where it was, by the next one."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from e2e_box import TEXT_FIELDS, record_id
from e2e_commands import Commands
from e2e_place import body

if TYPE_CHECKING:
    from conftest import Opening
    from e2e_box import Box

RECORDS, BATCH = 2_000, 100


def written(box: Box) -> Counter[str]:
    """Count in how many write requests each key was."""
    return Counter(
        each["id"]
        for request in box.writes("hubspot")
        for each in json.loads(request["body"])["inputs"]
    )


def wait_for_writes(box: Box, count: int, *, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while len(box.writes("hubspot")) < count:
        assert time.monotonic() < deadline, "the delivery did not start"
        time.sleep(0.02)


def test_a_killed_delivery_goes_on_and_repeats_one_batch_at_most(opening: Opening) -> None:
    """The dead process is not even reaped yet: what counts is that it can send no more."""
    numbers = range(1, RECORDS + 1)
    now = datetime.now(UTC)
    with opening({"hubspot": {n: f"K{n}" for n in numbers}}, now=now) as place:
        place.add("hubspot", numbers)
        commands = Commands(place)
        contract = commands.write_contract(body("hubspot"))
        place.plan(contract)

        place.box.fault("hubspot", "slow", path_regex="/batch/", seconds=0.25, times=None)
        killed = commands.start("sync", contract.name)
        wait_for_writes(place.box, 3)
        killed.send_signal(signal.SIGKILL)
        time.sleep(0.3)
        place.box.own("DELETE", "faults")
        before = written(place.box)
        assert 2 * BATCH < len(before) < RECORDS

        code, out, err = commands.run("sync", contract.name, "--json")
        assert killed.wait() == -signal.SIGKILL
        killed.communicate()
        assert (code, err) == (0, "")
        (report,) = json.loads(out)["destinations"]
        assert (report["outcome"], report["accepted"]) == ("delivered", RECORDS)

        counts = written(place.box)
        assert set(counts) == {f"K{n}" for n in numbers}
        repeated = [key for key, count in counts.items() if count > 1]
        assert len(repeated) in {0, BATCH}
        assert max(counts.values()) <= 2
        stored = place.box.stored("hubspot", TEXT_FIELDS["hubspot"])
        assert stored == {record_id("hubspot", n): "low" for n in numbers}
        assert place.run(contract).rows == 0
