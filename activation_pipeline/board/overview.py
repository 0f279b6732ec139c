"""The first page's content: how every contract stands, worst first, with its figures.

Standings are kept for a while (see ``keeping``). Everything else is read for all contracts at once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline import alerts
from activation_pipeline.board.figures import NONE_YET, Figures, Point, figures, point
from activation_pipeline.board.keeping import Keeping
from activation_pipeline.standing import STATES, standings
from activation_pipeline.status import outcome_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from activation_pipeline.alerts import Told
    from activation_pipeline.board.installation import Installation
    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger.fleet import Fleet
    from activation_pipeline.ledger.history import PastAttempt
    from activation_pipeline.loading import Checked
    from activation_pipeline.standing import Standing

SHOWN_PREPARATIONS = 30


@dataclass(frozen=True)
class Place:
    """One destination of a contract: what it holds from us, and the last attempt."""

    destination: str
    holds: int | None
    last: PastAttempt | None
    outcome: str


@dataclass(frozen=True)
class Card:
    """One contract on the first page; ``contract`` is None where its file is malformed."""

    name: str
    standing: Standing
    contract: Contract | None
    figures: Figures
    places: tuple[Place, ...]
    problems: int


@dataclass(frozen=True)
class Overview:
    """All contracts at one moment, worst first, and how many stand in each state.

    ``told`` says which alert channels fail, ``silent`` which roles have no address.
    """

    cards: tuple[Card, ...]
    counts: Mapping[str, int]
    now: datetime
    told: Told
    silent: tuple[str, ...]


class Overviews:
    """Makes the first page's content, and keeps what cannot have changed."""

    def __init__(self, installation: Installation) -> None:
        """Read one installation."""
        self._installation = installation
        self._lock = threading.Lock()
        self._points: dict[int, Point] = {}
        self._keeping = Keeping(self._standings)

    def read(self) -> Overview:
        """Read how all contracts stand now."""
        now = self._installation.clock()
        every = self._installation.contracts()
        fleet = self._installation.runtime.ledger.fleet
        found = self._keeping.standings(every, fleet.marks(every), now=now)
        points = self._trends(fleet)
        attempts, holdings = fleet.last_attempts(), fleet.holdings()
        cards = [
            Card(
                name=name,
                standing=found[name],
                contract=checked.contract,
                figures=figures(checked.contract, points.get(name, ()), now=now)
                if checked.contract
                else NONE_YET,
                places=_places(name, checked, attempts, holdings, now=now),
                problems=len(checked.errors),
            )
            for name, checked in every.items()
        ]
        cards.sort(key=lambda card: (STATES.index(card.standing.state), card.name))
        states = [card.standing.state for card in cards]
        counts = {str(state): states.count(state) for state in STATES if state in states}
        channels = self._installation.channels
        told = alerts.told(self._installation.runtime, channels, now=now)
        silent = alerts.silent_roles(every.values(), channels)
        return Overview(tuple(cards), counts, now, told, silent)

    def _standings(self, every: Mapping[str, Checked], now: datetime) -> dict[str, Standing]:
        return standings(every, self._installation.runtime, now=now)

    def _trends(self, fleet: Fleet) -> dict[str, tuple[Point, ...]]:
        """Give each contract's last figures; what was judged once never changes."""
        wanted = fleet.newest_preparations(SHOWN_PREPARATIONS)
        every = {each for preparations in wanted.values() for each in preparations}
        with self._lock:
            known = {each: found for each, found in self._points.items() if each in every}
        known |= {each.preparation: point(each) for each in fleet.judged(every - known.keys())}
        with self._lock:
            self._points = known
        return {name: tuple(known[each] for each in ids) for name, ids in wanted.items()}


def _places(
    name: str,
    checked: Checked,
    attempts: Mapping[tuple[str, str], PastAttempt],
    holdings: Mapping[tuple[str, str], int],
    *,
    now: datetime,
) -> tuple[Place, ...]:
    """Describe a contract's destinations; of a malformed one, those that were ever sent to."""
    known = checked.contract.destinations if checked.contract else ()
    names = list(known) or sorted(each for owner, each in attempts if owner == name)
    found = []
    for each in names:
        last = attempts.get((name, each))
        found.append(Place(each, holdings.get((name, each)), last, outcome_of(last, now=now)))
    return tuple(found)
