"""Who may speak: for a role, about what they made themselves, and with which reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from company import contract_dict, make_contract
from desk import build, plan, result, stock

from activation_pipeline.approval import lapses, subject_of, terms_of
from activation_pipeline.approve import approval_line, sign_plan, subject_now
from activation_pipeline.contract import Contract, fingerprint
from activation_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from company import Company

LAUNCH = {"decision": "launch", "made_by": "Demo  Analyst "}


def word(company: Company, contract: Contract, **changes: Any) -> None:
    """Sign the newest plan past its volume."""
    found = plan(company, contract)
    assert found.plan is not None
    given = {"role": "cs_director", "by": "demo_cs_director", "reason": "looked at it", **changes}
    people = given.pop("people", {})
    with company.runtime() as runtime:
        runtime.people = people
        sign_plan(contract, runtime, plan=found.plan.id, gate=None, now=company.now, **given)


@pytest.mark.parametrize("by", ["Demo Analyst", "demo analyst", "  DEMO\tANALYST\n"])
def test_who_made_a_contract_neither_approves_it_nor_signs_its_plans(
    company: Company, by: str
) -> None:
    stock(company, "AB")
    contract = build(company, launch=LAUNCH)
    with company.runtime() as runtime:
        about = subject_now(contract, runtime, now=company.now)
        line: dict[str, Any] = {"role": "cs_director", "by": by, "on": company.now.date()}
        with pytest.raises(
            RefusedError, match=r"whoever made it may not approve it \(launch\.made_by\)"
        ):
            approval_line(contract, about, **line)
        assert "demo_deputy" in approval_line(contract, about, **line | {"by": "demo_deputy"})
        with pytest.raises(RefusedError, match="a second person"):
            word(company, contract, by=by)
        assert runtime.ledger.reviews(contract.name) == ()
        word(company, contract)
        assert len(runtime.ledger.reviews(contract.name)) == 1


def test_a_line_that_its_maker_wrote_into_the_file_counts_for_nothing(company: Company) -> None:
    stock(company, "AB")
    contract = build(company, launch=LAUNCH | {"made_by": "A TEST"})
    assert [each.by for each in contract.launch.approvals] == ["a test"]
    found = result(plan(company, contract), "approved")
    assert not found.passed
    assert "spoken by who made the contract; a second person has to" in found.message


def test_a_contract_that_asks_for_nobody_takes_its_makers_word_and_keeps_its_fingerprint() -> None:
    plain = Contract.model_validate(contract_dict())
    assert not plain.launch.is_made_by("")
    assert fingerprint(plain) != fingerprint(make_contract(contract_dict(launch=LAUNCH)))
    assert "made_by" not in plain.launch.model_dump()


def test_only_the_people_of_a_role_sign_where_the_installation_names_them(
    company: Company,
) -> None:
    stock(company, "AB")
    contract = build(company)
    people = {"cs_director": frozenset({"demo_cs_director", "demo_deputy"})}
    with pytest.raises(RefusedError, match="cs_director: whoever spoke is not one of the 2 people"):
        word(company, contract, by="demo_intern", people=people)
    word(company, contract, by="Demo_Deputy", people=people)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_signature_without_a_reason_is_none(company: Company, reason: str) -> None:
    stock(company, "AB")
    contract = build(company)
    with pytest.raises(RefusedError, match="a signature needs a reason"):
        word(company, contract, reason=reason)


def test_every_role_that_has_to_approves_and_each_for_itself(company: Company) -> None:
    """Else one role's word on the old logic and the other's on the new would make one approval."""
    gates = [{"approved": {"by": ["cs_director", "cs_ops"], "valid_for": "30d"}}]
    contract = build(company, gates=gates)
    stock(company, "AB")
    found = plan(company, contract)
    assert found.plan is not None
    assert "not approved by cs_ops (launch.approvals has no word of this role" in (
        result(found, "approved").message
    )
    assert "cs_ops has to sign" in result(found, "definition_unchanged").message
    first = contract.launch.approvals[0]
    other = first.model_copy(update={"role": "cs_ops", "definition": "0" * 16})
    launch = contract.launch.model_copy(update={"approvals": (first, other)})
    both = contract.model_copy(update={"launch": launch})
    terms, about = terms_of(both), subject_of(found.plan)
    assert [(each.role, each.kind) for each in lapses(both, about, terms, {}, now=company.now)] == [
        ("cs_ops", "logic")
    ]


def test_of_several_approvals_of_a_role_one_that_holds_is_enough(company: Company) -> None:
    contract = build(company)
    stock(company, "AB")
    good = contract.launch.approvals[0]
    older = good.model_copy(update={"fingerprint": "0" * 16, "destinations": {}})
    for lines in ((older, good), (good, older)):
        launch = contract.launch.model_copy(update={"approvals": lines})
        found = plan(company, contract.model_copy(update={"launch": launch}))
        assert result(found, "approved").passed
        assert result(found, "definition_unchanged").passed
