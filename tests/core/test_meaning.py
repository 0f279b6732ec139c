"""What a contract means, what differs between two meanings, and what the ledger keeps of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from company import NOW, contract_dict
from sound_evidence import DEFINITION, evidence, plan_of, sound_contract

from activation_pipeline.approval import lapses, subject_of, terms_of
from activation_pipeline.contract import Contract, fingerprint, meaning
from activation_pipeline.contract.meaning import differences, told
from activation_pipeline.ledger import Ledger


def meant(**sections: Any) -> dict[str, Any]:
    return meaning(Contract.model_validate(contract_dict(**sections)))


GATES = [{"match_rate": {"at_least": 0.9}}, "freshness"]
MONITORING = contract_dict()["monitoring"]


@pytest.mark.parametrize(
    "turned",
    [
        {"gates": GATES[::-1]},
        {"monitoring": MONITORING | {"alert": ["cs_ops", "revops"]}},
        {"source": {"model": "mart", "systems": ["support", "billing"]}},
    ],
    ids=str,
)
def test_the_order_of_what_has_none_is_no_meaning(turned: dict[str, Any]) -> None:
    (section,) = turned
    usual = {
        "gates": GATES,
        "monitoring": MONITORING | {"alert": ["revops", "cs_ops"]},
        "source": {"model": "mart", "systems": ["billing", "support"]},
    }
    one = Contract.model_validate(contract_dict(**{section: usual[section]}))
    assert fingerprint(one) == fingerprint(Contract.model_validate(contract_dict(**turned)))


def test_the_order_of_matching_rules_is_meaning() -> None:
    """The first accepted rule wins, so another order finds other records."""
    rules = [{"identity": "identity", "rules": order} for order in (["a", "b"], ["b", "a"])]
    one, other = (meant(matching=each) for each in rules)
    assert differences(one, other) == ('matching.rules: ["a", "b"] -> ["b", "a"]',)


def test_what_differs_is_told_by_its_path_and_addresses_are_masked() -> None:
    named = meant(launch={"decision": "launch", "made_by": "dana@example.com"})
    assert differences(meant(), named) == ("launch.made_by: not set -> (an address)",)
    assert differences(named, named) == ()
    loose = meant(gates=["freshness", {"change_volume": {"add": 0.9, "warn": True}}])
    assert differences(loose, meant()) == (
        "gates.change_volume: named -> not set",
        "gates.change_volume.add: 0.9 -> not set",
        "gates.change_volume.warn: true -> not set",
    )


def test_of_very_many_changes_the_first_are_told_and_how_many_more() -> None:
    assert told(("a", "b")) == "a; b"
    assert told(tuple("abcdefg")) == "a; b; c; d; e; and 2 more"


def test_what_the_ledger_does_not_know_is_said_and_does_not_hold() -> None:
    other = sound_contract(version=2)
    launch = other.launch.model_copy(update={"approvals": sound_contract().launch.approvals})
    contract = other.model_copy(update={"launch": launch})
    about, terms = subject_of(plan_of(contract)), terms_of(contract)
    (unknown,) = lapses(contract, about, terms, {}, now=NOW)
    old = launch.approvals[0].fingerprint
    assert unknown.told == f"approved was {old} on 2026-11-01: what changed is not in this ledger"
    versions = {old: meaning(sound_contract())}
    (known,) = lapses(contract, about, terms, versions, now=NOW)
    assert known.told == f"approved was {old} on 2026-11-01: version: 1 -> 2"


def test_an_account_that_does_not_say_who_it_is_is_not_approved() -> None:
    contract = sound_contract()
    (part,) = evidence().plan.parts
    silent = plan_of(contract, type(part)(**{**part.__dict__, "identity": ""}))
    (found,) = lapses(contract, subject_of(silent), terms_of(contract), {}, now=NOW)
    assert "crm: memory -> an account that did not tell who it is" in found.told
    assert silent.id != evidence().plan.id


def test_the_ledger_keeps_each_version_once_and_knows_what_it_stood_for(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    body = meant()
    try:
        for day in range(2):
            ledger.versions.keep(
                "a", {"f" * 16: body, DEFINITION: {"model.t.mart": "0" * 16}},
                now=NOW + timedelta(days=day),
            )  # fmt: skip
        ledger.versions.keep("a", {"f" * 16: {"other": 1}}, now=NOW)
        known = ledger.versions.known("a", ["f" * 16, DEFINITION, "unknown"])
        assert known == {"f" * 16: body, DEFINITION: {"model.t.mart": "0" * 16}}
        assert ledger.versions.known("b", ["f" * 16]) == {}
        assert ledger.versions.known("a", []) == {}
    finally:
        ledger.close()
