"""One state of a contract, with its clause, what was found, since when and who may act."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from activation_pipeline.steps import Step

# In the order in which somebody has to act. A pause stops everything until its role speaks, and an
# expiry has already changed what people see. A block has a clause to mend, which makes the run up
# as well; that nothing ran is the next thing to know.
State = Literal["paused", "expired", "blocked", "overdue", "caveats", "live"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Standing:
    """One state of a contract.

    ``clause`` names the gate or rule (None: nothing is wrong), ``message`` what it found; addresses
    in ``message`` and ``by`` are masked. ``destination`` is None where all are concerned.
    ``since`` is None where nobody wrote down when it began. ``also`` are the other states that
    hold. ``busy``: a plan is being made or sent, so what stands may be about to change.
    """

    contract: str
    state: State
    clause: str | None
    message: str
    since: datetime | None
    until: datetime | None = None
    by: str | None = None
    destination: str | None = None
    restarted_by: str | None = None
    owner: str | None = None
    plan: str | None = None
    observed: float | None = None
    limit: float | None = None
    next_step: Step | None = None
    busy: bool = False
    also: tuple[Standing, ...] = ()

    @property
    def headline(self) -> str:
        """Say it in one line: contract, state, clause and what was found."""
        where = f" ({self.destination})" if self.destination else ""
        clause = f" by {self.clause}" if self.clause else ""
        return f"{self.contract}: {self.state}{where}{clause}: {self.message}"


def first_of(states: Iterable[Standing]) -> Standing:
    """Give the state that somebody has to act on first, with the others beside it."""
    ordered = sorted(states, key=lambda each: STATES.index(each.state))
    return replace(ordered[0], also=tuple(ordered[1:]))
