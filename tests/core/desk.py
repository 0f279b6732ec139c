"""What tests do with a tiny company: build a contract, plan, sign, send."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from company import contract_dict, make_contract

from activation_pipeline.approve import sign_plan
from activation_pipeline.deliver import deliver
from activation_pipeline.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import GateResult
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.report import Report


def build(company: Company, **sections: Any) -> Contract:
    """The tiny company's contract with other sections, approved as it is."""
    return make_contract(contract_dict(**sections), definition=company.definition())


def stock(company: Company, keys: Iterable[str], *, band: str = "low") -> None:
    """Add candidates, an hour old, that resolve to one record each, in one go."""
    scored = (company.now - timedelta(hours=1)).replace(tzinfo=None)
    with company.changing() as connection:
        for key in keys:
            connection.execute("insert into mart values (?, ?, ?)", [key, band, scored])
            row = [key, f"R-{key}", key, "billing_id", False]
            connection.execute("insert into identity values (?, ?, ?, ?, ?)", row)


def plan(company: Company, contract: Contract) -> Evaluation:
    with company.runtime() as runtime:
        return prepare(contract, runtime, now=company.now)


def sign(
    company: Company,
    contract: Contract,
    evaluation: Evaluation,
    *,
    gate: str | None = None,
    role: str = "cs_director",
) -> Evaluation:
    assert evaluation.plan is not None
    with company.runtime() as runtime:
        return sign_plan(
            contract,
            runtime,
            plan=evaluation.plan.id,
            gate=gate,
            role=role,
            by="demo_cs_director",
            reason="looked at it",
            now=company.now,
        )


def send(company: Company, contract: Contract, destination: str = "crm") -> Report:
    with company.runtime() as runtime:
        return deliver(contract, destination, runtime, clock=lambda: company.now)


def go(company: Company, contract: Contract) -> Report:
    """Plan, sign what may be signed, and send."""
    evaluation = plan(company, contract)
    if evaluation.decision == "pause":
        sign(company, contract, evaluation)
    return send(company, contract)


def received(company: Company) -> list[str]:
    """Every key that the destination was sent, in order."""
    return [record.key for batch in company.destination.received for record in batch]


def result(evaluation: Evaluation, gate: str) -> GateResult:
    return next(each for each in evaluation.results if each.gate == gate)
