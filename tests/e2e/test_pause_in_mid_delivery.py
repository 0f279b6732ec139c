"""A pause while records are on their way: once it has returned, not one more request begins.

The destination answers slowly, so that a pause always falls between requests and inside waits.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from e2e_box import KEYS
from e2e_place import body

from activation_pipeline import pausing
from activation_pipeline.errors import ActivationError, RefusedError
from activation_pipeline.status import status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Opening
    from e2e_place import Place

    from activation_pipeline.contract import Contract

RECORDS = range(1, 25)
_PATIENCE_S = 20.0


@pytest.fixture
def place(opening: Opening) -> Iterator[Place]:
    with ExitStack() as stack:
        found = stack.enter_context(opening({"hubspot": {n: f"K{n}" for n in RECORDS}}))
        found.batch_size, found.at_once = 1, 3
        found.add("hubspot", RECORDS)
        yield found


@dataclass
class Delivery:
    """A delivery in a thread of its own, and how it ended."""

    place: Place
    contract: Contract
    ended: list[ActivationError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.place.send(self.contract)
        except ActivationError as error:
            self.ended.append(error)

    def end(self) -> ActivationError | None:
        self.thread.join(_PATIENCE_S)
        assert not self.thread.is_alive()
        return self.ended[0] if self.ended else None


def until(is_so: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pause(place: Place, contract: Contract, **options: Any) -> int:
    """Pause as the command does; gives the last request that had arrived when it returned."""
    with place.runtime() as runtime:
        words: dict[str, Any] = {"by": "demo_on_call", "reason": "wrong bands", "until": None}
        pausing.pause(
            contract.name, None, runtime, now=place.clock(), contract=contract, **words, **options
        )
    return place.box.newest_request()


def written(place: Place) -> Counter[str]:
    found: Counter[str] = Counter()
    for request in place.box.writes("hubspot"):
        found[request["body"]] += 1
    return found


def resume(place: Place, contract: Contract) -> None:
    with place.runtime() as runtime:
        word = {"role": "cs_director", "by": "demo_cs_director", "reason": "bands checked"}
        done = pausing.resume(contract, None, runtime, now=place.clock(), **word)
    assert done.was_paused
    assert done.left == ()


def test_no_request_begins_after_a_pause_and_a_resume_goes_on_where_it_stopped(
    place: Place,
) -> None:
    contract = place.contract(body("hubspot"))
    place.plan(contract)
    place.box.fault("hubspot", "slow", seconds=0.05, path_regex="/batch/", times=None)
    delivery = Delivery(place, contract)
    until(lambda: len(written(place)) > 3)
    last = pause(place, contract)
    refusal = delivery.end()
    assert isinstance(refusal, RefusedError)
    assert "cs_director may restart" in str(refusal)
    assert place.box.requests(since=last) == [], "requests begun after pause returned"
    before = written(place)
    assert 0 < len(before) < len(RECORDS)
    with place.runtime() as runtime:
        (shown,) = status(contract, runtime, now=place.clock()).sent
    assert shown.outcome == "refused"
    with pytest.raises(RefusedError, match="wrong bands"):
        place.send(contract)
    assert place.box.requests(since=last) == []

    resume(place, contract)
    report = place.send(contract)
    assert (report.outcome, report.totals.accepted) == ("delivered", len(RECORDS))
    assert set(written(place).values()) == {1}, "nothing is sent twice"
    assert len(place.box.stored("hubspot", KEYS["hubspot"])) == len(RECORDS)


def test_a_pause_holds_for_a_request_that_waits_for_its_next_try(place: Place) -> None:
    """The destination is down, and the client is about to knock again."""
    contract = place.contract(body("hubspot"))
    place.plan(contract)
    place.box.fault("hubspot", "html_error", status=503, path_regex="/batch/", times=None)
    arrived, go_on = threading.Event(), threading.Event()

    def wait(_: float) -> None:
        arrived.set()
        assert go_on.wait(_PATIENCE_S)

    place.sleep = wait
    delivery = Delivery(place, contract)
    assert arrived.wait(_PATIENCE_S)
    last = pause(place, contract)
    go_on.set()
    assert isinstance(delivery.end(), RefusedError)
    assert place.box.requests(since=last) == []


def test_a_pause_needs_no_warehouse_and_no_destination(place: Place) -> None:
    """While dbt holds the file and the destination is down, on call can still stop everything."""
    contract = place.contract(body("hubspot"))
    place.plan(contract)
    place.overrides["HUBSPOT_BASE_URL"] = "http://127.0.0.1:9/hubspot"
    place.company.path.rename(place.company.path.with_suffix(".away"))
    pause(place, contract)
    with pytest.raises(RefusedError, match="wrong bands"):
        place.send(contract)
