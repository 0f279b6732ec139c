"""The sample of a plan, masked as in the review's pack, for the contract's page.

A plan's sample is always the same, and drawing it costs more than the rest of the page: so it is
kept for as long as the plan is the newest one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.errors import ActivationError
from activation_pipeline.review import pack

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.board.detail import Live
    from activation_pipeline.review.document import Sampled
    from activation_pipeline.runtime import Runtime


@dataclass(frozen=True)
class Sampling:
    """A plan's sample, or why there is none."""

    rows: tuple[Sampled, ...]
    problem: str = ""


class Samples:
    """Draws samples, and keeps those of the newest plans."""

    def __init__(self) -> None:
        """Start with nothing drawn."""
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, Sampling]] = {}

    def read(self, live: Live, runtime: Runtime, *, now: datetime) -> Sampling | None:
        """Give the newest plan's sample; None: there is no plan."""
        plan, name = live.plan, live.contract.name
        if plan is None:
            return None
        # One after the other: the engine that draws is one for all threads of the runtime.
        with self._lock:
            kept = self._kept.get(name)
            if kept and kept[0] == plan:
                return kept[1]
            try:
                drawn = Sampling(pack(live.contract, runtime, now=now, plan=plan).sample)
            except ActivationError as error:
                return Sampling((), str(error))
            self._kept[name] = (plan, drawn)
            return drawn
