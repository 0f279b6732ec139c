"""The review pack as values: what the pages say, before anybody lays them out.

Everything is text or a count, already masked where it has to be, so that a renderer can neither
leak a value nor count differently from another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from activation_pipeline.steps import Step


@dataclass(frozen=True)
class Answer:
    """One question of the agenda: its minutes, whose it is, and what this contract answers."""

    minutes: str
    question: str
    role: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class MappedColumn:
    """One destination field and the column that it gets; ``sent`` false: a caveat keeps it back."""

    field: str
    column: str
    allowed: str
    on_null: str
    on_edit: str
    on_expiry: str
    is_meta: bool
    sent: bool


@dataclass(frozen=True)
class MappedPlace:
    """One destination's object or list: how it is written, who reads it, who may edit it."""

    destination: str
    what: str
    behavior: str
    owner: str
    read_by: tuple[str, ...]
    edited_by: str
    columns: tuple[MappedColumn, ...]


@dataclass(frozen=True)
class Fall:
    """One step of the waterfall: who was left out here, and who was left.

    ``named`` counts everybody whom the reason names, also those whom an earlier one took out.
    """

    kind: Literal["all", "out", "left"]
    label: str
    reason: str
    count: int
    left: int
    named: int | None
    owner: str

    @property
    def title(self) -> str:
        """Name the step: its disposition, and the reason where that says more."""
        if not self.reason or self.reason.startswith(self.label):
            return self.reason or self.label
        return f"{self.label}: {self.reason}"


@dataclass(frozen=True)
class Flow:
    """What becomes of the eligible in one destination, by what the plan does with them.

    The counts of ``eligible`` add up to the waterfall's last step; ``leaving`` are members that a
    plan removes, or keeps in spite of having lost their reason to be there.
    """

    destination: str
    eligible: Mapping[str, int]
    leaving: Mapping[str, int]


@dataclass(frozen=True)
class Waterfall:
    """From the candidates to the eligible, and on to each destination."""

    falls: tuple[Fall, ...]
    flows: tuple[Flow, ...]


@dataclass(frozen=True)
class GateLine:
    """One gate's word: passed, stops, warns or signed; observed against limit; whose it is."""

    gate: str
    word: Literal["passed", "stops", "warns", "signed"]
    observed: str
    limit: str
    message: str
    owner: str
    signer: str


@dataclass(frozen=True)
class FieldChange:
    """One field of a planned record: what is there now and what will be.

    ``was_empty``: nothing is there now. ``edited``: somebody changed it since our last delivery.
    """

    field: str
    before: str
    after: str
    was_empty: bool
    edited: bool


@dataclass(frozen=True)
class Effect:
    """What the plan does with one sampled key in one destination, on which record."""

    destination: str
    record: str
    what: str
    fields: tuple[FieldChange, ...] = ()

    @property
    def replaced(self) -> tuple[FieldChange, ...]:
        """List the fields in which something stands now."""
        return tuple(change for change in self.fields if not change.was_empty)

    @property
    def filled(self) -> int:
        """Count the fields that are empty now and get a value."""
        return len(self.fields) - len(self.replaced)


@dataclass(frozen=True)
class Sampled:
    """One sampled key, in or out; ``stratum`` is the reason that it stands for."""

    key: str
    disposition: str
    stratum: str
    reasons: tuple[str, ...]
    details: str
    values: Mapping[str, str]
    effects: tuple[Effect, ...]

    @property
    def why(self) -> str:
        """Say what the plan does with it, or why it was left out: the disposition and reasons."""
        if self.included:
            return self.stratum
        said = ", ".join(self.reasons)
        return said if said.startswith(self.disposition) else f"{self.disposition}: {said}"

    @property
    def included(self) -> bool:
        """Say whether the candidate may go."""
        return self.disposition == "eligible"


@dataclass(frozen=True)
class Condition:
    """A reason to pause that the contract or its plan shows now, and the better next move."""

    name: str
    what: str
    found: str
    move: str


@dataclass(frozen=True)
class Question:
    """Something that the review has to settle, and who answers."""

    role: str
    text: str


@dataclass(frozen=True)
class Blank:
    """A line to sign by hand: the role, for what, and the word that is recorded already."""

    role: str
    what: str
    recorded: str


@dataclass(frozen=True)
class Pack:
    """One contract's review pack; ``made_at`` is the plan's moment (UTC), None without a plan.

    ``shows_values`` says that the sample has personal data in it. ``verdict`` is the decision that
    the gates left of ``proposal``, None where there is no plan; ``no_plan`` says why there is none.
    """

    contract: str
    version: int
    kind: str
    fingerprint: str
    as_of: date
    proposal: str
    caveats: str
    embarrassment: str
    caught_by: tuple[str, ...]
    mapping: tuple[MappedPlace, ...]
    answers: tuple[Answer, ...] = ()
    definition: str | None = None
    plan: str | None = None
    made_at: datetime | None = None
    verdict: str | None = None
    stops: tuple[str, ...] = ()
    no_plan: str = ""
    remarks: tuple[str, ...] = ()
    waterfall: Waterfall | None = None
    gates: tuple[GateLine, ...] = ()
    sample: tuple[Sampled, ...] = ()
    shows_values: bool = False
    conditions: tuple[Condition, ...] = ()
    conditions_met: int = 0
    questions: tuple[Question, ...] = ()
    steps: tuple[Step, ...] = ()
    blanks: tuple[Blank, ...] = ()
