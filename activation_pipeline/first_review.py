"""The first review: a person has looked at what a launched workflow does, by the day it names.

It is a word in the ledger on the plan that was delivered last, in the workflow owner's name. A
sample that somebody reviewed on or after the day counts as well.

Source: "First review: a post-launch sample review is scheduled before go-live. Who signs off:
workflow owner."
"""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Review
from activation_pipeline.people import check_speaker

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime

GATE = "first_review"
_SAMPLE = "sample_review"


def record_first_review(
    contract: Contract, runtime: Runtime, *, role: str, by: str, reason: str, now: datetime
) -> Review:
    """Keep the workflow owner's word that what was delivered has been looked at.

    Args:
        contract: as it is now.
        runtime: where everything is; only its ledger is used.
        role: the contract's workflow owner.
        by: who speaks for the role; kept in the ledger.
        reason: what was looked at and found; kept in the ledger.
        now: UTC.

    Raises:
        RefusedError: another role, somebody who may not speak for it, no reason, or nothing was
            delivered yet.
    """
    may = contract.owners.workflow
    if role != may:
        raise RefusedError(
            f"{contract.name}: {role} does not sign the first review, {may} does "
            f"(owners.workflow); ask {may}",
            clause=GATE,
        )
    check_speaker(role, by, runtime.people, clause=GATE)
    if not reason.strip():
        raise RefusedError(
            f"{contract.name}: no first review without a word on what was looked at; say it",
            clause=GATE,
        )
    sent = [runtime.ledger.incidents.last_sent(contract.name, d) for d in contract.destinations]
    plans = [runtime.ledger.plan(each) for each in sent if each is not None]
    plan = next((each for each in plans if each is not None), None)
    if plan is None:
        raise RefusedError(
            f"{contract.name}: nothing was delivered yet, so there is nothing to review; deliver "
            "first",
            clause=GATE,
        )
    review = Review(GATE, plan.id, role, now, plan.fingerprint, plan.definition)
    runtime.ledger.record_review(contract.name, review, by=by, reason=reason)
    return review


def is_reviewed(contract: Contract, runtime: Runtime, *, since: datetime) -> bool:
    """Say whether the first review was held since the first delivery."""
    day = contract.monitoring.first_review
    begins = datetime.combine(day, time(), ZoneInfo(contract.freshness.timezone))
    earliest = {GATE: since, _SAMPLE: max(since, begins)}
    return any(
        review.gate in earliest and review.at >= earliest[review.gate]
        for review in runtime.ledger.reviews(contract.name)
    )
