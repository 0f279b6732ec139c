"""Each rule of ``pause_when`` at its limit, where the workflow still runs, and just above."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from company import contract_dict

from activation_pipeline.contract import Contract, PauseRules
from activation_pipeline.incident import CLASSES
from activation_pipeline.ledger.history import ReadBack
from activation_pipeline.ledger.rules import Answered, Counted
from activation_pipeline.ledger.runs import Run
from activation_pipeline.pause_rules import RULES, Facts, Reading, broken, readings

NOW = datetime(2026, 12, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def contract(**limits: Any) -> Contract:
    monitoring = contract_dict()["monitoring"] | {"pause_when": limits}
    return Contract.model_validate(contract_dict(monitoring=monitoring))


def answered(rejected: int, whole: int, to_come: int = 0) -> Facts:
    return Facts(answered={"crm": Answered("p1", rejected, whole, to_come)})


def read_back(agrees: int, differs: int) -> Facts:
    return Facts(read_back={"crm": ReadBack("p1", {"agrees": agrees, "differs": differs}, NOW)})


def runs(words: str) -> Facts:
    """Newest first: failed, good or stopped."""
    failed = {"failed": True, "good": False, "stopped": None}
    return Facts(runs=tuple(Run(NOW, failed[each], "down", "crm", "p1") for each in words.split()))


def counted(now: dict[str, Any], before: dict[str, Any] | None, *, sent: bool = False) -> Facts:
    return Facts(counted=Counted("p2", sent, now, before))


def matched(count: int, of: int = 100) -> dict[str, Any]:
    return {
        "candidates": of,
        "dispositions": {"eligible": count, "unmatched": of - count},
        "suppressed": {},
    }


def held(**by_rule: int) -> dict[str, Any]:
    return {"candidates": 100, "dispositions": {"eligible": 100}, "suppressed": by_rule}


AT_AND_ABOVE = [
    ("rejected_above", 0.02, answered(24, 1200), answered(25, 1200)),
    ("drift_above", 0.01, read_back(99, 1), read_back(989, 11)),
    # The count that pauses: one run below it, and at it.
    ("failed_runs", 2, runs("failed good failed"), runs("failed failed good")),
    ("match_rate_fall", 0.03, counted(matched(95), matched(98)), counted(matched(94), matched(98))),
    (
        "suppression_change",
        0.5,
        counted(held(suppress_a=5), held(suppress_a=10)),
        counted(held(suppress_a=4), held(suppress_a=10)),
    ),
    ("overdue", "2h", Facts(missed=NOW - 2 * HOUR), Facts(missed=NOW - 2 * HOUR - SECOND)),
    (
        "first_review_missed",
        "3d",
        Facts(unreviewed=NOW - 72 * HOUR),
        Facts(unreviewed=NOW - 72 * HOUR - SECOND),
    ),
]


def test_every_rule_of_the_contract_is_tried_at_its_limit_and_above() -> None:
    assert {rule for rule, *_ in AT_AND_ABOVE} == set(PauseRules.model_fields) == set(RULES)


@pytest.mark.parametrize(("rule", "limit", "at", "above"), AT_AND_ABOVE)
def test_at_its_limit_a_workflow_still_runs_and_above_it_does_not(
    rule: str, limit: Any, at: Facts, above: Facts
) -> None:
    ruled = contract(**{rule: limit})
    assert broken(ruled, at, now=NOW) == ()
    (found,) = broken(ruled, above, now=NOW)
    assert found.rule == rule
    assert found.observed is not None
    assert found.observed > found.limit
    assert found.margin is not None
    assert found.margin < 0


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_without_a_limit_or_without_a_fact_is_silent(rule: str) -> None:
    limits = {name: limit for name, limit, *_ in AT_AND_ABOVE}
    above = {name: facts for name, _, _, facts in AT_AND_ABOVE}
    assert readings(contract(), above[rule], now=NOW) == ()
    assert broken(contract(**{rule: limits[rule]}), Facts(), now=NOW) == ()


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_says_what_it_found_against_which_limit_and_whose_it_is(rule: str) -> None:
    limit, above = {name: (limit, facts) for name, limit, _, facts in AT_AND_ABOVE}[rule]
    ruled = contract(**{rule: limit})
    (found,) = broken(ruled, above, now=NOW)
    assert "at most" in found.message
    assert found.owner in ruled.roles
    assert RULES[rule].incident_class in CLASSES


def one(facts: Facts, **limits: Any) -> Reading:
    (found,) = readings(contract(**limits), facts, now=NOW)
    return found


def test_a_delivery_at_work_stops_only_when_its_limit_is_surely_broken() -> None:
    """Five of the first two hundred are 2.5 %, and may be 0.5 % in the end."""
    early = one(answered(5, 200, to_come=800), rejected_above=0.02)
    assert (early.observed, early.breaks) == (0.005, False)
    sure = one(answered(21, 200, to_come=800), rejected_above=0.02)
    assert (sure.observed, sure.breaks) == (0.021, True)


def test_a_run_that_was_stopped_neither_adds_to_failed_runs_nor_ends_them() -> None:
    words = "stopped failed stopped failed good failed"
    assert one(runs(words), failed_runs=1).observed == 2


def test_a_failed_plan_is_the_source_models_and_a_failed_delivery_the_destinations() -> None:
    unmade = Facts(runs=(Run(NOW, failed=True, why="no plan could be made: locked"),))
    assert one(unmade, failed_runs=1).owner == "analytics_engineering"
    assert one(runs("failed"), failed_runs=1).owner == "salesforce_admin"


def test_the_reason_of_a_failed_run_is_short_and_without_anybodys_address() -> None:
    told = "refused for dana@example.com " + "x" * 500
    failed = Facts(runs=(Run(NOW, failed=True, why=told),))
    message = one(failed, failed_runs=1).message
    assert "example.com" not in message
    assert len(message) < 250


def test_a_rising_match_rate_is_no_fall() -> None:
    found = one(counted(matched(99), matched(90)), match_rate_fall=0.03)
    assert (found.observed, found.breaks) == (0.0, False)


@pytest.mark.parametrize("not_matched", ["unmatched", "ambiguous", "colliding"])
def test_every_way_of_not_matching_lowers_the_match_rate(not_matched: str) -> None:
    now = matched(100) | {"dispositions": {"eligible": 90, not_matched: 10}}
    assert one(counted(now, matched(100)), match_rate_fall=0.03).observed == 0.1


@pytest.mark.parametrize(
    ("before", "now", "share"),
    [
        ({"suppress_a": 10}, {"suppress_a": 4}, 0.6),
        ({"suppress_a": 10}, {"suppress_a": 16}, 0.6),
        ({"suppress_a": 10}, {}, 1.0),
        ({}, {"suppress_b": 1}, 1.0),
        ({"suppress_a": 10, "suppress_b": 10}, {"suppress_a": 9, "suppress_b": 3}, 0.7),
        ({}, {}, 0.0),
    ],
)
def test_a_suppression_count_may_neither_rise_nor_fall_far(
    before: dict[str, int], now: dict[str, int], share: float
) -> None:
    found = one(counted(held(**now), held(**before)), suppression_change=0.5)
    assert (found.observed, found.breaks) == (share, share > 0.5)


def test_the_first_plan_has_nothing_to_fall_from() -> None:
    first = counted(matched(10), None)
    assert not broken(contract(match_rate_fall=0.01, suppression_change=0.01), first, now=NOW)


@pytest.mark.parametrize("rule", ["match_rate_fall", "suppression_change"])
def test_a_plan_is_at_fault_only_if_something_of_it_was_sent(rule: str) -> None:
    now = matched(50) | {"suppressed": {"suppress_a": 9}}
    before = matched(100) | {"suppressed": {"suppress_a": 1}}
    waiting = counted(now, before)
    (found,) = broken(contract(**{rule: 0.1}), waiting, now=NOW)
    assert found.plan is None
    assert waiting.counted is not None
    sent = replace(waiting, counted=replace(waiting.counted, was_sent=True))
    (found,) = broken(contract(**{rule: 0.1}), sent, now=NOW)
    assert found.plan == "p2"


@pytest.mark.parametrize("rule", ["overdue", "first_review_missed"])
def test_what_did_not_happen_is_no_plans_fault(rule: str) -> None:
    late = Facts(missed=NOW - 99 * HOUR, unreviewed=NOW - 99 * HOUR)
    (found,) = broken(contract(**{rule: "1d"}), late, now=NOW)
    assert found.plan is None
