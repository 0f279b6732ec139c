"""How far a workflow moved from what somebody last looked at, over however many plans.

Ten plans that each remove 9 % stay within a limit of 10 %, and together take 61 % away. So what
there will be after a plan is also compared with the newest state that a person reviewed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.verdict import percent

if TYPE_CHECKING:
    from activation_pipeline.evidence import Evidence


@dataclass(frozen=True)
class Distance:
    """How far it is: each share with its limit, whether all are within, and it in words."""

    shares: tuple[tuple[float, float], ...]
    passed: bool
    told: str


def since_reviewed(evidence: Evidence, *, up: float, down: float) -> Distance:
    """Compare eligible candidates, and records there after the plan, with the reviewed state.

    Args:
        evidence: of the plan.
        up: how much more there may be, as a share of what was reviewed.
        down: how much less.
    """
    then = evidence.reviewed
    if then is None:
        told = "nobody has signed or sampled a plan that then went out"
        return Distance((), passed=False, told=told)
    moves = [("eligible", then.eligible, evidence.measures.dispositions().get("eligible", 0))]
    for part in evidence.plan.parts:
        if part.destination in then.held:
            change = part.operations.get("add", 0) - part.operations.get("remove", 0)
            becomes = (part.baseline or 0) + change
            moves.append((f"records in {part.destination}", then.held[part.destination], becomes))
    shares, words = [], []
    for what, before, now in moves:
        limit = down if now < before else up
        share = abs(now - before) / before if before else float(now > 0)
        sign = "-" if now < before else "+"
        over = f", at most {percent(limit)}" if share > limit else ""
        words.append(f"{before:,} -> {now:,} {what}, {sign}{percent(share, limit)}{over}")
        shares.append((share, limit))
    told = f"since {then.role} reviewed plan {then.plan} on {then.at:%Y-%m-%d}: {'; '.join(words)}"
    return Distance(tuple(shares), all(share <= limit for share, limit in shares), told)
