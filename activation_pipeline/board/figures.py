"""The figures of one contract, out of its last judged preparations: freshness, match, volume.

Pure: judged preparations and a moment in, numbers out. Where a contract promises nothing, as a
match rate without such a gate, there is no figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from activation_pipeline.board import drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from activation_pipeline.board.drawing import Line
    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger.fleet import Judged


@dataclass(frozen=True)
class Point:
    """One preparation's figures; None where there was none to tell."""

    at: datetime
    newest: datetime | None
    candidates: int | None
    eligible: int | None
    match: float | None
    match_limit: float | None


@dataclass(frozen=True)
class Age:
    """How old the newest value is, against when it is stale and when it expires."""

    age: timedelta
    stale_after: timedelta
    expire_after: timedelta

    @property
    def word(self) -> str:
        """Name it: fresh, stale or expired."""
        if self.age > self.expire_after:
            return "expired"
        return "stale" if self.age > self.stale_after else "fresh"

    @property
    def filled(self) -> float:
        """Give the width of the bar, which is full at the expiry."""
        return drawing.share(self.age.total_seconds(), self.expire_after.total_seconds())

    @property
    def stale_at(self) -> float:
        """Give the place on the bar where values become stale."""
        return drawing.share(self.stale_after.total_seconds(), self.expire_after.total_seconds())


@dataclass(frozen=True)
class Trend:
    """One figure over time: its last value, its limit, and its chart."""

    last: float
    limit: float | None
    chart: Line
    count: int


def point(judged: Judged) -> Point:
    """Take the figures out of one judged preparation."""
    measures = judged.measures
    newest = measures.get("newest")
    gate = next((each for each in judged.results if each.gate == "match_rate"), None)
    return Point(
        at=judged.at,
        newest=datetime.fromisoformat(str(newest)) if newest else None,
        candidates=measures.get("candidates"),
        eligible=measures["dispositions"].get("eligible", 0) if measures else None,
        match=gate.observed if gate else None,
        match_limit=gate.limit if gate else None,
    )


@dataclass(frozen=True)
class Figures:
    """All figures of one contract; what was never measured is None."""

    freshness: Age | None
    match: Trend | None
    volume: Trend | None
    candidates: int | None
    eligible: int | None


NONE_YET = Figures(None, None, None, None, None)


def figures(contract: Contract, points: Sequence[Point], *, now: datetime) -> Figures:
    """Sum up a contract's last preparations, oldest first."""
    measured = [each for each in points if each.candidates is not None]
    newest = next((each.newest for each in reversed(points) if each.newest), None)
    limits = [each.match_limit for each in measured if each.match_limit is not None]
    match = _trend([each.match for each in points], limits[-1] if limits else None)
    last = measured[-1] if measured else None
    promised = contract.freshness
    return Figures(
        freshness=Age(now - newest, promised.stale_after, promised.expire_after)
        if newest
        else None,
        match=match,
        volume=_trend([each.eligible for each in points], None),
        candidates=last.candidates if last else None,
        eligible=last.eligible if last else None,
    )


def _trend(values: Sequence[float | None], limit: float | None) -> Trend | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Trend(known[-1], limit, drawing.line(values, limit=limit), len(known))
