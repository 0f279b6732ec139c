"""Words for a ledger without a warehouse: evaluations and deliveries as a test tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from company import NOW

from activation_pipeline.contract import fingerprint
from activation_pipeline.evidence import GateResult
from activation_pipeline.ledger import Evaluation
from activation_pipeline.plan import Plan, PlanPart

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger import Ledger

DEFINITION = "d" * 16


def stop(
    gate: str = "freshness", message: str = "newest event is 72 h old, at most 30 h"
) -> GateResult:
    """A gate that stops a plan."""
    return GateResult(
        gate=gate,
        passed=False,
        blocking=True,
        observed=72.0,
        limit=30.0,
        message=message,
        owner="analytics_engineering",
    )


def judged(
    ledger: Ledger,
    contract: Contract,
    *stops: GateResult,
    at: datetime = NOW,
    rows: int = 0,
    content: str = "c",
) -> Plan:
    """Record a plan of so many rows for every destination; it is allowed unless something stops."""
    parts = tuple(
        PlanPart(name, content, rows, {"add": rows}, 0, 10, {}, "memory")
        for name in contract.destinations
    )
    plan = Plan(contract.name, fingerprint(contract), DEFINITION, parts)
    preparation = ledger.start_preparation(contract.name, now=at)
    ledger.record_evaluation(
        Evaluation(
            preparation=preparation,
            contract=contract.name,
            plan=plan,
            results=stops,
            measures={"dispositions": {"eligible": rows}, "suppressed": {}, "lists": {}},
            decision="pause" if stops else contract.launch.decision,
            message="",
            at=at,
        )
    )
    return plan


def sent(
    ledger: Ledger, plan: Plan, *, outcome: str, at: datetime = NOW, message: str = ""
) -> None:
    """Record one attempt at the whole plan that ended so; all rows count as accepted if sent."""
    for part in plan.parts:
        attempt = ledger.deliveries.begin(
            plan.id,
            contract=plan.contract,
            destination=part.destination,
            batch_size=10,
            holder="somewhere:1:1",
            now=at,
            is_gone=lambda _holder, _at: True,
        )
        ledger.deliveries.end(attempt, outcome=outcome, message=message, now=at)


def failed_plan(ledger: Ledger, contract: Contract, message: str, *, at: datetime = NOW) -> None:
    """Record a preparation of which no plan came."""
    preparation = ledger.start_preparation(contract.name, now=at)
    failed = Evaluation(preparation, contract.name, None, (), {}, "pause", message, at)
    ledger.record_evaluation(failed)
