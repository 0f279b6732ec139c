"""Rules on names that one section uses and another section has to know.

A field that expires has to be mapped, a feed that a suppression rule waits for has to have
its own staleness, and so on; whether models exist is asked in ``lineage``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.loading import known_gates
from activation_pipeline.loading.places import Finding, Path
from activation_pipeline.loading.wording import did_you_mean, listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from activation_pipeline.contract import (
        Destination,
        Freshness,
        GateSpec,
        Launch,
        Source,
        Suppression,
        Workflow,
    )


# Above this, a contract is no contract to read, and finding near names would take minutes.
_MOST_FIELDS = 300
_REMOVED = {"audience": "an audience has none", "ai_context": "a context expires as a whole"}


def expiry_fits_kind(
    workflow: Workflow, freshness: Freshness, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """An expired member or item is removed; a value is cleared, flagged or alerted, by field."""
    path: Path = ("freshness", "on_expiry")
    if workflow.kind in _REMOVED:
        if freshness.on_expiry != "remove":
            message = f"is a section of fields, and {_REMOVED[workflow.kind]}; write remove"
            yield Finding(path, "expiry_kind", message, at_key=True)
    elif isinstance(freshness.on_expiry, str):
        message = f"remove is for audiences, this is of kind {workflow.kind}; write field: clear"
        yield Finding(path, "expiry_kind", message)
    else:
        for field in freshness.on_expiry:
            yield from _unmapped(field, destinations, (*path, field), at_key=True)


def caveat_fields_are_mapped(
    launch: Launch, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """A launch limited to some fields names fields that the contract writes."""
    path: Path = ("launch", "caveats")
    if launch.caveats is None:
        return
    for index, field in enumerate(launch.caveats.fields or ()):
        yield from _unmapped(field, destinations, (*path, "fields", index))
    if launch.caveats.share == 0:
        message = "0 lets nobody through; write a share above 0, or alert_only: true"
        yield Finding((*path, "share"), "empty_share", message)


def gate_fields_are_mapped(
    gates: tuple[GateSpec, ...], destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """A gate that measures a field names one that the contract writes."""
    for index, spec in enumerate(gates):
        field = spec.params.get("field")
        if isinstance(field, str):
            path: Path = ("gates", index, spec.name, "field")
            yield from _unmapped(field, destinations, path)


def what_catches_is_there(workflow: Workflow, suppression: Suppression) -> Iterator[Finding]:
    """What would catch an embarrassment is a gate, or a list of this contract."""
    known = {*known_gates.names(), *suppression.models, *suppression.review}
    for index, name in enumerate(workflow.caught_by):
        if name not in known:
            hint = did_you_mean(name, known) or "; name a gate, or a model under suppression"
            path: Path = ("workflow", "caught_by", index)
            yield Finding(path, "unknown_catch", f"{shown(name)} is neither gate nor list{hint}")


def gates_differ(gates: tuple[GateSpec, ...]) -> Iterator[Finding]:
    """A gate has one set of limits."""
    seen: set[str] = set()
    for index, spec in enumerate(gates):
        name = spec.name
        if name in seen:
            message = f"gate {name} is in the list twice; keep one with all its limits"
            yield Finding(("gates", index, name), "duplicate_gate", message, at_key=True)
        seen.add(name)


def feeds_have_model(source: Source) -> Iterator[Finding]:
    """Each feed's own staleness can be measured."""
    if source.feeds and source.feeds_model is None:
        message = "is missing, and feeds are named; write the dbt model with columns feed, as_of"
        yield Finding(("source", "feeds_model"), "missing", message)


def suppression_feeds_are_known(source: Source, suppression: Suppression) -> Iterator[Finding]:
    """A feed that a suppression rule depends on has its own staleness."""
    for model, rule in suppression.models.items():
        if rule.feed is not None and rule.feed not in source.feeds:
            known = f"; source.feeds has {listed(source.feeds)}"
            hint = did_you_mean(rule.feed, source.feeds) or known
            path: Path = ("suppression", "models", model, "feed")
            yield Finding(path, "unknown_feed", f"{shown(rule.feed)} is not a feed{hint}")


def what_may_be_empty_is_fed(suppression: Suppression) -> Iterator[Finding]:
    """An empty list is believed only while its feed is fresh; a dead load is empty, too."""
    for model, rule in suppression.models.items():
        if rule.may_be_empty and rule.feed is None:
            path: Path = ("suppression", "models", model, "may_be_empty")
            message = "needs a feed, or a dead load would look like an empty list; name its feed"
            yield Finding(path, "empty_without_feed", message)


def suppression_or_review(suppression: Suppression) -> Iterator[Finding]:
    """A model either suppresses or sends to review, not both."""
    for model in suppression.review:
        if model in suppression.models:
            message = f"{shown(model)} is also a suppression model; keep one of the two"
            path: Path = ("suppression", "review", model)
            yield Finding(path, "suppressed_and_reviewed", message, at_key=True)


def holdout_is_a_part(suppression: Suppression) -> Iterator[Finding]:
    """A holdout is some, neither none nor all."""
    if suppression.holdout is not None and suppression.holdout.share in (0, 1):
        who = "nobody" if suppression.holdout.share == 0 else "everybody"
        message = f"holds out {who}; write a share between 0 and 1, or remove the holdout"
        yield Finding(("suppression", "holdout", "share"), "empty_share", message)


def _unmapped(
    field: str, destinations: Mapping[str, Destination], path: Path, *, at_key: bool = False
) -> Iterator[Finding]:
    mapped = {name for destination in destinations.values() for name in destination.fields}
    if field not in mapped:
        near = did_you_mean(field, mapped) if len(mapped) <= _MOST_FIELDS else ""
        hint = near or f"; mapped are {listed(sorted(mapped))}"
        message = f"{shown(field)} is not a field that this contract writes{hint}"
        yield Finding(path, "unmapped_field", message, at_key=at_key)
