"""A pace on a clock of the test, and the account that it must not overdraw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from requests.structures import CaseInsensitiveDict

from activation_pipeline.destinations._exchange import Clockwork
from activation_pipeline.destinations._pace import Ceiling, Pace, Told

if TYPE_CHECKING:
    from pathlib import Path

    from destination_cases import Waits

PATH = "/any"


def told(headers: CaseInsensitiveDict[str]) -> Told | None:
    if "most" not in headers:
        return None
    return Told(int(headers["most"]), int(headers["left"]))


def answer(most: int, left: int) -> CaseInsensitiveDict[str]:
    return CaseInsensitiveDict({"most": str(most), "left": str(left)})


def pace_of(waits: Waits, ceiling: Ceiling, file: Path | None = None, at_once: int = 8) -> Pace:
    return Pace(
        {"requests": ceiling},
        lane_of=lambda _: "requests",
        told=told,
        at_once=at_once,
        file=file,
        clockwork=Clockwork(waits.sleep, waits.clock),
    )


@dataclass
class Account:
    """What the vendor counts: every request of the last ten seconds, whoever made it."""

    waits: Waits
    most: int
    taken: list[float] = field(default_factory=list)

    def take(self) -> CaseInsensitiveDict[str]:
        left = self.left() - 1
        assert left >= 0, f"the request at {self.waits.now} s is one too many"
        self.taken.append(self.waits.now)
        return answer(self.most, left)

    def left(self) -> int:
        return self.most - sum(at > self.waits.now - 10 for at in self.taken)
