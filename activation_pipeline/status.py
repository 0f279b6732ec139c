"""How a contract stands now: its decision, plan, freshness, pauses, deliveries, what is next.

Reads the ledger only, so it answers while the warehouse is locked or a destination is down.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from activation_pipeline.ledger.records import Totals
from activation_pipeline.runtime import is_gone
from activation_pipeline.steps import Step, next_steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import GateResult, Pause
    from activation_pipeline.incident import Incident
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.ledger.history import PastAttempt, ReadBack
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime


@dataclass(frozen=True)
class Sent:
    """What became of the newest plan in one destination, and the last attempt at any plan.

    ``planned`` is None without a plan; ``holds`` counts records there that are ours (None: never
    delivered). ``outcome`` is that of the last attempt; also ``sending`` and ``interrupted``.
    """

    destination: str
    planned: int | None
    totals: Totals
    last: PastAttempt | None
    outcome: str
    holds: int | None
    read_back: ReadBack | None

    @property
    def waiting(self) -> int:
        """Count the planned rows that have no answer yet."""
        done = self.totals
        answered = done.accepted + done.rejected + done.held + done.unknown
        return (self.planned or 0) - answered


@dataclass(frozen=True)
class Status:
    """One valid contract's standing.

    ``evaluation`` is None before the first plan, ``incident`` is the newest undo or freeze.
    """

    contract: str
    evaluation: Evaluation | None
    newest_event: datetime | None
    pauses: tuple[Pause, ...]
    sent: tuple[Sent, ...]
    steps: tuple[Step, ...]
    incident: Incident | None = None

    @property
    def decision(self) -> str:
        """Give the newest decision: a pause in force counts, and no plan is no decision."""
        if self.evaluation is None:
            return "no plan"
        stopped = any(pause.destination is None for pause in self.pauses)
        return "pause" if stopped else self.evaluation.decision

    @property
    def stopping(self) -> tuple[GateResult, ...]:
        """List the gates that stop the newest plan."""
        results = self.evaluation.results if self.evaluation else ()
        return tuple(result for result in results if result.stops)


def status(contract: Contract, runtime: Runtime, *, now: datetime) -> Status:
    """Describe how a contract stands at a moment (UTC)."""
    evaluation = runtime.ledger.newest(contract.name)
    plan = evaluation.plan if evaluation else None
    sent = tuple(
        _sent(contract.name, name, plan, runtime, now=now) for name in contract.destinations
    )
    pauses = runtime.ledger.pauses(contract.name, now=now)
    steps = next_steps(contract, evaluation, pauses)
    is_undone = plan is not None and runtime.ledger.incidents.is_undone(plan.id)
    if plan and (is_undone or not any(each.waiting for each in sent)):
        steps = tuple(step for step in steps if not _sends(step))
    if is_undone:
        again = f"activation plan {contract.name}"
        steps = (*steps, Step(contract.owners.workflow, "plan again: this plan was undone", again))
    return Status(
        contract=contract.name,
        evaluation=evaluation,
        newest_event=_newest(evaluation.measures) if evaluation else None,
        pauses=pauses,
        sent=sent,
        steps=steps,
        incident=runtime.ledger.incidents.last(contract.name),
    )


def _sends(step: Step) -> bool:
    return (step.command or "").startswith("activation sync ")


def _newest(measures: Mapping[str, object]) -> datetime | None:
    newest = measures.get("newest")
    return datetime.fromisoformat(str(newest)) if newest else None


def _sent(
    contract: str, destination: str, plan: Plan | None, runtime: Runtime, *, now: datetime
) -> Sent:
    log, history = runtime.ledger.deliveries, runtime.ledger.history
    last = history.last_attempt(contract, destination)
    return Sent(
        destination=destination,
        planned=_planned(plan, destination),
        totals=log.totals(plan.id, destination) if plan else Totals(),
        last=last,
        outcome=outcome_of(last, now=now),
        holds=log.position(contract, destination)[1],
        read_back=history.last_read_back(contract, destination),
    )


def outcome_of(last: PastAttempt | None, *, now: datetime) -> str:
    """Say how an attempt ended; one at work is told from one whose process has died."""
    if last is None:
        return "never"
    if last.outcome is not None:
        return last.outcome
    if last.lease is None or is_gone(*last.lease, now=now):
        return "interrupted"
    return "sending"


def _planned(plan: Plan | None, destination: str) -> int | None:
    """Count one destination's rows; a destination added since the plan has none."""
    parts = plan.parts if plan else ()
    return next((part.rows for part in parts if part.destination == destination), None)
