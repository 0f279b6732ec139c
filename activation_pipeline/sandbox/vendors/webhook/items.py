"""Items: what one holds, which value a field takes, and what a person or an export does to one.

An item is a record by its key. Beside the fields of the contract it has some of its own, which
no client writes: version, expiry, event time, contract, run, and the digest of what was sent.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.shelf import Record, Shelf, Writer
from activation_pipeline.sandbox.wire import Edit, Refusal, World

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.sandbox.catalogue import FieldSpec, ObjectSpec

OWN = ("version", "valid_until", "source_asof", "contract", "run", "content_digest")
META = "meta"


def is_own(spec: ObjectSpec, name: str) -> bool:
    """Tell whether a field is the store's own: the key, or one that no client writes."""
    return name == spec.id_field or name in OWN


def role_of(field: FieldSpec) -> str:
    """Say in which part of an item a field travels: ``value`` or ``meta``."""
    return META if field.control == META else "value"


def digest_of(item: Mapping[str, Any]) -> str:
    """Hash what was sent of an item: the same again changes nothing."""
    text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:32]


def problem_of(field: FieldSpec | None, value: Any, section: str) -> tuple[str, str] | None:
    """Say why a field does not take a value: a code and a message; nothing when it does."""
    if field is None:
        return "UNKNOWN_FIELD", "there is no such field"
    if role_of(field) != section:
        return "WRONG_PART", f"the field is {role_of(field)}, not {section}"
    if field.is_read_only:
        return "READ_ONLY_FIELD", "the field cannot be written"
    return None if value is None else _unfit(field, value)


def _unfit(field: FieldSpec, value: Any) -> tuple[str, str] | None:
    if not _fits(field.type, value):
        return "INVALID_TYPE", f"the value is no {field.type}"
    if field.options and value not in {one.value for one in field.options if one.active}:
        return "INVALID_OPTION", f"'{value}' is not one of the options"
    if field.length is not None and len(str(value)) > field.length:
        return "TOO_LONG", f"the text has more than {field.length} characters"
    return None


def _fits(kind: str, value: Any) -> bool:
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind in {"date", "datetime"}:
        return isinstance(value, str) and _is_moment(value)
    return isinstance(value, str)


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def revive(world: World, spec: ObjectSpec, record: Record) -> None:
    """Take a deleted item out of the bin: its key is used again."""
    world.store.run(
        "UPDATE record SET archived=0 WHERE vendor=? AND object=? AND id=?",
        world.vendor,
        spec.name,
        record.id,
    )


def edit(world: World, asked: Edit) -> None:
    """Change one value as a person; null and empty text both clear."""
    shelf = Shelf(world, asked.spec)
    record = shelf.find(asked.record_id)
    field = asked.spec.field(asked.field)
    if record is None or record.archived or field is None or is_own(asked.spec, asked.field):
        raise Refusal(404, "NOT_FOUND", "item not found, or no field that a person edits")
    value = None if asked.value == "" else _typed(field.type, asked.value)
    problem = problem_of(field, value, role_of(field))
    if problem is not None:
        raise Refusal(400, problem[0], f"{asked.field}: {problem[1]}")
    shelf.update(record, {asked.field: value}, Writer("person", asked.by, asked.now))


def adopt(
    world: World, spec: ObjectSpec, row: Mapping[str, str], now: datetime
) -> tuple[str, dict[str, Any]]:
    """Turn a row of an export into an item of version 0."""
    del now
    key = row.get(spec.id_field) or f"item-{world.store.next_number('webhook:item')}"
    values: dict[str, Any] = {spec.id_field: key, "version": 0}
    for name, text in row.items():
        field = spec.field(name)
        values[name] = _typed(field.type, text) if field is not None else text
    return key, values


def _typed(kind: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if kind == "bool":
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind == "number":
        try:
            return int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError:
            return value
    return value
