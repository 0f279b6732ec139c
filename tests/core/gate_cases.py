"""The table of gates, first half: what the source and the lists look like.

One row is one situation: at the limit, one step beyond, without data. Here is also how a
row is written; the other half is in ``gate_cases_of_people``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from company import NOW
from sound_evidence import (
    DEFINITION,
    HOUR,
    TICK,
    evidence,
    groups,
    measures,
    previous,
    sound_contract,
)

from activation_pipeline.evidence import ListState

if TYPE_CHECKING:
    from datetime import timedelta

    from activation_pipeline.evidence import Evidence

SOUND = evidence()
DAY = 24 * HOUR
NOVEMBER = date(2026, 11, 1)


@dataclass(frozen=True)
class Case:
    """One situation: evidence and limits in, and whether the gate passes out."""

    gate: str
    when: str
    evidence: Evidence
    params: dict[str, Any]
    passes: bool
    says: str

    def __str__(self) -> str:
        return f"{self.gate}: {self.when}"


def passes(gate: str, when: str, given: Evidence, says: str, **params: Any) -> Case:
    """A situation in which the gate lets the plan pass."""
    return Case(gate, when, given, params, passes=True, says=says)


def blocks(gate: str, when: str, given: Evidence, says: str, **params: Any) -> Case:
    """A situation in which the gate stops the plan."""
    return Case(gate, when, given, params, passes=False, says=says)


def found(**changes: Any) -> Evidence:
    """The sound evidence, with other measures."""
    return evidence(measures=measures(**changes))


def before(**changes: Any) -> Evidence:
    """The sound evidence, after another plan."""
    return evidence(previous=previous(**changes))


def approved_on(day: date, **changes: Any) -> Evidence:
    """The sound evidence, with an approval of another day, or otherwise changed."""
    contract = sound_contract()
    given = contract.launch.approvals[0].model_copy(update={"on": day, **changes})
    launch = contract.launch.model_copy(update={"approvals": (given,)})
    return evidence(contract=contract.model_copy(update={"launch": launch}))


def may_be_empty(*, feed_age: timedelta, **lists: ListState) -> Evidence:
    """A list that may be empty is, and its feed is so old."""
    rules = {
        "suppress_a": {"owner": "cs_ops", "feed": "consent", "may_be_empty": True},
        "suppress_b": {"owner": "cs_ops"},
    }
    states = {"suppress_a": ListState(0, 0), "suppress_b": ListState(40, 0), **lists}
    return evidence(
        contract=sound_contract(suppression={"models": rules}),
        measures=measures(lists=states, feeds={"consent": NOW - feed_age}),
    )


FRESHNESS = [
    passes("freshness", "at the limit", found(newest=NOW - DAY), "24 h old, at most 1d"),
    blocks("freshness", "beyond", found(newest=NOW - DAY - TICK), "scored_at is 24 h old"),
    passes("freshness", "of this moment", found(newest=NOW), "0 h old"),
    blocks("freshness", "in the future", found(newest=NOW + TICK), "in the future"),
    blocks("freshness", "empty table", found(groups=(), newest=None), "no event at all"),
    passes("freshness", "feed at the limit", found(feeds={"consent": NOW - DAY}), "1 h old"),
    blocks("freshness", "feed beyond", found(feeds={"consent": NOW - DAY - TICK}), "consent"),
    blocks("freshness", "feed in the future", found(feeds={"consent": NOW + TICK}), "future"),
    blocks("freshness", "feed that is gone", found(feeds={}), "feed consent has no event"),
    blocks("freshness", "feed of nulls", found(feeds={"consent": None}), "no event at all"),
    blocks(
        "freshness",
        "one candidate of tomorrow",
        found(groups=groups(eligible=9, future_timestamp=1)),
        "1 candidates have scored_at in the future",
    ),
    blocks(
        "freshness",
        "one undated candidate",
        found(groups=groups(eligible=9, no_timestamp=1)),
        "1 candidates have no scored_at",
    ),
]
SOURCE = [
    passes("grain_unique", "at the limit", SOUND, "0 of 1000"),
    blocks("grain_unique", "beyond", found(groups=groups(eligible=9, duplicate_key=1)), "1 of 10"),
    blocks("grain_unique", "no key", found(groups=groups(eligible=9, no_key=1)), "1 of 10"),
    blocks("grain_unique", "empty table", found(groups=()), "no rows"),
    passes("definition_unchanged", "approved", SOUND, f"{DEFINITION} is approved"),
    blocks(
        "definition_unchanged",
        "changed",
        evidence(plan=replace(SOUND.plan, definition="f" * 16)),
        f"approved was {DEFINITION}",
    ),
    blocks(
        "definition_unchanged",
        "no baseline",
        approved_on(NOVEMBER, definition=None),
        "none is approved",
    ),
    blocks(
        "definition_unchanged",
        "approved with another contract",
        approved_on(NOVEMBER, fingerprint="0" * 16),
        "none is approved",
    ),
    passes(
        "match_rate",
        "at the limit",
        found(groups=groups(eligible=98, unmatched__crm=2)),
        "98 of 100 matched: 98%",
        at_least=0.98,
    ),
    blocks(
        "match_rate",
        "beyond",
        found(groups=groups(eligible=979, unmatched__crm=21)),
        "97.9%, at least 98%",
        at_least=0.98,
    ),
    blocks(
        "match_rate",
        "beyond by one of a million",
        found(groups=groups(eligible=979_999, ambiguous__crm=20_001)),
        "97.9999%, at least 98%",
        at_least=0.98,
    ),
    blocks(
        "match_rate",
        "colliding",
        found(groups=groups(eligible=1, colliding__crm=1)),
        "50%",
        at_least=0.98,
    ),
    blocks("match_rate", "empty table", found(groups=()), "no candidates", at_least=0.0),
    passes(
        "null_rate",
        "at the limit",
        found(nulls={"Band__c": 18}),
        "18 of 900 empty: 2%",
        field="Band__c",
        at_most=0.02,
    ),
    blocks(
        "null_rate",
        "beyond",
        found(nulls={"Band__c": 19}),
        "2.111%, at most 2%",
        field="Band__c",
        at_most=0.02,
    ),
    blocks(
        "null_rate",
        "all-null column",
        found(nulls={"Band__c": 900}),
        "all 900 are empty",
        field="Band__c",
        at_most=1,
    ),
    blocks(
        "null_rate",
        "no data",
        found(judged=0, nulls={"Band__c": 0}),
        "no included records",
        field="Band__c",
        at_most=1,
    ),
    blocks(
        "null_rate",
        "a field that nobody maps",
        SOUND,
        "no included records",
        field="Gone__c",
        at_most=1,
    ),
]
LISTS = [
    passes("no_suppressed_record", "at the limit", SOUND, "0 planned records"),
    blocks("no_suppressed_record", "beyond", found(leaked=1), "1 planned records"),
    passes("suppression_ready", "ready", SOUND, "2 lists are ready"),
    blocks(
        "suppression_ready",
        "list not read",
        found(lists={"suppress_a": ListState(1, 0)}),
        "suppress_b was not read (owner cs_ops)",
    ),
    blocks(
        "suppression_ready",
        "all-null column",
        found(lists={"suppress_a": ListState(60, 60), "suppress_b": ListState(40, 0)}),
        "60 rows without a key",
    ),
    blocks(
        "suppression_ready",
        "suddenly empty",
        found(lists={"suppress_a": ListState(60, 0), "suppress_b": ListState(0, 0)}),
        "suppress_b is empty, it had 40 rows",
    ),
    passes(
        "suppression_ready", "suddenly empty, as it may be", may_be_empty(feed_age=DAY), "ready"
    ),
    blocks(
        "suppression_ready",
        "suddenly empty, and its feed is dead",
        may_be_empty(feed_age=DAY + TICK),
        "feed consent of suppress_a is 24 h old",
    ),
    blocks(
        "suppression_ready",
        "another one suddenly empty",
        may_be_empty(feed_age=DAY, suppress_b=ListState(0, 0)),
        "suppress_b is empty, it had 40 rows (owner cs_ops; if that is right, write may_be_empty",
    ),
    passes(
        "suppression_ready",
        "always empty",
        evidence(
            measures=measures(
                lists={"suppress_a": ListState(60, 0), "suppress_b": ListState(0, 0)}
            ),
            previous=previous(list_rows={"suppress_a": 60, "suppress_b": 0}),
        ),
        "ready",
    ),
    passes("suppression_ready", "feed at the limit", found(feeds={"consent": NOW - DAY}), "ready"),
    blocks(
        "suppression_ready",
        "feed beyond",
        found(feeds={"consent": NOW - DAY - TICK}),
        "feed consent of suppress_a is 24 h old",
    ),
    blocks(
        "suppression_ready",
        "feed in the future",
        found(feeds={"consent": NOW + TICK}),
        "in the future",
    ),
    blocks("suppression_ready", "feed without data", found(feeds={}), "no event at all"),
    passes(
        "suppression_count",
        "at the limit",
        before(suppressed={"suppress_a": 50, "suppress_b": 40}),
        "about as many",
        at_most=0.2,
    ),
    blocks(
        "suppression_count",
        "beyond",
        before(suppressed={"suppress_a": 49, "suppress_b": 40}),
        "suppress_a: 49 -> 60",
        at_most=0.2,
    ),
    blocks(
        "suppression_count",
        "a rule that woke up",
        before(suppressed={"suppress_b": 40}),
        "suppress_a: 0 -> 60, a change of 100%",
        at_most=0.99,
    ),
    blocks(
        "suppression_count", "empty table", found(groups=()), "suppress_a: 60 -> 0", at_most=0.2
    ),
    blocks("suppression_count", "no baseline", evidence(previous=None), "no baseline", at_most=1),
]
