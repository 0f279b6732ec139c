"""What the gates judge: the measures of one plan, as plain values.

The warehouse measures, the destinations answer, the ledger remembers; this module only
names the results. A ``GateResult`` is one gate's word on one plan.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from activation_pipeline.notation import without_addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.plan import Plan


def _duration(seconds: float) -> str:
    whole = timedelta(seconds=round(seconds))
    return f"at least {whole}" if whole else "about a second"


@dataclass(frozen=True)
class ListState:
    """One suppression model as found: its rows, rows without a key, and whom it now holds back."""

    rows: int
    null_keys: int


@dataclass(frozen=True)
class Group:
    """Candidates that share a disposition and all their reasons."""

    disposition: str
    reasons: frozenset[str]
    count: int


@dataclass(frozen=True)
class Measures:
    """What one pass over the population says.

    ``newest`` is the youngest event time (UTC); ``nulls`` counts empty values per destination
    field among ``judged`` candidates: those that resolved and that nobody asked to leave alone.
    ``feeds`` has each feed's newest event, None where the feed has none. ``lists`` are the
    suppression models; ``leaked`` counts planned keys that one of them names.
    """

    groups: tuple[Group, ...]
    newest: datetime | None
    judged: int
    nulls: Mapping[str, int]
    feeds: Mapping[str, datetime | None]
    lists: Mapping[str, ListState]
    leaked: int = 0

    @property
    def candidates(self) -> int:
        """Count the rows that the source model offers."""
        return sum(group.count for group in self.groups)

    def dispositions(self) -> dict[str, int]:
        """Count candidates by disposition; the counts add up to ``candidates``."""
        return self._counted(lambda group: (group.disposition,))

    def reasons(self) -> dict[str, int]:
        """Count candidates by reason; one candidate may have several."""
        return self._counted(lambda group: tuple(group.reasons))

    def suppressed(self, rules: Collection[str]) -> dict[str, int]:
        """Count suppressed candidates by rule; one candidate may be under several rules.

        Args:
            rules: the names of the suppression rules, without a destination's name behind them.
        """
        return self._counted(
            lambda group: tuple(
                reason
                for reason in group.reasons
                if group.disposition == "suppressed"
                # A list's own name may have a colon, too.
                and (reason in rules or reason.partition(":")[0] in rules)
            )
        )

    def with_reason(self, *prefixes: str) -> int:
        """Count candidates that have at least one reason of these kinds (``unmatched``, ...)."""
        return sum(
            group.count
            for group in self.groups
            if any(reason.partition(":")[0] in prefixes for reason in group.reasons)
        )

    def _counted(self, names: Callable[[Group], tuple[str, ...]]) -> dict[str, int]:
        found: Counter[str] = Counter()
        for group in self.groups:
            for name in names(group):
                found[name] += group.count
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class Review:
    """A role's recorded word on a plan and a gate; fingerprint and definition as they were."""

    gate: str
    plan: str
    role: str
    at: datetime
    fingerprint: str
    definition: str


# Whoever acts by itself, a rule or an expiry, signs so.
ITSELF = "activation"


@dataclass(frozen=True)
class Pause:
    """A stop of a whole contract or of one destination, until a resume or ``until``."""

    contract: str
    destination: str | None
    by: str
    reason: str
    since: datetime
    until: datetime | None

    def stops_all_of(self, contract: str) -> bool:
        """Say whether all of a contract stops: by its own word, or another's on its fields."""
        return self.destination is None or self.contract != contract

    def told(self, restarted_by: str | None) -> str:
        """Tell who paused since when, until when and why, and who restarts, where that is known.

        Logs and error texts repeat it, so e-mail addresses in it are masked; the ledger keeps
        who it was.
        """
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        told = (
            f"paused since {self.since:%Y-%m-%d %H:%M} UTC{until} by "
            f"{without_addresses(self.by)}: {without_addresses(self.reason)}"
        )
        return f"{told}; {restarted_by} may restart" if restarted_by else told

    def told_in(self, contract: str, restarted_by: str) -> str:
        """Tell it in one contract's words, where it may be a pause of another one."""
        if self.contract == contract:
            return self.told(restarted_by)
        return f"writes what {self.contract} writes, and that is {self.told(None)}"


@dataclass(frozen=True, slots=True)
class Effort:
    """What writing a number of records costs under the vendor's limits.

    ``seconds`` is how long the requests take at least, at the rate that is allowed now.
    ``left_today`` of ``daily`` requests may still be made; None where the vendor has no daily
    limit, or does not tell.
    """

    requests: int
    seconds: float
    left_today: int | None = None
    daily: int | None = None

    @property
    def told(self) -> str:
        """Say it in words: requests, time, and how much of the day's quota they are."""
        words = f"{self.requests:,} requests, {_duration(self.seconds)}"
        if self.daily:
            words += f", {self.requests / self.daily:.2%} of the day's {self.daily:,} requests"
        if self.left_today is not None:
            words += f" ({self.left_today:,} left)"
        return words


@dataclass(frozen=True)
class Previous:
    """What the last plan that was allowed to go looked like: the baseline of comparisons."""

    eligible: int
    suppressed: Mapping[str, int]
    list_rows: Mapping[str, int]


@dataclass(frozen=True)
class Reviewed:
    """What somebody last looked at that was then delivered: the baseline of many small changes.

    ``eligible`` counts candidates then, ``held`` our records by destination after that delivery.
    """

    plan: str
    role: str
    at: datetime
    eligible: int
    held: Mapping[str, int]


@dataclass(frozen=True)
class Evidence:
    """Everything that the gates of one plan may look at.

    ``versions`` are what approved fingerprints and definitions stood for, where that is known.
    """

    contract: Contract
    plan: Plan
    measures: Measures
    now: datetime
    faults: Mapping[str, tuple[str, ...]]
    efforts: Mapping[str, Effort] = field(default_factory=dict)
    reviews: tuple[Review, ...] = ()
    pauses: tuple[Pause, ...] = ()
    previous: Previous | None = None
    reviewed: Reviewed | None = None
    versions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class GateResult:
    """One gate's word: ``observed`` against ``limit``, and what it means.

    ``blocking`` is false where the contract only warns. ``signer`` is the role that may let one
    plan pass in spite of it, None where nobody may; ``overridden_by`` the role that did.
    """

    gate: str
    passed: bool
    blocking: bool
    observed: float | None
    limit: float | None
    message: str
    owner: str
    signer: str | None = None
    overridden_by: str | None = None

    @property
    def stops(self) -> bool:
        """Say whether this result keeps the plan from being sent."""
        return self.blocking and not self.passed and self.overridden_by is None
