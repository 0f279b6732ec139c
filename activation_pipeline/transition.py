"""A change in how a contract stands that somebody should hear of, and the word to one role.

What counts as a change is decided in ``alerts``; the ledger only keeps it. Nothing here reads or
writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from activation_pipeline.evidence import Pause
    from activation_pipeline.incident import Incident

# ``seen`` and ``changed`` are kept to compare with later; nobody is told of them.
Kind = Literal[
    "blocked", "overdue", "paused", "resumed", "pause_ended", "expired", "recovered",
    "seen", "changed",
]  # fmt: skip
# State, clause and destination (empty: all) of each thing that is wrong with a contract.
Wrong = frozenset[tuple[str, str, str]]


@dataclass(frozen=True)
class Transition:
    """One change of one contract.

    ``source`` names the ledger's word that it tells (None: the standing as a whole), ``wrong`` all
    that was wrong then (None: not looked at). ``body`` is what an alert says, addresses masked.
    """

    contract: str
    destination: str | None
    kind: Kind
    clause: str | None
    source: str | None
    wrong: Wrong | None
    body: Mapping[str, Any]
    at: datetime

    @property
    def is_told(self) -> bool:
        """Say whether somebody should hear of it."""
        return self.kind not in {"seen", "changed"}


@dataclass(frozen=True)
class PauseWord:
    """One row of the ledger's pauses: a stop, or a resume where ``paused`` is false."""

    id: int
    paused: bool
    pause: Pause


@dataclass(frozen=True)
class Seen:
    """What the ledger knows of a contract when its standing is looked at.

    ``first`` is the row that first saw it, ``last`` the newest that has ``wrong``; both None before
    the first look. ``told`` are the sources that have a transition, ``roles`` who was told last.
    """

    first: Transition | None = None
    last: Transition | None = None
    told: frozenset[str] = frozenset()
    words: tuple[PauseWord, ...] = ()
    expiries: Mapping[int, Incident] = field(default_factory=dict)
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """One try to reach one channel; ``outcome`` is ``trying`` until its end is known."""

    channel: str
    outcome: Literal["trying", "sent", "failed"]
    message: str
    at: datetime


@dataclass(frozen=True)
class Notice:
    """A transition for one role, with every try to tell it, oldest first."""

    id: int
    role: str
    transition: Transition
    attempts: tuple[Attempt, ...] = ()

    def tries(self, channel: str) -> tuple[Attempt, ...]:
        """List the tries of one channel, oldest first."""
        return tuple(each for each in self.attempts if each.channel == channel)
