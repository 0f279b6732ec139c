"""When a launch review should pause: what this contract and its plan show now, and what helps.

Each condition looks at values that are there: the contract, the gates' results, the manifest, the
first review on record. One that cannot be looked at applies, because in doubt nothing is sent.

Source: "When the contract reveals foundation work has to happen first" and "When should a team
pause reverse ETL launch?".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.contract.names import is_data_team, is_exact
from activation_pipeline.notation import written_duration
from activation_pipeline.review.document import Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import GateResult
    from activation_pipeline.review.lineage import Lineage

_FEW = 3


@dataclass(frozen=True)
class Seen:
    """What the conditions look at; ``results`` is empty where no plan was judged.

    ``is_reviewed`` says that the first review was held since the first delivery.
    """

    contract: Contract
    results: Mapping[str, GateResult]
    lineage: Lineage
    is_reviewed: bool
    now: datetime

    def fault(self, gate: str) -> str | None:
        """Say what a gate found wrong, also where somebody signed; None where it passed."""
        result = self.results.get(gate)
        if result is None or result.passed:
            return None
        signed = f" (signed by {result.overridden_by})" if result.overridden_by else ""
        return f"{gate}: {result.message}{signed}"


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def _no_matching_rule(seen: Seen) -> list[str]:
    matching = seen.contract.matching
    inexact = tuple(rule for rule in matching.rules if not is_exact(rule))
    found = [f"{_few(inexact)}: no exact, stable identifier"] if inexact else []
    if not any(spec.name == "match_rate" for spec in seen.contract.gates):
        found.append("no match_rate gate: nobody would notice when records stop matching")
    models = {*map(matching.identity_for, seen.contract.destinations)}
    untested = tuple(name for name in seen.lineage.untested if name in models)
    if untested:
        found.append(f"{_few(untested)}: the matching is not tested")
    return [*found, *filter(None, [seen.fault("match_rate")])]


def _no_field_owner(seen: Seen) -> list[str]:
    owners = seen.contract.owners
    if owners.destination_field == owners.source_model or is_data_team(owners.destination_field):
        return [f"{owners.destination_field} answers for them, who makes the values and no more"]
    return []


def _no_tests_or_lineage(seen: Seen) -> list[str]:
    lineage, source = seen.lineage, seen.contract.source.model
    if lineage.unread:
        return [lineage.unread]
    found = []
    if lineage.unknown:
        found.append(f"{_few(lineage.unknown)}: not built by dbt, so of unknown descent")
    if lineage.rootless:
        found.append(f"{_few(lineage.rootless)}: dbt knows nothing that it is made from")
    if lineage.untested:
        found.append(f"{_few(lineage.untested)}: without any test")
    if source not in (*lineage.unknown, *lineage.untested) and not lineage.key_is_tested:
        found.append(f"{source}.{seen.contract.entity.key}: not tested to be unique")
    return found


def _scattered_rules(seen: Seen) -> list[str]:
    foreign = seen.lineage.foreign
    return [f"{_few(foreign)}: dbt does not build it, so its rule is elsewhere"] if foreign else []


def _no_pause_rule(seen: Seen) -> list[str]:
    watch = seen.contract.monitoring
    found = []
    if not watch.pause_when.model_dump(exclude_defaults=True):
        found.append("monitoring.pause_when sets no limit")
    if is_data_team(watch.restarted_by):
        found.append(f"{watch.restarted_by} restarts it, and no business role")
    return found


def _unexplained_context(seen: Seen) -> list[str]:
    contract = seen.contract
    if contract.workflow.kind != "ai_context":
        return []
    found = []
    for name, destination in contract.destinations.items():
        reasons = [
            f for f, m in destination.fields.items() if "reason" in f"{f} {m.column}".lower()
        ]
        if not reasons:
            found.append(f"{name}: no reason code travels with the value")
    if not contract.suppression.review:
        found.append("suppression.review is empty: no threshold above which a person looks first")
    return found


def _unclear_grain(seen: Seen) -> list[str]:
    return [*filter(None, [seen.fault("grain_unique")])]


def _no_suppression(seen: Seen) -> list[str]:
    gates = ("suppression_ready", "no_suppressed_record")
    return [*filter(None, map(seen.fault, gates))]


def _wrong_freshness(seen: Seen) -> list[str]:
    contract = seen.contract
    stale, window = contract.freshness.stale_after, contract.workflow.decision_window
    found = []
    if stale > window:
        found.append(
            f"stale after {written_duration(stale)}, and worthless after {written_duration(window)}"
        )
    return [*found, *filter(None, [seen.fault("freshness")])]


def _unnoticed_faults(seen: Seen) -> list[str]:
    limits = seen.contract.monitoring.pause_when
    if limits.rejected_above is None and limits.drift_above is None:
        return ["neither rejected_above nor drift_above: what goes wrong there is not measured"]
    return []


def _no_first_review(seen: Seen) -> list[str]:
    due = seen.contract.monitoring.first_review
    if seen.now.date() <= due or seen.is_reviewed:
        return []
    return [f"it was due on {due}, and nobody has recorded one"]


@dataclass(frozen=True)
class _Known:
    name: str
    what: str
    move: str
    find: Callable[[Seen], list[str]]


CONDITIONS = (
    _Known(
        "matching",
        "no stable matching rule",
        "settle which source wins and match by an id that both systems keep, before any write",
        _no_matching_rule,
    ),
    _Known(
        "field_owner",
        "nobody owns the destination fields",
        "name who answers for each field there, before a value is written into it",
        _no_field_owner,
    ),
    _Known(
        "lineage",
        "source models without tests or lineage",
        "add tests and owners to the models; until then the value is for a report",
        _no_tests_or_lineage,
    ),
    _Known(
        "scattered_suppression",
        "suppression rules in several tools",
        "bring every exclusion into a dbt model that this contract names",
        _scattered_rules,
    ),
    _Known(
        "pause_rule",
        "the workflow owner has no pause rule",
        "stay with work by hand, or alert_only, until somebody says what stops it and restarts it",
        _no_pause_rule,
    ),
    _Known(
        "ai_context",
        "an assistant without reason codes or review thresholds",
        "add the reason to each item, and a list of what a person sees first",
        _unexplained_context,
    ),
    _Known(
        "grain",
        "the entity grain is unclear",
        "make the source model one row per entity, and test that",
        _unclear_grain,
    ),
    _Known(
        "suppression",
        "suppression rules are missing",
        "mend the list with its owner; an empty list lets everybody through",
        _no_suppression,
    ),
    _Known(
        "freshness",
        "freshness does not match the risk of the workflow",
        "refresh inside the decision window, or give the decision more time",
        _wrong_freshness,
    ),
    _Known(
        "complaints",
        "an undo depends on somebody complaining",
        "set limits that pause by themselves: rejected_above, drift_above",
        _unnoticed_faults,
    ),
    _Known(
        "first_review",
        "the first review was missed",
        "look at a sample of what was delivered and record the first review, or name a day to come",
        _no_first_review,
    ),
)  # fmt: skip


def conditions(seen: Seen) -> tuple[Condition, ...]:
    """List the conditions that apply now, each with what was found and the better next move."""
    found = ((known, known.find(seen)) for known in CONDITIONS)
    return tuple(
        Condition(known.name, known.what, "; ".join(texts), known.move)
        for known, texts in found
        if texts
    )
