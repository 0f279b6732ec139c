"""What an amendment does, counted by records: what is written, and what is left alone and why.

Keys are masked, and values never appear.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from activation_pipeline.notation import masked_key

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 3


@dataclass(frozen=True)
class Left:
    """Records that are left alone for one reason: how many, and the first keys, masked."""

    count: int
    keys: tuple[str, ...]


@dataclass
class Tally:
    """What is done, counted by records; one with several fields may be in both halves.

    ``done`` counts by what is done, ``left`` what is left alone by reason.
    """

    done: Counter[str] = field(default_factory=Counter)
    left: dict[str, Left] = field(default_factory=dict)

    def add(self, key: str, deed: str | None, left: Iterable[str]) -> None:
        """Count one record: what is done with it, if anything, and the reasons why some is not."""
        if deed is not None:
            self.done[deed] += 1
        for reason in {each.partition(":")[0] for each in left}:
            known = self.left.get(reason, Left(0, ()))
            keys = (*known.keys, masked_key(key)) if len(known.keys) < _SHOWN else known.keys
            self.left[reason] = Left(known.count + 1, keys)

    @property
    def counts(self) -> dict[str, int]:
        """Give all counts by name."""
        left = {reason: each.count for reason, each in sorted(self.left.items())}
        return dict(sorted(self.done.items())) | left
