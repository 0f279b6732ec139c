"""What became of a plan in one destination, added up over all attempts.

Every planned record is in exactly one of four counts: accepted, rejected, held back, unknown. A
ledger that does not add up to the plan's rows is itself a reason to stop.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from activation_pipeline.errors import RefusedError
from activation_pipeline.notation import masked_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.ledger.records import Totals
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime

_FIRST = 3
Outcome = Literal["delivered", "delivered_in_part", "rejected", "alert_only", "nothing_to_send"]


@dataclass(frozen=True)
class Report:
    """What became of one plan in one destination; the totals add up to ``rows``.

    ``faults`` counts what was not accepted by its code; ``first`` are the first such keys, masked.
    """

    contract: str
    destination: str
    plan: str
    rows: int
    totals: Totals
    outcome: Outcome
    faults: Mapping[str, int]
    first: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """Say it in one line, with counts by reason and never a value."""
        t = self.totals
        why = ", ".join(f"{code} ({count})" for code, count in sorted(self.faults.items()))
        return (
            f"{self.contract}: {self.destination}: plan {self.plan}: "
            f"{self.outcome.replace('_', ' ')}: {t.accepted} of {self.rows} accepted, "
            f"{t.rejected} rejected, {t.held} held back, {t.unknown} unknown"
            f"{': ' + why if why else ''}"
            f"{'; the first: ' + ', '.join(self.first) if self.first else ''}"
        )


def report(
    runtime: Runtime, plan: Plan, destination: str, *, outcome: Outcome | None = None
) -> Report:
    """Add up what became of a plan's part over all attempts.

    Raises:
        RefusedError: the ledger does not account for every planned row exactly once.
    """
    log = runtime.ledger.deliveries
    rows, totals = plan.part(destination).rows, log.totals(plan.id, destination)
    outcomes = log.outcomes(plan.id, destination)
    faults = Counter(o.code for o in outcomes if o.state != "accepted")
    lost = [masked_key(o.key) for o in outcomes if o.state in {"rejected", "unknown"}][:_FIRST]
    ended = outcome or _outcome(plan.contract, destination, rows, totals)
    return Report(
        plan.contract, destination, plan.id, rows, totals, ended, dict(faults), tuple(lost)
    )


def _outcome(contract: str, destination: str, rows: int, totals: Totals) -> Outcome:
    """Name how a finished delivery ended: one that lost a record is never simply delivered."""
    answered = totals.accepted + totals.rejected + totals.held + totals.unknown
    if answered != rows:
        raise RefusedError(
            f"{contract}: {destination}: the ledger accounts for {answered} of {rows} planned "
            "records; do not send again: pause it, run activation verify, tell the workflow owner",
            clause="ledger",
        )
    if not rows:
        return "nothing_to_send"
    if not totals.rejected and not totals.unknown:
        return "delivered"
    return "delivered_in_part" if totals.accepted else "rejected"
