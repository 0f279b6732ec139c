"""What a gate is: a function with limits, registered under its own name, that gives a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from activation_pipeline.notation import written_duration

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

Owner = Literal["source_model", "destination_field", "workflow", "outcome"]


@dataclass(frozen=True)
class Verdict:
    """What a gate found: whether it passes, the number, its limit, and the sentence for people."""

    passed: bool
    message: str
    observed: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Gate:
    """A gate and how it is treated.

    ``always``: every contract has it, named or not. ``may_be_signed``: a role may let one plan
    pass in spite of it. ``owner``: whose section of the contract has to act when it fails.
    """

    name: str
    judge: Callable[..., Verdict]
    always: bool
    may_be_signed: bool
    owner: Owner

    @property
    def description(self) -> str:
        """The first line of the gate's docstring."""
        return (self.judge.__doc__ or "").partition("\n")[0]


_REGISTERED: dict[str, Gate] = {}


def gate(
    *, owner: Owner, always: bool = False, may_be_signed: bool = False
) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Make a function a gate of its own name."""

    def register(judge: Callable[..., Verdict]) -> Callable[..., Verdict]:
        name = judge.__name__
        _REGISTERED[name] = Gate(name, judge, always, may_be_signed, owner)
        return judge

    return register


def percent(share: float, limit: float | None = None) -> str:
    """Write a ratio for people: 0.952 as 95.2%; never the same as a limit that it is not."""
    for digits in (4, 6, 9):
        text = f"{share * 100:.{digits}g}%"
        if limit is None or share == limit or text != f"{limit * 100:.{digits}g}%":
            return text
    return f"{share * 100:.17g}%"


def hours(age: timedelta) -> float:
    """Write an age in hours, to the thousandth."""
    return round(age.total_seconds() / 3600, 3)


def age_fault(name: str, newest: datetime | None, limit: timedelta, now: datetime) -> str | None:
    """Say what is wrong with the age of the newest event; None where it is within its limit."""
    if newest is None:
        return f"{name} has no event at all"
    if newest > now:
        return f"{name} has an event in the future ({newest:%Y-%m-%d %H:%M} UTC)"
    if now - newest > limit:
        return f"{name} is {hours(now - newest):g} h old, at most {written_duration(limit)}"
    return None


def registered() -> dict[str, Gate]:
    """Give every gate that was defined so far, by name."""
    return dict(_REGISTERED)
