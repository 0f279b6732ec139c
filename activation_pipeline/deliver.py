"""Send a stored, allowed plan to one destination: the way by which every sync goes.

What was gated is what is sent: the plan's snapshot, batch by batch, less whoever may not be
reached any more. Whether it may be sent is asked of the ledger, the contract and the
warehouse as they are now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.errors import RefusedError
from activation_pipeline.expiry.since import expired_since
from activation_pipeline.lapsed import check_approval, check_unchanged
from activation_pipeline.permission import asked_before_each_request
from activation_pipeline.recheck import check_decision, check_pauses, permitted_plan, recheck
from activation_pipeline.report import report
from activation_pipeline.second_look import FRESH_FOR, edited_since
from activation_pipeline.sending import Sending, send_part, waiting_rows
from activation_pipeline.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Pause
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.plan import Plan
    from activation_pipeline.report import Report
    from activation_pipeline.runtime import Runtime


def deliver(
    contract: Contract, destination: str, runtime: Runtime, *, clock: Callable[[], datetime]
) -> Report:
    """Send the newest plan's changes to one destination, as far as it still may be sent.

    Args:
        contract: as it is now; it must be the one that the plan was made from.
        destination: one of the contract's.
        runtime: where everything is.
        clock: tells the time, UTC; asked again before every batch and every request.

    Returns:
        What became of every planned record, over all attempts at this plan.

    Raises:
        RefusedError: a safety rule said no; nothing (more) was sent. Never retry.
        RetryableError: destination or warehouse unavailable; a later call goes on.
        PermanentError: credentials, permission or mapping.
    """

    def check() -> None:
        check_pauses(contract, destination, _in_force(contract, destination, runtime, clock()))

    check()
    evaluation = runtime.ledger.newest(contract.name)
    plan = permitted_plan(contract, evaluation, now=clock())
    check_unchanged(contract, plan, runtime)
    if contract.launch.caveats and contract.launch.caveats.alert_only:
        return report(runtime, plan, destination, outcome="alert_only")
    if evaluation is None or not waiting_rows(runtime, plan, destination):
        settle(runtime, contract.name, destination, now=clock())
        return report(runtime, plan, destination)
    if runtime.ledger.incidents.is_undone(plan.id):
        raise RefusedError(
            f"{contract.name}: not delivered: plan {plan.id} was undone before all of it was sent; "
            f"run activation plan {contract.name}; owner: {contract.owners.workflow}",
            clause="plan",
        )
    with asked_before_each_request(check):
        return _sent(contract, evaluation, plan, destination, runtime, clock=clock)


def _in_force(
    contract: Contract, destination: str, runtime: Runtime, now: datetime
) -> tuple[Pause, ...]:
    owned = contract.owned(destination)
    return runtime.ledger.pauses(contract.name, now=now, owned=owned)


def _sent(
    contract: Contract,
    evaluation: Evaluation,
    plan: Plan,
    destination: str,
    runtime: Runtime,
    *,
    clock: Callable[[], datetime],
) -> Report:
    """Send what waits of a permitted plan, less whoever may not be reached any more."""
    now = clock()
    check_decision(contract, evaluation, runtime)
    check_approval(contract, plan, destination, runtime, now=now)
    lists = evaluation.measures["lists"]
    held = recheck(contract, plan, destination, runtime, lists=lists, now=now)
    if now - evaluation.at > FRESH_FOR:
        waiting = waiting_rows(runtime, plan, destination)
        held = edited_since(contract, plan, destination, runtime, waiting=waiting) | held
    held |= expired_since(plan, destination, runtime)
    return send_part(
        Sending(
            contract=contract,
            plan=plan,
            destination=destination,
            runtime=runtime,
            clock=clock,
            held=held,
            check=lambda pauses: check_pauses(contract, destination, pauses),
        )
    )
