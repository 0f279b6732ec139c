"""The table of gates, second half: how much changes, and what people have said.

One row is one situation: at the limit, one step beyond, without a baseline.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from company import NOW
from gate_cases import DAY, NOVEMBER, SOUND, approved_on, before, blocks, found, passes
from sound_evidence import HOUR, TICK, evidence, part, plan_of, review, reviewed, sound_contract

from activation_pipeline.evidence import Effort, Pause

if TYPE_CHECKING:
    from activation_pipeline.evidence import Evidence

SAMPLE = {"records": 20, "by": "cs_ops"}
OTHER = sound_contract(version=2)


def planned(**changes: Any) -> Evidence:
    """The sound evidence, with another plan."""
    return evidence(plan=plan_of(SOUND.contract, part(**changes)))


def cost(requests: int, seconds: float, left: int | None = None) -> Evidence:
    """The sound evidence, with what sending the plan costs."""
    return evidence(efforts={"crm": Effort(requests, seconds, left, 1000 if left else None)})


def paused(**changes: Any) -> Evidence:
    """The sound evidence, during a pause of one destination and one of the whole contract."""
    stop = Pause("renewal_risk", None, "demo_cs_director", "looking into it", NOW - HOUR, None)
    elsewhere = replace(stop, destination="crm", reason="crm is down")
    return evidence(pauses=(elsewhere, replace(stop, **changes)))


VOLUME = [
    passes("change_volume", "adds at the limit", planned(operations={"add": 30}), "within"),
    blocks(
        "change_volume",
        "adds beyond",
        planned(operations={"add": 31}),
        "crm: 31 adds are 31% of 100 delivered, at most 30%",
    ),
    passes("change_volume", "updates at the limit", planned(operations={"update": 50}), "within"),
    blocks("change_volume", "updates beyond", planned(operations={"update": 51}), "51 updates"),
    passes("change_volume", "clears at the limit", planned(operations={"clear": 5}), "within"),
    blocks("change_volume", "clears beyond", planned(operations={"clear": 6}), "6 clears"),
    passes("change_volume", "removes at the limit", planned(operations={"remove": 10}), "within"),
    blocks("change_volume", "removes beyond", planned(operations={"remove": 11}), "11 removes"),
    passes("change_volume", "new dates only", planned(operations={"refresh": 100}), "within"),
    blocks(
        "change_volume",
        "a limit of its own",
        planned(operations={"clear": 1}),
        "at most 0%",
        clear=0,
    ),
    blocks("change_volume", "no baseline", planned(baseline=None), "no baseline"),
    blocks("change_volume", "everything has left", planned(baseline=0), "no baseline"),
    blocks(
        "change_volume",
        "no baseline in one of two",
        evidence(plan=plan_of(SOUND.contract, part(), part(destination="mail", baseline=None))),
        "mail: no baseline",
    ),
    passes(
        "change_volume",
        "as far from the reviewed state as it may be",
        planned(baseline=70, operations={}),
        "100 -> 70 records in crm, -30%",
    ),
    blocks(
        "change_volume",
        "farther, by small steps",
        planned(baseline=71, operations={"remove": 2}),
        "100 -> 69 records in crm, -31%, at most 30%",
    ),
    blocks(
        "change_volume",
        "more, by small steps",
        planned(baseline=125, operations={"add": 6}),
        "100 -> 131 records in crm, +31%, at most 30%",
    ),
    blocks(
        "change_volume",
        "fewer eligible, where nothing leaves",
        evidence(reviewed=reviewed(eligible=1300)),
        "reviewed plan an-older-plan on 2026-11-19: 1,300 -> 900 eligible, -30.77%",
    ),
    blocks(
        "change_volume",
        "a limit of its own since the review",
        planned(baseline=98),
        "-2%, at most 1%",
        remove=0.01,
        since_review=0.01,
    ),
    passes(
        "change_volume",
        "a destination that was not there at the review",
        evidence(reviewed=reviewed(held={})),
        "900 -> 900 eligible, +0%",
    ),
    passes(
        "change_volume",
        "one plan may do as much since the review as by itself",
        planned(operations={"add": 50}),
        "+50%",
        add=0.5,
    ),
    blocks(
        "change_volume",
        "nobody looked yet",
        evidence(reviewed=None),
        "nobody has signed or sampled",
    ),
    passes(
        "send_count_delta",
        "at the limit",
        before(eligible=1000),
        "1,000 -> 900 eligible: 10%",
        at_most=0.1,
    ),
    blocks("send_count_delta", "beyond", before(eligible=1001), "10.09%, at most 10%", at_most=0.1),
    blocks("send_count_delta", "twice as many", before(eligible=450), "100%", at_most=0.99),
    blocks("send_count_delta", "empty table", found(groups=()), "100%", at_most=0.99),
    blocks("send_count_delta", "no baseline", evidence(previous=None), "no baseline", at_most=1),
    blocks("send_count_delta", "nobody before", before(eligible=0), "no baseline", at_most=1),
]
PEOPLE = [
    passes("destination_ready", "fits", SOUND, "every mapping fits"),
    blocks("destination_ready", "no answer", evidence(faults={}), "crm: was not asked"),
    blocks(
        "destination_ready",
        "a fault",
        evidence(faults={"crm": ("Band__c: is not writable",)}),
        "crm: Band__c: is not writable",
    ),
    passes("destination_ready", "fits the day", cost(400, 100.0, left=400), "400 left"),
    blocks("destination_ready", "over the quota", cost(401, 100.0, left=400), "has left"),
    passes("destination_ready", "as long as the window", cost(1, 24 * 3600.0), "at least 1 day"),
    blocks("destination_ready", "too long", cost(1, 24 * 3600.5), "(decision_window)"),
    passes("approved", "on the day", approved_on(NOW.date()), "is approved by cs_director"),
    blocks("approved", "tomorrow", approved_on(date(2026, 11, 21)), "not approved by cs_director"),
    blocks(
        "approved",
        "another version",
        approved_on(NOVEMBER, fingerprint="0" * 16),
        "not approved by cs_director",
    ),
    blocks(
        "approved",
        "another role",
        approved_on(NOVEMBER, role="cs_ops"),
        "not approved by cs_director",
    ),
    blocks("approved", "one of two", SOUND, "not approved by cs_ops", by=["cs_director", "cs_ops"]),
    passes("not_paused", "runs", SOUND, "not paused"),
    blocks("not_paused", "paused", paused(), "by demo_cs_director: looking into it"),
    blocks(
        "not_paused",
        "paused until",
        paused(until=NOW + DAY),
        "since 2026-11-20 08:00 UTC until 2026-11-21 09:00 UTC",
    ),
    passes(
        "not_paused", "only one destination", evidence(pauses=paused().pauses[:1]), "not paused"
    ),
    passes("sample_review", "reviewed", SOUND, "cs_ops reviewed a sample on 2026-11-19", **SAMPLE),
    passes(
        "sample_review",
        "at the limit",
        evidence(reviews=(review(at=NOW - 90 * DAY),)),
        "reviewed",
        **SAMPLE,
    ),
    blocks(
        "sample_review",
        "beyond",
        evidence(reviews=(review(at=NOW - 90 * DAY - TICK),)),
        "cs_ops has to review 20 records",
        **SAMPLE,
    ),
    blocks(
        "sample_review",
        "in the future",
        evidence(reviews=(review(at=NOW + TICK),)),
        "has to review",
        **SAMPLE,
    ),
    blocks("sample_review", "no baseline", evidence(reviews=()), "has to review", **SAMPLE),
    blocks(
        "sample_review",
        "another role",
        evidence(reviews=(review(role="cs_director"),)),
        "has to review",
        **SAMPLE,
    ),
    blocks(
        "sample_review",
        "another gate",
        evidence(reviews=(review(gate="match_rate"),)),
        "has to review",
        **SAMPLE,
    ),
    blocks(
        "sample_review",
        "another contract",
        evidence(reviews=(review(OTHER),)),
        "has to review",
        **SAMPLE,
    ),
    blocks(
        "sample_review",
        "other logic",
        evidence(reviews=(review(definition="f" * 16),)),
        "has to review",
        **SAMPLE,
    ),
]
