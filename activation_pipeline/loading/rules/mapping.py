"""Rules on destinations: their kinds, keys, fields, lists and allowed values.

Source: "Map the destination like it can trigger work, because it can".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.loading.places import Finding
from activation_pipeline.loading.wording import did_you_mean, listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from activation_pipeline.contract import Destination, Workflow
    from activation_pipeline.notation import Scalar


def kind_is_known(
    destinations: Mapping[str, Destination], kinds: tuple[str, ...]
) -> Iterator[Finding]:
    """Every destination is of a kind that this installation can write to."""
    for name, destination in destinations.items():
        kind = destination.kind or name
        if kind in kinds:
            continue
        hint = did_you_mean(kind, kinds) or f"; write kind: with one of {listed(kinds)}"
        path = ("destinations", name, *(("kind",) if destination.kind else ()))
        message = f"{shown(kind)} is not a kind of destination{hint}"
        yield Finding(path, "unknown_kind", message, at_key=destination.kind is None)


def audience_has_list(
    workflow: Workflow, destinations: Mapping[str, Destination]
) -> Iterator[Finding]:
    """An audience is a mirrored list; a score is fields."""
    for name, destination in destinations.items():
        is_audience = workflow.kind == "audience"
        if is_audience and destination.list is None:
            message = "an audience has no fields; write list: and behavior: mirror"
            yield Finding(("destinations", name), "audience_needs_list", message, at_key=True)
        if not is_audience and destination.list is not None:
            message = f"a list is for audiences, and this is of kind {workflow.kind}; write fields"
            path = ("destinations", name, "list")
            yield Finding(path, "list_is_for_audiences", message, at_key=True)


def fields_have_key(destinations: Mapping[str, Destination]) -> Iterator[Finding]:
    """Fields are written to records that an external-id field identifies, and not to that field."""
    for name, destination in destinations.items():
        if destination.list is not None:
            continue
        if destination.key is None:
            message = "is missing; write the destination's external-id field"
            yield Finding(("destinations", name, "key"), "missing", message)
            continue
        for field in destination.fields:
            if field.lower() == destination.key.lower():
                message = f"{shown(field)} identifies the record, so it is not written; remove it"
                path = ("destinations", name, "fields", field)
                yield Finding(path, "key_is_mapped", message, at_key=True)


def field_is_mapped_once(destinations: Mapping[str, Destination]) -> Iterator[Finding]:
    """Two spellings of one field are one field: destinations do not look at case."""
    for name, destination in destinations.items():
        seen: dict[str, str] = {}
        for field in destination.fields:
            first = seen.setdefault(field.lower(), field)
            if first != field:
                message = f"{shown(field)} is {shown(first)} in another spelling; keep one"
                path = ("destinations", name, "fields", field)
                yield Finding(path, "field_mapped_twice", message, at_key=True)


def allowed_is_one_set(destinations: Mapping[str, Destination]) -> Iterator[Finding]:
    """Allowed values are different from each other and of one type."""
    for name, destination in destinations.items():
        for field, mapped in destination.fields.items():
            path = ("destinations", name, "fields", field, "allowed")
            values = mapped.allowed or ()
            if len({_family(value) for value in values}) > 1:
                message = "mixes text, numbers or true and false; write values of one type"
                yield Finding(path, "mixed_types", message, at_key=True)
            seen: set[tuple[str, Scalar]] = set()
            for index, value in enumerate(values):
                if (_family(value), value) in seen:
                    message = f"{shown(value)} is in the list twice; keep one"
                    yield Finding((*path, index), "duplicate_value", message)
                seen.add((_family(value), value))


def _family(value: Scalar) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__
