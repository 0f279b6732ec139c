"""Up to 100 contacts in one call: read, create, update, upsert.

One bad input spoils the whole call, unless every input has its own trace id: then the answer is 207
with results and errors, results in no order. Source: ``destinations.md`` sections 0 (1 to 5) and 3.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.vendors.hubspot.objects import (
    invalid_json,
    read_json,
    read_properties,
)
from activation_pipeline.sandbox.vendors.hubspot.saving import (
    Desk,
    desk,
    rendered,
    with_history,
)
from activation_pipeline.sandbox.vendors.hubspot.values import moment_text
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from activation_pipeline.sandbox.catalogue import FieldSpec

_MOST = 100
_MOST_WITH_HISTORY = 50
_NOT_FOUND = (
    "Could not get some CONTACT objects, they may be deleted or not exist."
    " Check that ids are valid."
)

Input = dict[str, Any]


def read(call: Call, world: World) -> Answer:
    """POST ids, get the contacts; one error entry names all that are missing."""
    place = desk(call, world, call.params["object"])
    body = read_json(call)
    history = _names(body, "propertiesWithHistory")
    inputs = _inputs(body, _MOST_WITH_HISTORY if history else _MOST)
    field = place.unique_field(str(body.get("idProperty") or ""))
    names = [name for name in _names(body, "properties") if place.spec.field(name)]
    results, missing = [], []
    for key in dict.fromkeys(_id(entry) for entry in inputs):
        record = place.find(field, key)
        if record is None:
            missing.append(key)
            continue
        shown = rendered(record, names or None)
        if history:
            shown["propertiesWithHistory"] = with_history(place, record, history)
        results.append(shown)
    errors = [_error("OBJECT_NOT_FOUND", _NOT_FOUND, {"ids": missing})] if missing else []
    return _complete(call, world, results, errors)


def create(call: Call, world: World) -> Answer:
    """POST new contacts."""
    place = desk(call, world, call.params["object"])
    inputs = _inputs(read_json(call), _MOST)

    def save(entry: Input) -> dict[str, Any] | None:
        properties = read_properties(entry)
        return rendered(place.create(properties), [*properties])

    return _each(call, world, inputs, save, status=201)


def update(call: Call, world: World) -> Answer:
    """POST changes by id or by a unique property; nothing is created."""
    place = desk(call, world, call.params["object"])
    inputs = _inputs(read_json(call), _MOST)
    field = _key_field(place, inputs)

    def save(entry: Input) -> dict[str, Any] | None:
        properties = read_properties(entry)
        record = place.find(field, _id(entry))
        if record is None:
            raise Refusal(
                404, "OBJECT_NOT_FOUND", _NOT_FOUND, extra={"context": {"ids": [_id(entry)]}}
            )
        return rendered(place.update(record, properties), [*properties])

    return _each(call, world, inputs, save)


def upsert(call: Call, world: World) -> Answer:
    """POST changes by a unique property; a key without a contact makes one."""
    place = desk(call, world, call.params["object"])
    inputs = _inputs(read_json(call), _MOST)
    field = _key_field(place, inputs)
    if field is None:
        raise Refusal(400, "VALIDATION_ERROR", "idProperty is required to upsert contacts")

    def save(entry: Input) -> dict[str, Any] | None:
        properties = read_properties(entry)
        record = place.find(field, _id(entry))
        if record is None:
            made = place.create({field.name: _id(entry), **properties})
            return {**rendered(made, [*properties]), "new": True}
        return {**rendered(place.update(record, properties), [*properties]), "new": False}

    return _each(call, world, inputs, save)


def _inputs(body: Any, most: int) -> list[Input]:
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        raise invalid_json("inputs must be an array of objects")
    if not 1 <= len(inputs) <= most:
        raise Refusal(
            400,
            "VALIDATION_ERROR",
            f"The number of inputs must be from 1 to {most}; it was {len(inputs)}",
        )
    return inputs


def _names(body: Any, key: str) -> list[str]:
    names = body.get(key) or [] if isinstance(body, dict) else []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid_json(f"{key} must be an array of strings")
    return names


def _id(entry: Input) -> str:
    value = entry.get("id")
    if not isinstance(value, str) or not value:
        raise invalid_json("Some required fields were not set: [id]")
    return value


def _key_field(place: Desk, inputs: list[Input]) -> FieldSpec | None:
    names = {str(entry.get("idProperty") or "") for entry in inputs}
    if len(names) > 1:
        raise Refusal(400, "VALIDATION_ERROR", "All inputs must have the same idProperty")
    field = place.unique_field(names.pop())
    times = Counter(field.fold(_id(entry)) if field else _id(entry) for entry in inputs)
    twice = [key for key, count in times.items() if count > 1]
    if twice:
        raise Refusal(
            400,
            "VALIDATION_ERROR",
            f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique",
            extra={"context": {"ids": twice}},
        )
    return field


def _each(
    call: Call,
    world: World,
    inputs: list[Input],
    save: Callable[[Input], dict[str, Any] | None],
    *,
    status: int = 200,
) -> Answer:
    traces = [entry.get("objectWriteTraceId") for entry in inputs]
    traced = all(isinstance(t, str) and t for t in traces) and len(set(traces)) == len(traces)
    for entry in inputs:
        read_properties(entry)  # a body that cannot be read is refused before anything is written
    results: list[dict[str, Any]] = []
    refused: dict[tuple[str, str], dict[str, list[str]]] = {}
    for position, entry in enumerate(inputs):
        if call.drop.loses(position, entry.get("id")):
            continue
        try:
            _check_rule(call, position, entry)
            shown = save(entry) or {}
        except Refusal as refusal:
            if not traced:
                raise
            context = refused.setdefault((refusal.code, refusal.message), {})
            for name, values in refusal.extra.get("context", {}).items():
                context.setdefault(name, []).extend(values)
            context.setdefault("objectWriteTraceId", []).append(entry["objectWriteTraceId"])
            continue
        if entry.get("objectWriteTraceId"):
            shown["objectWriteTraceId"] = entry["objectWriteTraceId"]
        results.append(shown)
    # Equal problems come as one entry with several ids: entries are not records.
    errors = [_error(code, text, context) for (code, text), context in refused.items()]
    return _complete(call, world, results, errors, status=status)


def _check_rule(call: Call, position: int, entry: Input) -> None:
    """Refuse what an admin's validation rule refuses; the rules hold on writes from 2026-09."""
    if not call.refuse.loses(position, entry.get("id")):
        return
    name, value = next(iter(read_properties(entry).items()), ("", ""))
    told = {"isValid": False, "message": f"{value} breaks a rule", "error": "VALIDATION_RULE"}
    text = orjson.dumps([{**told, "name": name}]).decode()
    raise Refusal(400, "VALIDATION_ERROR", f"Property values were not valid: {text}")


def _error(category: str, message: str, context: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "status": "error",
        "category": category,
        "message": message,
        "context": context,
        "errors": [],
        "links": {},
    }


def _complete(
    call: Call,
    world: World,
    results: list[dict[str, Any]],
    errors: list[dict[str, Any]],
    *,
    status: int = 200,
) -> Answer:
    now = moment_text(call.now)
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": sorted(results, key=lambda shown: _lot(world.seed, shown["id"])),
        "startedAt": now,
        "completedAt": now,
    }
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return json_answer(body, 207 if errors else status)


def _lot(seed: str, record_id: str) -> int:
    return zlib.crc32(f"{seed}:{record_id}".encode())
