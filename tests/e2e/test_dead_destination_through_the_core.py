"""A destination that is dead ends the delivery soon, as failed, and the next one completes it.

However it is dead, and whenever it died, it hears of at most ten calls and nobody waits longer
than a minute for it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW, Company
from dying_vendor import WAYS, DyingLine, Time
from e2e_box import TEXT_FIELDS, Box
from e2e_place import Clock, Place, add_up, body, mapping, records_csv

from activation_pipeline.destinations import hubspot
from activation_pipeline.destinations._http import Clockwork
from activation_pipeline.errors import RetryableError
from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from activation_pipeline.destinations import DestinationClient

MOST_CALLS, MOST_SECONDS = 10, 60
NUMBERS = range(1, 49)


@dataclass
class DyingPlace(Place):
    """A place whose HubSpot dies in one way after some requests of a delivery."""

    batch_size: int | None = 2
    lines: list[DyingLine] = field(default_factory=list)
    dying: tuple[str, int] | None = None

    def connect(self, kind: str) -> DestinationClient:
        client: Any = super().connect(kind)
        if self.dying is not None:
            way, lives_for = self.dying
            time = Time()
            client.client = hubspot.connect(
                self.environment, clockwork=Clockwork(time.sleep, time.clock)
            )
            transport = client.client._transport
            transport._line = DyingLine(transport._line, time, way, lives_for)
            self.lines.append(transport._line)
        return client

    @contextmanager
    def dead(self, way: str, *, after: int) -> Iterator[None]:
        self.dying = way, after
        yield
        self.dying = None


@pytest.fixture
def place(tmp_path: Path) -> Iterator[DyingPlace]:
    (tmp_path / "records").mkdir()
    contacts = records_csv("hubspot", {number: f"K{number}" for number in NUMBERS})
    (tmp_path / "records" / "hubspot_contact.csv").write_text(contacts, encoding="utf-8")
    (tmp_path / "place").mkdir()
    clock, records = Clock(NOW), tmp_path / "records"
    with running_sandbox(tmp_path / "sandbox", records=records, clock=clock) as running:
        place = DyingPlace(Company(tmp_path / "place", now=NOW), Box(running.url), clock)
        place.add("hubspot", NUMBERS)
        yield place


# The first request of a delivery asks for the properties, the second is a batch that goes alone.
@pytest.mark.parametrize("after", [1, 12], ids="dead after {} requests".format)
@pytest.mark.parametrize("way", WAYS)
def test_a_dead_destination_fails_the_run_and_the_next_completes_it(
    place: DyingPlace, way: str, after: int
) -> None:
    contract = place.contract(body("hubspot", mapping("hubspot", behavior="update_only")))
    place.plan(contract)
    with place.dead(way, after=after), pytest.raises(RetryableError):
        place.send(contract)
    (line,) = place.lines
    assert 0 < line.calls <= MOST_CALLS
    assert line.time.longest <= MOST_SECONDS
    with place.runtime() as runtime:
        attempt = runtime.ledger.history.last_attempt(contract.name, "hubspot")
        assert attempt is not None
        assert attempt.outcome == "failed"

    assert add_up(place.send(contract))
    assert add_up(place.run(contract))
    texts = place.box.stored("hubspot", TEXT_FIELDS["hubspot"])
    assert set(texts.values()) == {"low"}
    assert len(texts) == len(NUMBERS)
    settled = place.plan(contract).plan
    assert settled is not None
    assert settled.parts[0].rows == 0
