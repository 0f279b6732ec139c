"""Every gate, one function each: a pass rule over the evidence of one plan.

A gate's keyword-only parameters are its YAML parameters and its docstring's first line is
its description. Limits are inclusive: at the limit a gate passes. A gate that has no data
or no baseline does not pass, and one that raises blocks (see ``judgement``). Thresholds are
compared here, in Python; the measures come from the warehouse.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from activation_pipeline import approval
from activation_pipeline.notation import Count, Duration, Ratio, Role, written_duration
from activation_pipeline.since_review import since_reviewed
from activation_pipeline.verdict import (
    Gate,
    Verdict,
    age_fault,
    gate,
    hours,
    percent,
    registered,
)

if TYPE_CHECKING:
    from activation_pipeline.evidence import Evidence


@gate(owner="source_model", always=True)
def freshness(evidence: Evidence) -> Verdict:
    """The source and each of its feeds are recent enough, and nothing comes from the future."""
    contract, measures, now = evidence.contract, evidence.measures, evidence.now
    limit = contract.freshness.stale_after
    column = contract.freshness.column
    faults = [age_fault(column, measures.newest, limit, now)]
    for feed, stale_after in contract.source.feeds.items():
        faults.append(age_fault(f"feed {feed}", measures.feeds.get(feed), stale_after, now))
    if ahead := measures.with_reason("future_timestamp"):
        faults.append(f"{ahead} candidates have {column} in the future")
    if undated := measures.with_reason("no_timestamp"):
        faults.append(f"{undated} candidates have no {column}")
    found = [fault for fault in faults if fault]
    age = hours(now - measures.newest) if measures.newest else None
    message = (
        "; ".join(found) or f"newest {column} is {age:g} h old, at most {written_duration(limit)}"
    )
    return Verdict(not found, message, age, hours(limit))


@gate(owner="source_model", always=True)
def grain_unique(evidence: Evidence) -> Verdict:
    """Every candidate has a key and no key comes twice."""
    measures = evidence.measures
    bad = measures.with_reason("duplicate_key", "no_key")
    if not measures.candidates:
        return Verdict(passed=False, message="the source model has no rows", observed=0, limit=0)
    message = f"{bad} of {measures.candidates} candidates without a key of their own, at most 0"
    return Verdict(bad == 0, message, bad, 0)


@gate(owner="workflow", always=True)
def no_suppressed_record(evidence: Evidence) -> Verdict:
    """No planned record is on any suppression list; counted anew, not taken from the population."""
    leaked = evidence.measures.leaked
    return Verdict(leaked == 0, f"{leaked} planned records are suppressed, at most 0", leaked, 0)


@gate(owner="workflow", always=True)
def suppression_ready(evidence: Evidence) -> Verdict:
    """Every suppression list is there, has keys, is fed, and did not suddenly become empty."""
    faults = []
    for model, rule in evidence.contract.suppression.models.items():
        state = evidence.measures.lists.get(model)
        before = evidence.previous.list_rows.get(model, 0) if evidence.previous else 0
        if state is None:
            faults.append(f"{model} was not read (owner {rule.owner})")
            continue
        if state.null_keys:
            faults.append(f"{model} has {state.null_keys} rows without a key (owner {rule.owner})")
        if before and not state.rows and not rule.may_be_empty:
            hint = "if that is right, write may_be_empty: true for it"
            faults.append(f"{model} is empty, it had {before} rows (owner {rule.owner}; {hint})")
        if rule.feed:
            limit = evidence.contract.source.feeds[rule.feed]
            newest = evidence.measures.feeds.get(rule.feed)
            fault = age_fault(f"feed {rule.feed} of {model}", newest, limit, evidence.now)
            faults += [fault] if fault else []
    count = len(evidence.contract.suppression.models)
    return Verdict(not faults, "; ".join(faults) or f"{count} lists are ready", len(faults), 0)


@gate(owner="destination_field", always=True)
def destination_ready(evidence: Evidence) -> Verdict:
    """Every destination takes the mapping, and the plan fits its quota and the decision window."""
    unasked = [name for name in evidence.contract.destinations if name not in evidence.faults]
    faults = [f"{name}: was not asked" for name in unasked]
    faults += [f"{name}: {text}" for name, texts in evidence.faults.items() for text in texts]
    window = evidence.contract.workflow.decision_window
    told = ["every mapping fits"]
    for name, effort in evidence.efforts.items():
        told.append(f"{name}: {effort.told}")
        if effort.seconds > window.total_seconds():
            limit = written_duration(window)
            faults.append(f"{name}: {effort.told}, at most {limit} (decision_window)")
        if effort.left_today is not None and effort.requests > effort.left_today:
            faults.append(f"{name}: {effort.told}: more than the quota has left")
    return Verdict(not faults, "; ".join(faults or told), len(faults), 0)


@gate(owner="workflow", always=True)
def approved(
    evidence: Evidence, *, by: tuple[Role, ...] = (), valid_for: Duration = approval.VALID_FOR
) -> Verdict:
    """Every role that has to sign has approved this version for these accounts, and lately."""
    contract, subject = evidence.contract, approval.subject_of(evidence.plan)
    needed = by or (contract.owners.workflow,)
    terms = approval.Terms(needed, valid_for)
    found = approval.lapses(contract, subject, terms, evidence.versions, now=evidence.now)
    mine = [lapse for lapse in found if lapse.kind != "logic"]
    missing = tuple(dict.fromkeys(lapse.role for lapse in mine))
    about = f"fingerprint {subject.fingerprint}"
    message = f"{about} is approved by {', '.join(needed)}"
    if missing:
        message = (
            f"{about} is not approved by {approval.by_role(mine)}; "
            f"{approval.signing(contract, missing)}"
        )
    return Verdict(not missing, message, len(needed) - len(missing), len(needed))


@gate(owner="source_model", always=True)
def definition_unchanged(evidence: Evidence) -> Verdict:
    """The logic of the source, identity and suppression models is the one that was approved."""
    contract, subject = evidence.contract, approval.subject_of(evidence.plan)
    terms = approval.terms_of(contract)
    found = approval.lapses(contract, subject, terms, evidence.versions, now=evidence.now)
    mine = [lapse for lapse in found if lapse.kind in {"logic", "meaning", "missing"}]
    if not mine:
        return Verdict(passed=True, message=f"definition {subject.definition} is approved")
    changed = [lapse.told for lapse in mine if lapse.kind == "logic"]
    why = "; ".join(dict.fromkeys(changed)) or (
        f"definition is {subject.definition}, none is approved with this version of the contract"
    )
    signing = approval.signing(contract, (lapse.role for lapse in mine))
    return Verdict(passed=False, message=f"{why}; {signing}")


@gate(owner="workflow", always=True)
def not_paused(evidence: Evidence) -> Verdict:
    """Nobody has paused this contract, or another one that writes the same."""
    contract = evidence.contract
    found = [pause for pause in evidence.pauses if pause.stops_all_of(contract.name)]
    if not found:
        return Verdict(passed=True, message="not paused", observed=0, limit=0)
    message = found[0].told_in(contract.name, contract.monitoring.restarted_by)
    return Verdict(passed=False, message=message, observed=len(found), limit=0)


@gate(owner="workflow", always=True, may_be_signed=True)
def change_volume(
    evidence: Evidence,
    *,
    add: Ratio = 0.3,
    update: Ratio = 0.5,
    clear: Ratio = 0.05,
    remove: Ratio = 0.1,
    since_review: Ratio = 0.3,
) -> Verdict:
    """Changes stay within a share of what is there, and of what somebody last looked at."""
    limits = {"add": add, "update": update, "clear": clear, "remove": remove}
    shares, faults = [(0.0, add)], []
    for part in evidence.plan.parts:
        if not part.baseline:
            return Verdict(
                passed=False, message=f"{part.destination}: no baseline: nothing delivered yet"
            )
        for operation, limit in limits.items():
            count = part.operations.get(operation, 0)
            share = count / part.baseline
            shares.append((share, limit))
            if share > limit:
                faults.append(
                    f"{part.destination}: {count} {operation}s are {percent(share, limit)} of "
                    f"{part.baseline} delivered, at most {percent(limit)}"
                )
    # What one plan may do without a signature, it may do right after a review.
    drift = since_reviewed(evidence, up=max(add, since_review), down=max(remove, since_review))
    shares += drift.shares
    message = "; ".join([*(faults or ["every kind of change is within its limit"]), drift.told])
    worst = max(shares, key=lambda pair: pair[0] - pair[1])
    return Verdict(not faults and drift.passed, message, round(worst[0], 6), worst[1])


@gate(owner="source_model", may_be_signed=True)
def match_rate(evidence: Evidence, *, at_least: Ratio) -> Verdict:
    """Enough candidates resolve to exactly one destination record."""
    total = evidence.measures.candidates
    if not total:
        return Verdict(passed=False, message="no candidates to match", limit=at_least)
    matched = total - evidence.measures.with_reason("unmatched", "ambiguous", "colliding")
    share = matched / total
    message = (
        f"{matched:,} of {total:,} matched: {percent(share, at_least)}, "
        f"at least {percent(at_least)}"
    )
    return Verdict(share >= at_least, message, round(share, 6), at_least)


@gate(owner="source_model", may_be_signed=True)
def null_rate(evidence: Evidence, *, field: str, at_most: Ratio) -> Verdict:
    """Few enough included records have no value for the field; an all-empty field never passes."""
    nulls, judged = evidence.measures.nulls.get(field), evidence.measures.judged
    if nulls is None or not judged:
        return Verdict(
            passed=False, message=f"{field}: no included records to look at", limit=at_most
        )
    share = nulls / judged
    if nulls == judged:
        message = f"{field}: all {judged:,} are empty"
        return Verdict(passed=False, message=message, observed=share, limit=at_most)
    message = (
        f"{field}: {nulls:,} of {judged:,} empty: {percent(share, at_most)}, "
        f"at most {percent(at_most)}"
    )
    return Verdict(share <= at_most, message, round(share, 6), at_most)


@gate(owner="workflow", may_be_signed=True)
def sample_review(
    evidence: Evidence, *, records: Count, by: Role, every: Duration = timedelta(days=90)
) -> Verdict:
    """A person has looked at a sample, included and excluded, of this definition."""
    plan, now = evidence.plan, evidence.now
    reviews = [
        review
        for review in evidence.reviews
        if review.gate == "sample_review"
        and review.role == by
        and (review.fingerprint, review.definition) == (plan.fingerprint, plan.definition)
        and timedelta(0) <= now - review.at <= every
    ]
    if reviews:
        newest = max(review.at for review in reviews)
        return Verdict(passed=True, message=f"{by} reviewed a sample on {newest:%Y-%m-%d}")
    ask = f"{by} has to review {records} records (activation review {evidence.contract.name})"
    return Verdict(passed=False, message=ask)


@gate(owner="workflow", may_be_signed=True)
def send_count_delta(evidence: Evidence, *, at_most: Ratio) -> Verdict:
    """The number of eligible records moved little since the last plan that went out."""
    eligible = evidence.measures.dispositions().get("eligible", 0)
    if evidence.previous is None or not evidence.previous.eligible:
        return Verdict(passed=False, message="no baseline: no plan went out yet", limit=at_most)
    before = evidence.previous.eligible
    share = abs(eligible - before) / before
    message = (
        f"{before:,} -> {eligible:,} eligible: {percent(share, at_most)}, "
        f"at most {percent(at_most)}"
    )
    return Verdict(share <= at_most, message, round(share, 6), at_most)


@gate(owner="workflow", may_be_signed=True)
def suppression_count(evidence: Evidence, *, at_most: Ratio) -> Verdict:
    """Each rule holds back about as many candidates as in the last plan that went out."""
    if evidence.previous is None:
        return Verdict(passed=False, message="no baseline: no plan went out yet", limit=at_most)
    models = evidence.contract.suppression.models
    now, before = evidence.measures.suppressed(models), evidence.previous.suppressed
    shares: dict[str, float] = {}
    for model in models:
        was, count = before.get(model, 0), now.get(model, 0)
        shares[model] = abs(count - was) / was if was else float(count > 0)
    faults = [
        f"{model}: {before.get(model, 0)} -> {now.get(model, 0)}, "
        f"a change of {percent(share, at_most)}"
        for model, share in shares.items()
        if share > at_most
    ]
    message = "; ".join(faults) or "every rule holds back about as many as before"
    return Verdict(
        not faults, f"{message}, at most {percent(at_most)}", max(shares.values()), at_most
    )


GATES: dict[str, Gate] = registered()
