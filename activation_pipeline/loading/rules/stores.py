"""Rules on stores of whole items, and on what is written there for an agent to read.

A store takes an item as a whole and deletes it as a whole, so a contract mirrors it. What an
agent reads it may obey: text is from a closed list, and the reason and the age of a suggestion
travel beside it.

Source: "AI suggestion context for reps on open expansion opportunities".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.loading.places import Finding, Path
from activation_pipeline.loading.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from activation_pipeline.contract import (
        Destination,
        Freshness,
        Launch,
        MappedField,
        Source,
        Workflow,
    )
    from activation_pipeline.manifest import Manifest

_STORES = frozenset({"webhook"})
_OURS = "source_asof"
_NO_TEXT = ("bool", "int", "bigint", "smallint", "tinyint", "hugeint", "double", "float", "real",
            "decimal", "numeric", "number", "date", "time")  # fmt: skip


def stores_are_mirrored(destinations: Mapping[str, Destination]) -> Iterator[Finding]:
    """A store takes whole items and deletes them; other systems take fields, or members."""
    for name, destination in destinations.items():
        path: Path = ("destinations", name)
        is_mirror = destination.behavior == "mirror"
        if _is_store(name, destination):
            if destination.list is not None:
                message = "a store has items and no lists; write fields"
                yield Finding((*path, "list"), "store_has_no_lists", message, at_key=True)
            if not is_mirror:
                message = f"{destination.behavior} is not for a store of items; write mirror"
                yield Finding((*path, "behavior"), "store_is_mirrored", message)
        elif is_mirror and destination.list is None:
            message = (
                "behavior mirror and a list go together; fields take update_only or upsert, "
                "other than in a store of kind webhook"
            )
            yield Finding((*path, "behavior"), "mirror_is_for_lists", message)


def meta_is_for_stores(destinations: Mapping[str, Destination]) -> Iterator[Finding]:
    """Only an item has a place beside its values; its own time is written by us."""
    for name, destination in destinations.items():
        for field, mapped in destination.fields.items():
            path: Path = ("destinations", name, "fields", field)
            if mapped.role == "meta" and not _is_store(name, destination):
                message = "meta is for stores of kind webhook; remove role"
                yield Finding((*path, "role"), "meta_is_for_stores", message)
            if mapped.role == "meta" and field.lower() == _OURS:
                message = f"{_OURS} is written with every item already; name the field otherwise"
                yield Finding(path, "meta_is_ours", message, at_key=True)


def items_are_launched_whole(
    launch: Launch, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """A launch that is limited to some fields would send items without their reason."""
    fields = launch.caveats.fields if launch.caveats else None
    if fields and any(_is_store(name, where) for name, where in destinations.items()):
        message = "limits fields, and a store takes whole items; write at_most or share"
        yield Finding(("launch", "caveats", "fields"), "items_are_whole", message, at_key=True)


def context_goes_to_stores(
    workflow: Workflow, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """A context is an item that ends by itself; a field of a CRM does not."""
    for name, destination in destinations.items():
        if workflow.kind == "ai_context" and not _is_store(name, destination):
            message = "a context goes to a store whose items expire; write kind: webhook"
            yield Finding(("destinations", name), "context_needs_store", message, at_key=True)


def context_has_its_reason(
    workflow: Workflow, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """A suggestion without its reason is held for a person, not shown to one."""
    for name, destination in _contexts(workflow, destinations):
        fields = destination.fields.items()
        reasons = [(f, m) for f, m in fields if m.role == "meta" and "reason" in f.lower()]
        path: Path = ("destinations", name, "fields")
        if not reasons:
            message = (
                "has no reason; map one as in "
                "reason_code: {from: reason_code, role: meta, allowed: [a, b], on_null: flag}"
            )
            yield Finding(path, "context_needs_reason", message, at_key=True)
        for field, mapped in reasons:
            if mapped.on_null != "flag":
                message = (
                    f"on_null {mapped.on_null} sends a suggestion without its reason; write flag"
                )
                yield Finding((*path, field, "on_null"), "context_needs_reason", message)


def context_has_its_age(
    workflow: Workflow, freshness: Freshness, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """The event time is an item's own, so that a refresh reaches the store and renews the item."""
    for name, destination in _contexts(workflow, destinations):
        column = freshness.column
        if not any(m.role == "meta" and m.column == column for m in destination.fields.values()):
            message = (
                f"has no event time; map it as in {shown(column)}: "
                f"{{from: {shown(column)}, role: meta, on_null: flag}}"
            )
            path: Path = ("destinations", name, "fields")
            yield Finding(path, "context_needs_age", message, at_key=True)


def context_is_of_one_time(
    workflow: Workflow, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """An item has one time and one expiry: no older value may be kept in it under a newer one."""
    for name, destination in _contexts(workflow, destinations):
        for field, mapped in destination.fields.items():
            is_reason = mapped.role == "meta" and "reason" in field.lower()
            if mapped.on_null == "preserve" and not is_reason:
                message = (
                    "on_null preserve keeps an older value under the item's newer time; "
                    "write on_null: clear or flag"
                )
                path: Path = ("destinations", name, "fields", field, "on_null")
                yield Finding(path, "context_of_two_times", message)


def context_values_are_closed(
    workflow: Workflow, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """What an agent is given to act on is one of a list of words that people wrote down."""
    for name, destination in _contexts(workflow, destinations):
        for field, mapped in destination.fields.items():
            if mapped.role == "value" and mapped.allowed is None:
                message = (
                    "is a value of any text, and an agent may obey what it reads; list the allowed "
                    "values, or write role: meta for a number or a time"
                )
                path: Path = ("destinations", name, "fields", field)
                yield Finding((*path, "allowed"), "context_is_open", message)


def context_meta_is_no_text(
    workflow: Workflow,
    source: Source,
    destinations: Mapping[str, Destination],
    manifest: Manifest,
) -> Iterator[Finding]:
    """Beside the values there are numbers, times, true and false, and words of a closed list."""
    relation = manifest.relation(source.model)
    types = {} if relation is None else {n.lower(): t for n, t in relation.columns.items()}
    for name, field, mapped in _open_meta(workflow, destinations):
        declared = types.get(mapped.column.lower(), "")
        if relation is None or declared.lower().startswith(_NO_TEXT):
            continue
        found = f"declared as {declared}" if declared else "not declared with a type in its model"
        message = (
            f"{shown(mapped.column)} is {found}, so any text would reach an agent; "
            "list the allowed values"
        )
        path: Path = ("destinations", name, "fields", field, "allowed")
        yield Finding(path, "context_is_open", message)


def _open_meta(
    workflow: Workflow, destinations: Mapping[str, Destination]
) -> Iterator[tuple[str, str, MappedField]]:
    for name, destination in _contexts(workflow, destinations):
        for field, mapped in destination.fields.items():
            if mapped.role == "meta" and mapped.allowed is None:
                yield name, field, mapped


def _contexts(
    workflow: Workflow, destinations: Mapping[str, Destination]
) -> Iterator[tuple[str, Destination]]:
    if workflow.kind == "ai_context":
        yield from ((n, d) for n, d in destinations.items() if _is_store(n, d) and d.fields)


def _is_store(name: str, destination: Destination) -> bool:
    return (destination.kind or name) in _STORES
