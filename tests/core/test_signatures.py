"""A role's signature lets one plan pass one gate, and dies with that plan."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from desk import build, go, plan, received, result, send, sign, stock

from activation_pipeline.approve import definition_now, sign_plan
from activation_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from company import Company

SAMPLE = [{"sample_review": {"records": 20, "by": "cs_ops"}}]


def test_one_signature_opens_one_gate_and_the_other_still_stops(company: Company) -> None:
    company.add("A")
    contract = build(company, gates=SAMPLE)
    first = plan(company, contract)
    assert {r.gate for r in first.results if r.stops} == {"change_volume", "sample_review"}
    half = sign(company, contract, first, gate="change_volume")
    assert (half.decision, result(half, "change_volume").overridden_by) == ("pause", "cs_director")
    with pytest.raises(RefusedError, match="paused by sample_review"):
        send(company, contract)
    assert sign(company, contract, half, gate="sample_review", role="cs_ops").decision == "launch"
    assert send(company, contract).outcome == "delivered"


WRONG = [
    ("sample_review", "cs_director", r"cs_director may not sign this \(.*cs_ops signs\)"),
    ("change_volume", "cs_ops", r"cs_ops may not sign this \(.*cs_director signs\)"),
    (None, "salesforce_admin", "salesforce_admin may not sign this"),
    ("not_paused", "cs_director", "not_paused does not stop this plan; nothing to sign"),
    ("match_rate", "cs_director", "match_rate does not stop this plan"),
    ("change_volume", "intern", "intern is not a role of this contract; its roles are"),
]


def test_the_wrong_role_or_gate_signs_nothing(company: Company) -> None:
    company.add("A")
    contract = build(company, gates=SAMPLE)
    first = plan(company, contract)
    for gate, role, message in WRONG:
        with pytest.raises(RefusedError, match=message):
            sign(company, contract, first, gate=gate, role=role)
    with company.runtime() as runtime:
        newest = runtime.ledger.newest(contract.name)
        assert runtime.ledger.reviews(contract.name) == ()
    assert newest is not None
    assert newest.decision == "pause"


def test_what_nobody_may_sign_stays_shut_and_says_who_has_to_act(company: Company) -> None:
    company.add("A", age_h=30)
    contract = build(company)
    first = plan(company, contract)
    with pytest.raises(RefusedError, match="freshness: nobody; analytics_engineering has to act"):
        sign(company, contract, first, gate="freshness")
    assert sign(company, contract, first).decision == "pause"


def test_a_plan_that_nothing_stops_has_nothing_to_sign(company: Company) -> None:
    company.add("A")
    contract = build(company)
    go(company, contract)
    with pytest.raises(RefusedError, match="nothing stops this plan"):
        sign(company, contract, plan(company, contract))


def test_an_older_or_unknown_plan_cannot_be_signed(company: Company) -> None:
    company.add("A")
    contract = build(company)
    first = plan(company, contract)
    company.add("B")
    second = plan(company, contract)
    assert second.plan is not None
    with pytest.raises(RefusedError, match=f"is not the newest one \\({second.plan.id}\\)"):
        sign(company, contract, first)


def test_a_contract_without_a_plan_cannot_be_signed(company: Company) -> None:
    contract = build(company)
    with company.runtime() as runtime, pytest.raises(RefusedError, match=r"newest one \(none\)"):
        sign_plan(
            contract, runtime, plan="x", gate=None, role="cs_director", by="x", reason="x",
            now=company.now,
        )  # fmt: skip


def test_a_signature_outlives_neither_its_plan_nor_a_change_in_it(company: Company) -> None:
    """Else yesterday's yes to 10 changes would be a yes to today's 10,000."""
    company.add("A")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    company.add("B")
    changed = plan(company, contract)
    assert (changed.decision, result(changed, "change_volume").overridden_by) == ("pause", None)
    with pytest.raises(RefusedError, match="paused by change_volume"):
        send(company, contract)
    assert received(company) == []


def test_an_equal_plan_is_judged_anew_and_keeps_its_signature(company: Company) -> None:
    company.add("A")
    contract = build(company)
    signed = sign(company, contract, plan(company, contract))
    company.now += timedelta(minutes=5)
    again = plan(company, contract)
    assert (again.plan, again.decision) == (signed.plan, "launch")
    assert result(again, "change_volume").overridden_by == "cs_director"


def test_a_blocked_plan_never_becomes_the_baseline(company: Company) -> None:
    """A guard that compares with a plan that it stopped itself would let the next one pass."""
    gates = [{"send_count_delta": {"at_most": 0.5}}, {"change_volume": {"add": 1.0}}]
    for key in "AB":
        company.add(key)
    contract = build(company, gates=gates)
    go(company, contract)
    for number in range(3):
        company.add(f"new {number}")
    for _ in range(2):
        blocked = plan(company, contract)
        assert "2 -> 5 eligible" in result(blocked, "send_count_delta").message
        assert blocked.decision == "pause"
    with company.runtime() as runtime:
        previous = runtime.ledger.previous(contract.name)
    assert previous is not None
    assert previous.eligible == 2


def test_an_allowed_plan_of_which_nothing_arrived_never_becomes_the_baseline(
    company: Company,
) -> None:
    gates = [{"send_count_delta": {"at_most": 0.5}}, {"change_volume": {"add": 1.0}}]
    stock(company, "AB")
    contract = build(company, gates=gates)
    go(company, contract)
    stock(company, "CDE")
    sign(company, contract, plan(company, contract))
    company.destination.reject = set("CDE")
    assert send(company, contract).outcome == "rejected"
    again = plan(company, contract)
    assert "2 -> 5 eligible" in result(again, "send_count_delta").message


def test_a_guard_lets_a_large_change_pass_once_it_is_signed_and_does_not_latch(
    company: Company,
) -> None:
    gates = [{"send_count_delta": {"at_most": 0.5}}, {"change_volume": {"add": 1.0}}]
    company.add("A")
    contract = build(company, gates=gates)
    go(company, contract)
    for key in "BCD":
        company.add(key)
    assert go(company, contract).totals.accepted == 3
    quiet = plan(company, contract)
    assert (quiet.decision, result(quiet, "send_count_delta").observed) == ("launch", 0)


def test_a_sample_review_holds_for_the_definition_and_for_its_time(company: Company) -> None:
    company.add("A")
    contract = build(company, gates=SAMPLE)
    first = plan(company, contract)
    sign(company, contract, first, gate="sample_review", role="cs_ops")
    company.add("B")
    assert result(plan(company, contract), "sample_review").passed
    company.now += timedelta(days=91)
    assert not result(plan(company, contract), "sample_review").passed
    company.now -= timedelta(days=91)
    company.manifest["nodes"]["model.t.suppress_a"]["raw_code"] = "select 2"
    assert not result(plan(company, contract), "sample_review").passed


def test_the_definition_covers_every_model_that_the_contract_reads(company: Company) -> None:
    contract = build(company)
    with company.runtime() as runtime:
        before = definition_now(contract, runtime)
        for model in ("mart", "identity", "suppress_a", "suppress_b"):
            company.manifest["nodes"][f"model.t.{model}"]["raw_code"] += " "
            assert definition_now(contract, runtime) == before
            company.manifest["nodes"][f"model.t.{model}"]["raw_code"] += ", 1"
            after = definition_now(contract, runtime)
            assert after != before
            before = after
        company.manifest["nodes"]["model.t.holdout_h"]["raw_code"] = "select 3"
        assert definition_now(contract, runtime) == before
