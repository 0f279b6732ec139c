"""What a launch review has to settle: open questions, and the lines that roles sign by hand.

A question is asked only where the contract or the plan gives cause, and names who answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from activation_pipeline.approval import lapses, subject_of, terms_of
from activation_pipeline.contract import fingerprint
from activation_pipeline.review.document import Blank, Question
from activation_pipeline.review.sampling import HELD_BACK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.review.document import Waterfall


def questions(contract: Contract, waterfall: Waterfall | None) -> tuple[Question, ...]:
    """List what is open, in the order of the agenda."""
    found = [*_of_contract(contract)]
    return (*found, *(_of_plan(contract, waterfall) if waterfall else ()))


def _of_contract(contract: Contract) -> Iterator[Question]:
    owners = contract.owners
    if not contract.workflow.caught_by:
        yield Question(
            owners.workflow,
            "Which gate or list would catch what would embarrass us? Name it in "
            "workflow.caught_by, or add one.",
        )
    for name, where in contract.destinations.items():
        over = [f for f, mapped in where.fields.items() if mapped.on_edit == "overwrite"]
        if over and not where.edited_by.lower().startswith("nobody"):
            yield Question(
                owners.destination_field,
                f"{name}: does anybody edit {', '.join(over)}? What they write is overwritten.",
            )
    if not any(spec.name == "sample_review" for spec in contract.gates):
        yield Question(owners.workflow, "Who looks at a sample, and how often? No gate asks.")
    if contract.suppression.holdout is None:
        yield Question(owners.outcome, "Nobody is held out: how will the outcome be told?")


def _of_plan(contract: Contract, waterfall: Waterfall) -> Iterator[Question]:
    unsure = 0
    for fall in waterfall.falls:
        if fall.label == "review" and fall.count:
            wait = "waits" if fall.count == 1 else "wait"
            text = f"{fall.count:,} {wait} for a person ({fall.reason}): in or out?"
            yield Question(fall.owner, text)
        unsure += fall.count if fall.label in ("ambiguous", "colliding") else 0
    if unsure:
        text = f"Ambiguous or colliding: {unsure:,}. Which of their records is right?"
        yield Question(contract.owners.source_model, text)
    for flow in waterfall.flows:
        capped = flow.eligible.get(f"{HELD_BACK}caveat", 0)
        if capped:
            yield Question(
                contract.owners.workflow,
                f"{flow.destination}: {capped:,} eligible held back by the caveat: what has "
                "to be seen before they go?",
            )


def blanks(
    contract: Contract, evaluation: Evaluation | None, *, now: datetime
) -> tuple[Blank, ...]:
    """List who has to sign, for what, and which word is recorded already."""
    wanted: dict[str, list[str]] = {role: ["the contract"] for role in terms_of(contract).by}
    for spec in contract.gates:
        for role in spec.signers if spec.name == "sample_review" else ():
            wanted.setdefault(role, []).append("the sample")
    for result in evaluation.results if evaluation else ():
        is_open = not result.passed and result.blocking and result.gate != "sample_review"
        if is_open and result.signer is not None:
            wanted.setdefault(result.signer, []).append(f"{result.gate} (this plan)")
    return tuple(
        Blank(role, ", ".join(what), "; ".join(_recorded(contract, evaluation, role, now)))
        for role, what in wanted.items()
    )


def _recorded(
    contract: Contract, evaluation: Evaluation | None, role: str, now: datetime
) -> Iterator[str]:
    given = [approval.on for approval in contract.launch.approvals if approval.role == role]
    plan = evaluation.plan if evaluation else None
    if given and plan is not None:
        # Of the contract as it is now: it is what the role is asked to sign.
        subject = replace(subject_of(plan), fingerprint=fingerprint(contract))
        lapsed = lapses(contract, subject, terms_of(contract), {}, now=now)
        word = "no longer holds" if any(each.role == role for each in lapsed) else "holds"
        yield f"approval of {max(given)} {word}"
    for result in evaluation.results if evaluation else ():
        if result.gate == "sample_review" and result.passed and result.signer == role:
            yield "sample reviewed"
        if result.overridden_by == role:
            yield f"{result.gate} signed"
