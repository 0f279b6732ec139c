"""How many candidates are left after each reason, down to what a destination holds: as bars.

Pure: the counts of one judged preparation in, places and widths out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activation_pipeline.board import drawing
from activation_pipeline.dispositions import EXCLUDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.status import Sent


@dataclass(frozen=True)
class Bar:
    """One line: ``kind`` is whole, out or in; a bar begins at ``start`` and is ``width`` wide."""

    name: str
    count: int
    kind: str
    start: float
    width: float
    detail: str = ""


def bars(
    contract: Contract, measures: Mapping[str, Any], sent: tuple[Sent, ...]
) -> tuple[Bar, ...]:
    """Lay a population out; empty where nothing was measured."""
    if not measures:
        return ()
    whole = int(measures["candidates"])
    dispositions: Mapping[str, int] = measures["dispositions"]
    found = [Bar("candidates", whole, "whole", 0, drawing.share(whole, whole))]
    left = whole
    for name in EXCLUDED:
        count = dispositions.get(name, 0)
        if count:
            left -= count
            start, width = drawing.share(left, whole), drawing.share(count, whole)
            detail = _reasons(contract, name, measures["reasons"])
            found.append(Bar(name, count, "out", start, width, detail))
    eligible = dispositions.get("eligible", 0)
    found.append(Bar("eligible", eligible, "in", 0, drawing.share(eligible, whole)))
    return (*found, *_destinations(sent, whole))


def _destinations(sent: tuple[Sent, ...], whole: int) -> Iterator[Bar]:
    for each in sent:
        holds = each.holds or 0
        told = f"newest plan: {each.planned or 0:,} changes, {each.totals.accepted:,} accepted"
        for word in ("rejected", "held", "unknown"):
            count = getattr(each.totals, word)
            told += f", {count:,} {word}" if count else ""
        name = f"held by {each.destination}"
        yield Bar(name, holds, "in", 0, drawing.share(holds, whole), told)


def _reasons(contract: Contract, disposition: str, reasons: Mapping[str, int]) -> str:
    """Name the rules behind a disposition where there are several; a record may be under many."""
    suppression = contract.suppression
    lists = {"suppressed": tuple(suppression.models), "review": tuple(suppression.review)}
    named = lists.get(disposition, ())
    told = [f"{rule} {reasons[rule]:,}" for rule in named if reasons.get(rule)]
    prefixed = [
        f"{reason} {count:,}"
        for reason, count in reasons.items()
        if disposition not in lists and reason.startswith(f"{disposition}:")
    ]
    return ", ".join([*told, *prefixed])
