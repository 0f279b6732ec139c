"""Rules on what a workflow decides, how exactly it has to match, and how fast it has to be.

Source: "Start with the workflow, not the model name", "Define entity grain before matching
rules" and "Latency aligned to decision criticality".
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from activation_pipeline.contract.names import is_exact
from activation_pipeline.loading.places import Finding
from activation_pipeline.loading.wording import listed, shown
from activation_pipeline.notation import written_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from activation_pipeline.contract import Destination, Entity, Matching, Source, Workflow

_MODEL_NAME = re.compile(r"\b(mart|int|stg|fct|dim|rpt|agg|base|snap)_\w+", re.IGNORECASE)
_PEOPLE = frozenset({"contact", "user"})
# Above these, decisions are made so rarely that a slower and simpler class is enough.
_NEEDED_BELOW = {"real_time": timedelta(hours=1), "micro_batch": timedelta(days=1)}


def decision_is_no_model(workflow: Workflow, source: Source) -> Iterator[Finding]:
    """The decision says what the business does, not which table is synced."""
    text = workflow.decision
    model = source.model.rpartition(".")[2]
    found = _MODEL_NAME.search(text) or re.search(rf"(?<!\w){re.escape(model)}(?!\w)", text)
    if found or not re.search(r"\s", text):
        name = found[0] if found else text
        message = (
            f"{shown(name)} is the name of a model, not a decision; "
            "write who does what with the value, and when"
        )
        yield Finding(("workflow", "decision"), "decision_is_a_model", message)


def latency_is_needed(workflow: Workflow) -> Iterator[Finding]:
    """A fast latency class is chosen only where the decision cannot wait."""
    limit = _NEEDED_BELOW.get(workflow.latency)
    if limit is not None and workflow.decision_window >= limit:
        window = written_duration(workflow.decision_window)
        message = (
            f"{workflow.latency} pays below {written_duration(limit)}, and the decision window "
            f"is {window}; write a slower class"
        )
        path = ("workflow", "latency")
        yield Finding(path, "latency_not_needed", message, severity="warning")


def rules_are_exact(workflow: Workflow, matching: Matching) -> Iterator[Finding]:
    """Where risk is high, records are matched by exact, stable identifiers only."""
    if workflow.risk != "high":
        return
    for index, rule in enumerate(matching.rules):
        if not is_exact(rule):
            message = (
                f"{shown(rule)} is not an exact, stable identifier, and the risk is high; "
                "match by an id that both systems keep"
            )
            yield Finding(("matching", "rules", index), "inexact_rule", message)


def rules_differ(matching: Matching) -> Iterator[Finding]:
    """A match rule has one place in the order of precedence."""
    first = {rule: index for index, rule in reversed(list(enumerate(matching.rules)))}
    for index, rule in enumerate(matching.rules):
        if first[rule] != index:
            message = f"{shown(rule)} is in the list twice; keep the first"
            yield Finding(("matching", "rules", index), "duplicate_value", message)


def role_addresses_are_decided(
    workflow: Workflow, entity: Entity, matching: Matching
) -> Iterator[Finding]:
    """An audience of people says what happens to addresses such as info@."""
    is_people = workflow.kind == "audience" and entity.grain in _PEOPLE
    if is_people and matching.role_based_email is None:
        message = f"is missing in an audience of {entity.grain}s; write exclude or allow"
        yield Finding(("matching", "role_based_email"), "missing", message)


def identity_names_destinations(
    matching: Matching, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """Where identity is one model per destination, each destination has exactly one."""
    if isinstance(matching.identity, str):
        return
    for name in destinations:
        if name not in matching.identity:
            message = f"has no identity model for destination {name}; write {name}: its dbt model"
            yield Finding(("matching", "identity"), "identity_missing", message, at_key=True)
    for name in matching.identity:
        if name not in destinations:
            message = f"{name} is not a destination here, they are {listed(destinations)}"
            path = ("matching", "identity", name)
            yield Finding(path, "unknown_destination", f"{message}; remove it", at_key=True)
