"""Every rule of ``monitoring.pause_when``: what it observes in the facts, against its limit.

A limit is inclusive: at it, the workflow still runs. Shares are compared as fractions, so that
0.98 less 0.95 is 0.03 and not a little more. A rule without a fact is silent: what cannot be
measured is stopped by gates, not by a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from activation_pipeline.notation import without_addresses, written_duration
from activation_pipeline.verdict import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.incident import IncidentClass
    from activation_pipeline.pause_rules.facts import Facts

_HOUR = timedelta(hours=1)
_LONGEST_WHY = 160
_NOT_MATCHED = ("unmatched", "ambiguous", "colliding")


@dataclass(frozen=True)
class Reading:
    """One rule's word on one contract, or on one of its destinations.

    ``observed`` is a share, a count or hours, as ``limit`` is; None where there is nothing to look
    at. ``owner`` has to act where it breaks; ``plan`` is what was sent and is at fault.
    """

    rule: str
    destination: str | None
    observed: float | None
    limit: float
    message: str
    owner: str
    breaks: bool = False
    plan: str | None = None

    @property
    def margin(self) -> float | None:
        """Say how much is left until the limit; negative where it is broken."""
        return None if self.observed is None else round(self.limit - self.observed, 6)


def readings(contract: Contract, facts: Facts, *, now: datetime) -> tuple[Reading, ...]:
    """Ask every rule that the contract sets a limit for."""
    rules = contract.monitoring.pause_when
    found: list[Reading] = []
    for name, rule in RULES.items():
        limit = getattr(rules, name)
        if limit is not None:
            found += rule.observe(contract, facts, limit, now)
    return tuple(found)


def broken(contract: Contract, facts: Facts, *, now: datetime) -> tuple[Reading, ...]:
    """List the readings that are beyond their limit."""
    return tuple(each for each in readings(contract, facts, now=now) if each.breaks)


def _rejected(contract: Contract, facts: Facts, limit: float, _: datetime) -> Iterator[Reading]:
    """Share of a plan's records that the destination refused.

    While a delivery is at work, the records to come count as if they were all accepted: it stops
    as soon as the limit is surely broken, and not for the bad luck of its first batch.
    """
    for name in contract.destinations:
        sent = facts.answered.get(name)
        if sent is None:
            yield _nothing(contract, "rejected_above", limit, "no answer since", name)
            continue
        whole = sent.answered + sent.to_come
        share = Fraction(sent.rejected, whole)
        yield Reading(
            rule="rejected_above",
            destination=name,
            observed=_rounded(share),
            limit=limit,
            message=f"{name}: {sent.rejected:,} of {whole:,} records rejected: "
            f"{percent(float(share), limit)}, at most {percent(limit)}",
            owner=contract.owners.destination_field,
            breaks=_is_beyond(share, limit),
            plan=sent.plan,
        )


def _drift(contract: Contract, facts: Facts, limit: float, _: datetime) -> Iterator[Reading]:
    """Share of read-back records that are not as we delivered them."""
    for name in contract.destinations:
        read = facts.read_back.get(name)
        total = sum(read.counts.values()) if read else 0
        if read is None or not total:
            yield _nothing(contract, "drift_above", limit, "not read back since", name)
            continue
        differing = total - read.counts.get("agrees", 0)
        share = Fraction(differing, total)
        yield Reading(
            rule="drift_above",
            destination=name,
            observed=_rounded(share),
            limit=limit,
            message=f"{name}: {differing:,} of {total:,} records are not as delivered: "
            f"{percent(float(share), limit)}, at most {percent(limit)}",
            owner=contract.owners.destination_field,
            breaks=_is_beyond(share, limit),
            plan=read.plan,
        )


def _failed(contract: Contract, facts: Facts, limit: int, _: datetime) -> Iterator[Reading]:
    """Runs in a row that made no plan or broke off; one that was stopped counts neither way."""
    known = [run for run in facts.runs if run.failed is not None]
    ended = next((at for at, run in enumerate(known) if not run.failed), len(known))
    newest = known[0] if ended else None
    last = ""
    if newest is not None:
        where = f"{newest.destination}: " if newest.destination else ""
        last = f"; the last one: {where}{without_addresses(newest.why)[:_LONGEST_WHY]}"
    # The contract names the count that pauses; one less still runs.
    at_most = limit - 1
    owners = contract.owners
    at_source = newest is None or newest.destination is None
    yield Reading(
        rule="failed_runs",
        destination=newest.destination if newest else None,
        observed=float(ended),
        limit=float(at_most),
        message=f"{ended} failed runs in a row, at most {at_most}{last}",
        owner=owners.source_model if at_source else owners.destination_field,
        breaks=ended > at_most,
        plan=newest.plan if newest else None,
    )


def _match(contract: Contract, facts: Facts, limit: float, _: datetime) -> Iterator[Reading]:
    """How far the share of matched candidates fell since the last plan that was delivered."""
    counted = facts.counted
    now = _matched(counted.now) if counted else None
    before = _matched(counted.before) if counted and counted.before else None
    if counted is None or now is None or before is None:
        yield _nothing(contract, "match_rate_fall", limit, "no plan to compare since")
        return
    fall = max(before - now, Fraction(0))
    yield Reading(
        rule="match_rate_fall",
        destination=None,
        observed=_rounded(fall),
        limit=limit,
        message=f"match rate {percent(float(before))} -> {percent(float(now))} since the last "
        f"delivered plan: a fall of {percent(float(fall), limit)}, at most {percent(limit)}",
        owner=contract.owners.source_model,
        breaks=_is_beyond(fall, limit),
        plan=counted.plan if counted.was_sent else None,
    )


def _suppression(contract: Contract, facts: Facts, limit: float, _: datetime) -> Iterator[Reading]:
    """The largest change of what one rule holds back, up or down, since the last delivered plan."""
    counted = facts.counted
    if counted is None or counted.before is None:
        yield _nothing(contract, "suppression_change", limit, "no plan to compare since")
        return
    was, now = counted.before.get("suppressed", {}), counted.now.get("suppressed", {})
    rules = contract.suppression.models
    shares = {name: _changed(was.get(name, 0), now.get(name, 0)) for name in rules}
    worst = max(shares, key=lambda name: shares[name])
    share = shares[worst]
    yield Reading(
        rule="suppression_change",
        destination=None,
        observed=_rounded(share),
        limit=limit,
        message=f"{worst} held back {was.get(worst, 0):,}, now {now.get(worst, 0):,}: a change of "
        f"{percent(float(share), limit)}, at most {percent(limit)}",
        owner=rules[worst].owner,
        breaks=_is_beyond(share, limit),
        plan=counted.plan if counted.was_sent else None,
    )


def _overdue(
    contract: Contract, facts: Facts, limit: timedelta, now: datetime
) -> Iterator[Reading]:
    """How long a run has been missing."""
    due = facts.missed
    told = (
        f"no run since {due:%Y-%m-%d %H:%M} UTC, when one was due" if due else "no run is missing"
    )
    yield _late("overdue", due, limit, now, told=told, owner=contract.owners.source_model)


def _unreviewed(
    contract: Contract, facts: Facts, limit: timedelta, now: datetime
) -> Iterator[Reading]:
    """How long the first review has been missing."""
    day = contract.monitoring.first_review
    told = f"the first review of {day} is {'missing' if facts.unreviewed else 'not late'}"
    yield _late(
        "first_review_missed",
        facts.unreviewed,
        limit,
        now,
        told=told,
        owner=contract.owners.workflow,
    )


def _late(
    rule: str, since: datetime | None, limit: timedelta, now: datetime, *, told: str, owner: str
) -> Reading:
    late = now - since if since else timedelta(0)
    by = f": {timedelta(seconds=int(late.total_seconds()))} late" if since else ""
    return Reading(
        rule=rule,
        destination=None,
        observed=round(late / _HOUR, 6),
        limit=limit / _HOUR,
        message=f"{told}{by}, at most {written_duration(limit)}",
        owner=owner,
        breaks=late > limit,
    )


@dataclass(frozen=True)
class _Rule:
    observe: Callable[[Contract, Facts, Any, datetime], Iterator[Reading]]
    incident_class: IncidentClass


RULES: Mapping[str, _Rule] = {
    "rejected_above": _Rule(_rejected, "destination_logic"),
    "drift_above": _Rule(_drift, "destination_logic"),
    "failed_runs": _Rule(_failed, "destination_logic"),
    "match_rate_fall": _Rule(_match, "identity"),
    "suppression_change": _Rule(_suppression, "suppression"),
    "overdue": _Rule(_overdue, "freshness"),
    "first_review_missed": _Rule(_unreviewed, "destination_logic"),
}


def _matched(measures: Mapping[str, Any]) -> Fraction | None:
    total = measures.get("candidates", 0)
    lost = sum(measures["dispositions"].get(name, 0) for name in _NOT_MATCHED)
    return Fraction(total - lost, total) if total else None


def _changed(was: int, now: int) -> Fraction:
    return Fraction(abs(now - was), was) if was else Fraction(now > 0)


def _is_beyond(share: Fraction, limit: float) -> bool:
    return share > Fraction(str(limit))


def _rounded(share: Fraction) -> float:
    return round(float(share), 6)


def _nothing(
    contract: Contract, rule: str, limit: float, why: str, destination: str | None = None
) -> Reading:
    where = f"{destination}: " if destination else ""
    message = f"{where}{why} it was launched or last resumed"
    return Reading(rule, destination, None, limit, message, contract.owners.workflow)
