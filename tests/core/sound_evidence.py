"""Evidence of a plan that every gate lets pass, to be spoilt one way at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from company import NOW, contract_dict, make_contract

from activation_pipeline.contract import Contract, fingerprint
from activation_pipeline.evidence import (
    Evidence,
    Group,
    ListState,
    Measures,
    Previous,
    Review,
    Reviewed,
)
from activation_pipeline.plan import Plan, PlanPart

DEFINITION = "0123456789abcdef"
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


def sound_contract(**changes: Any) -> Contract:
    """A contract with a feed behind one of its two lists, approved on the first of November."""
    body = contract_dict(
        source={
            "model": "mart",
            "systems": ["billing"],
            "feeds": {"consent": "24h"},
            "feeds_model": "feeds",
        },
        suppression={
            "models": {
                "suppress_a": {"owner": "cs_ops", "feed": "consent"},
                "suppress_b": {"owner": "cs_ops"},
            }
        },
    )
    return make_contract(body | changes, definition=DEFINITION)


def part(**changes: Any) -> PlanPart:
    """One destination's part: 100 records are there, nothing changes."""
    usual = PlanPart(
        "crm", "c0ffee", rows=0, operations={}, position=3, baseline=100, withheld={},
        identity="memory",
    )  # fmt: skip
    return replace(usual, **changes)


def plan_of(contract: Contract, *parts: PlanPart) -> Plan:
    return Plan(contract.name, fingerprint(contract), DEFINITION, parts or (part(),))


def groups(**counts: int) -> tuple[Group, ...]:
    """Candidates by reason: ``eligible``, or the reason that leaves them out."""
    return tuple(
        Group("eligible", frozenset(), count)
        if name == "eligible"
        else Group("suppressed", frozenset({name.replace("__", ":")}), count)
        for name, count in counts.items()
    )


def measures(**changes: Any) -> Measures:
    """1,000 candidates, an hour old: 900 eligible, 60 and 40 held back by the two lists."""
    usual = Measures(
        groups=groups(eligible=900, suppress_a=60, suppress_b=40),
        newest=NOW - HOUR,
        judged=900,
        nulls={"Band__c": 0},
        feeds={"consent": NOW - HOUR},
        lists={"suppress_a": ListState(60, 0), "suppress_b": ListState(40, 0)},
    )
    return replace(usual, **changes)


def previous(**changes: Any) -> Previous:
    """The plan that went out before: the same numbers."""
    usual = Previous(
        eligible=900,
        suppressed={"suppress_a": 60, "suppress_b": 40},
        list_rows={"suppress_a": 60, "suppress_b": 40},
    )
    return replace(usual, **changes)


def evidence(*, contract: Contract | None = None, **changes: Any) -> Evidence:
    """Evidence that passes every gate, but for ``changes``."""
    mine = contract or sound_contract()
    usual = Evidence(
        contract=mine,
        plan=plan_of(mine),
        measures=measures(),
        now=NOW,
        faults={"crm": ()},
        reviews=(review(mine),),
        previous=previous(),
        reviewed=reviewed(),
    )
    return replace(usual, **changes)


def reviewed(**changes: Any) -> Reviewed:
    """Yesterday's look at a plan that then went out: the same numbers."""
    usual = Reviewed("an-older-plan", "cs_director", NOW - 24 * HOUR, 900, {"crm": 100})
    return replace(usual, **changes)


def review(contract: Contract | None = None, **changes: Any) -> Review:
    """Yesterday's sample review of this very definition by the operations team."""
    mine = contract or sound_contract()
    usual = Review(
        gate="sample_review",
        plan="an-older-plan",
        role="cs_ops",
        at=NOW - 24 * HOUR,
        fingerprint=fingerprint(mine),
        definition=DEFINITION,
    )
    return replace(usual, **changes)
