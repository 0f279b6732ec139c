"""The geometry of the small charts: values in, coordinates out; templates draw them as SVG.

A coordinate system of ``WIDTH`` by ``HEIGHT`` units, scaled by the page. Nothing is drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 120, 28
_EDGE = 3


@dataclass(frozen=True)
class Line:
    """One chart: the points of each unbroken stretch, the last point, and where the limit lies."""

    stretches: tuple[str, ...]
    last: tuple[float, float] | None
    limit: float | None


def line(values: Sequence[float | None], *, limit: float | None = None) -> Line:
    """Lay values out from left to right; a missing one breaks the line.

    Args:
        values: oldest first.
        limit: drawn across, on the same scale.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Line((), None, None)
    low, high = min([*known, *_given(limit)]), max([*known, *_given(limit)])
    step = (WIDTH - 2 * _EDGE) / max(1, len(values) - 1)

    def height(value: float) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE), 1)

    stretches: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append((round(_EDGE + place * step, 1), height(value)))
    drawn = [stretch for stretch in stretches if stretch]
    return Line(
        stretches=tuple(" ".join(f"{x:g},{y:g}" for x, y in stretch) for stretch in drawn),
        last=drawn[-1][-1],
        limit=None if limit is None else height(limit),
    )


def _given(limit: float | None) -> list[float]:
    return [] if limit is None else [limit]


def share(part: float, whole: float) -> float:
    """Give a part's width of a bar, 0 to ``WIDTH``; what is larger than the whole fills it."""
    return round(WIDTH * min(1.0, max(0.0, part / whole)), 1) if whole > 0 else 0.0
