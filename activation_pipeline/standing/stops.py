"""What keeps the newest plan of a contract from being sent, as far as the ledger tells.

A gate, the contract's own decision, a plan that could not be made, a delivery that broke off, or a
plan that grew too old. Pauses have a word of their own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from activation_pipeline.notation import without_addresses, written_duration
from activation_pipeline.standing.state import Standing
from activation_pipeline.steps import Step, missing_approvals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.status import Sent, Status

# A plan that is being made changes nothing yet; one that takes longer than this has died.
_MAKING = timedelta(hours=1)


def is_making(contract: Contract, found: Status, runtime: Runtime, *, now: datetime) -> bool:
    """Say whether a plan is being made now; one that was begun too long ago has died."""
    begun = runtime.ledger.history.last_preparation(contract.name)
    return begun is not None and found.evaluation is None and now - begun <= _MAKING


def blocked(
    contract: Contract,
    found: Status,
    evaluation: Evaluation | None,
    runtime: Runtime,
    *,
    now: datetime,
) -> Iterator[Standing]:
    """Find what keeps the newest plan from being sent; a pause in force has its own word."""
    step = found.steps[0] if found.steps else None
    begun = runtime.ledger.history.last_preparation(contract.name)
    base = Standing(
        contract.name, "blocked", "plan", "no plan yet", None, owner=contract.owners.workflow
    )
    if begun is not None and found.evaluation is None and now - begun > _MAKING:
        died = f"the plan begun at {begun:%Y-%m-%d %H:%M} UTC was never finished"
        yield replace(base, message=died, since=begun, next_step=step)
    elif evaluation is None:
        if begun is None:
            yield replace(base, next_step=step)
    elif evaluation.plan is None:
        why = f"no plan could be made: {without_addresses(evaluation.message)}"
        since = runtime.ledger.history.stopped_since(contract.name, None)
        yield replace(
            base, message=why, since=since, owner=contract.owners.source_model, next_step=step
        )
    elif evaluation.decision == "pause":
        yield from _stopped(contract, found, evaluation, runtime)
    elif contract.launch.caveats is None or not contract.launch.caveats.alert_only:
        waiting = [each for each in found.sent if each.waiting > 0]
        base = replace(base, since=evaluation.at, next_step=step)
        refused = _refused(contract, evaluation.plan, evaluation, runtime, now=now)
        if waiting and refused is not None:
            yield replace(base, clause=refused[0], message=refused[1])
        elif waiting:
            yield from _unsent(contract, waiting, evaluation, now=now)


def _refused(
    contract: Contract, plan: Plan, evaluation: Evaluation, runtime: Runtime, *, now: datetime
) -> tuple[str, str] | None:
    """Say why a plan that was allowed would be refused all the same: clause and message."""
    if not runtime.ledger.chain.holds_decision(evaluation.preparation):
        return "ledger", "the newest plan's gate results or decision were changed past the package"
    if runtime.ledger.incidents.is_undone(plan.id):
        return "plan", "the newest plan was undone before all of it was sent"
    roles = missing_approvals(contract, plan, now=now)
    if roles:
        return "approved", f"the newest plan is not approved any more by {', '.join(roles)}"
    return None


def _stopped(
    contract: Contract, found: Status, evaluation: Evaluation, runtime: Runtime
) -> Iterator[Standing]:
    """Name the first gate that stops the plan, or the contract's own decision."""
    step = found.steps[0] if found.steps else None
    stops = [result for result in evaluation.results if result.stops]
    is_paused = any(pause.destination is None for pause in found.pauses)
    stops = [result for result in stops if result.gate != "not_paused" or not is_paused]
    base = Standing(
        contract.name,
        "blocked",
        "launch",
        "the contract's decision is pause",
        runtime.ledger.history.stopped_since(contract.name, stops[0].gate if stops else None),
        owner=contract.owners.workflow,
        next_step=step,
    )
    if not stops:
        if contract.launch.decision == "pause":
            yield base
        return
    first, others = stops[0], len(stops) - 1
    if [each.gate for each in stops] == ["not_paused"]:
        over = "the pause is over, and the newest plan was judged under it"
        again = Step(contract.owners.workflow, "plan again", f"activation plan {contract.name}")
        yield replace(base, clause="not_paused", message=over, next_step=again)
        return
    yield replace(
        base,
        clause=first.gate,
        message=without_addresses(first.message) + (f" (and {others} more)" if others else ""),
        owner=first.owner,
        observed=first.observed,
        limit=first.limit,
    )


def _unsent(
    contract: Contract, waiting: Sequence[Sent], evaluation: Evaluation, *, now: datetime
) -> Iterator[Standing]:
    """Name what keeps an allowed plan from arriving: a delivery that broke off, or its age."""
    again = Step(contract.owners.workflow, "plan again", f"activation plan {contract.name}")
    window = contract.workflow.decision_window
    if now - evaluation.at > window:
        rows = sum(each.waiting for each in waiting)
        yield Standing(
            contract.name,
            "blocked",
            "freshness",
            f"{rows:,} planned records were not sent within {written_duration(window)}",
            evaluation.at + window,
            owner=contract.owners.workflow,
            next_step=again,
        )
        return
    for sent in waiting:
        last = sent.last
        if last is not None and sent.outcome in {"failed", "interrupted"}:
            why = f"{sent.outcome}, {sent.waiting:,} records wait: {last.message or 'cut off'}"
            command = f"activation sync {contract.name} --destination {sent.destination}"
            owner = contract.owners.destination_field
            yield Standing(
                contract.name,
                "blocked",
                sent.outcome,
                without_addresses(why),
                last.ended or last.at,
                destination=sent.destination,
                owner=owner,
                next_step=Step(owner, "send the rest when the destination answers", command),
            )
