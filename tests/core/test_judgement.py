"""How gate results become one decision: what stops, what only warns, what a role may sign."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest
from sound_evidence import evidence, measures, part, plan_of, review, sound_contract

from activation_pipeline.contract import GateSpec
from activation_pipeline.gates import GATES
from activation_pipeline.judgement import (
    decision,
    evaluate,
    parameter_schemas,
    signer,
    specs,
    with_signatures,
)
from activation_pipeline.plan import Decision, decide

if TYPE_CHECKING:
    from activation_pipeline.evidence import GateResult

SOUND = evidence()
TOO_MANY = evidence(plan=plan_of(SOUND.contract, part(operations={"add": 99})))
DECISIONS: tuple[Decision, ...] = ("launch", "launch_with_caveats", "pause")


def result(gate: str, results: tuple[GateResult, ...]) -> GateResult:
    return next(each for each in results if each.gate == gate)


def test_every_contract_has_the_gates_that_are_not_optional() -> None:
    always = {name for name, gate in GATES.items() if gate.always}
    assert {spec.name for spec in specs(SOUND.contract)} == always
    assert len(always) == 9


def test_naming_a_gate_sets_its_limits_and_does_not_add_it_twice() -> None:
    contract = sound_contract(gates=[{"change_volume": {"add": 1.0}}])
    assert [s.params for s in specs(contract) if s.name == "change_volume"] == [{"add": 1.0}]
    strict = evidence(contract=contract, plan=plan_of(contract, part(operations={"add": 99})))
    assert result("change_volume", evaluate(strict)).passed


@pytest.mark.parametrize(
    ("broken", "gate"),
    [
        (replace(SOUND, faults=None), "destination_ready"),
        (replace(SOUND, measures=replace(measures(), lists=None)), "suppression_ready"),
        (replace(SOUND, measures=None), "freshness"),
        (replace(SOUND, plan=replace(SOUND.plan, parts=None)), "change_volume"),
    ],
)
def test_a_gate_that_raises_blocks_and_all_others_still_say_their_word(
    broken: object, gate: str
) -> None:
    results = evaluate(broken)  # type: ignore[arg-type] # evidence as it must never be
    found = result(gate, results)
    assert (found.passed, found.stops) == (False, True)
    assert "the gate itself failed: " in found.message
    assert len(results) == len(specs(SOUND.contract))
    assert decision(SOUND.contract, results) == "pause"


def test_a_limit_that_is_none_makes_the_gate_block() -> None:
    spec = GateSpec(name="match_rate", params={"at_least": 98})
    contract = SOUND.contract.model_copy(update={"gates": (spec,)})
    found = result("match_rate", evaluate(replace(SOUND, contract=contract)))
    assert (found.stops, found.message) == (True, "the gate itself failed: ValidationError")


@pytest.mark.parametrize("name", GATES)
def test_only_a_gate_that_somebody_may_sign_can_be_softened_to_a_warning(name: str) -> None:
    """Else one word in a file would switch off the suppression check."""
    needed = {
        "match_rate": {"at_least": 1.0},
        "null_rate": {"field": "Band__c", "at_most": 0.0},
        "sample_review": {"records": 1, "by": "cs_ops"},
        "send_count_delta": {"at_most": 0.0},
        "suppression_count": {"at_most": 0.0},
    }.get(name, {})
    contract = sound_contract(gates=[{name: {**needed, "warn": True}}])
    found = result(name, evaluate(evidence(contract=contract)))
    assert found.blocking is not GATES[name].may_be_signed
    failed = replace(found, passed=False)
    assert decision(contract, [failed]) == ("launch" if GATES[name].may_be_signed else "pause")


def test_the_strictest_vote_wins_and_no_vote_at_all_pauses() -> None:
    for votes in product(DECISIONS, repeat=2):
        assert decide(votes) == DECISIONS[max(DECISIONS.index(vote) for vote in votes)]
    assert decide(()) == "pause"


def test_a_signature_is_for_one_role_one_gate_and_one_plan() -> None:
    results = evaluate(TOO_MANY)
    plan = TOO_MANY.plan.id
    word = review(gate="change_volume", role="cs_director", plan=plan)
    signed = result("change_volume", with_signatures(results, [word], plan))
    assert (signed.overridden_by, signed.stops, signed.passed) == ("cs_director", False, False)
    for other in (
        replace(word, role="cs_ops"),
        replace(word, plan="another"),
        replace(word, gate="freshness"),
    ):
        assert with_signatures(results, [other], plan) == results


def test_nobody_can_sign_a_gate_that_may_not_be_signed_or_one_that_passes() -> None:
    stale = evaluate(evidence(measures=measures(newest=None)))
    words = [review(gate=name, role="cs_director", plan="p") for name in GATES]
    after = with_signatures(stale, words, "p")
    assert result("freshness", after).stops
    assert all(each.overridden_by is None for each in after)


def test_the_signer_is_the_role_in_by_or_the_owner_of_the_workflow() -> None:
    contract = SOUND.contract
    sample = GateSpec(name="sample_review", params={"records": 1, "by": "cs_ops"})
    assert signer(contract, sample) == "cs_ops"
    assert signer(contract, GateSpec(name="change_volume")) == "cs_director"
    assert signer(contract, GateSpec(name="freshness")) is None


def test_every_limit_has_a_schema_for_editors() -> None:
    schema, needed = parameter_schemas("match_rate")["at_least"]
    assert (schema["minimum"], schema["maximum"], needed) == (0, 1, True)
    assert not parameter_schemas("change_volume")["add"][1]
