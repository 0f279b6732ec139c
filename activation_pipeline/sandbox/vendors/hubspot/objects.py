"""One contact at a time, and the listing of all.

Source: ``destinations.md`` section 3; HubSpot contacts guide, 2026-09 (read 2026-11-21).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.hubspot.saving import (
    Desk,
    desk,
    rendered,
    with_history,
)
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from activation_pipeline.sandbox.shelf import Record

_MOST = 100
_MOST_WITH_HISTORY = 50


def read_json(call: Call) -> Any:
    """Return the body as JSON, or refuse the request."""
    try:
        return call.json()
    except ValueError:
        raise invalid_json("not a JSON document") from None


def invalid_json(message: str) -> Refusal:
    """Make the refusal of a body that cannot be read."""
    return Refusal(400, "VALIDATION_ERROR", f"Invalid input JSON on line 1, column 1: {message}")


def read_properties(body: Any) -> dict[str, str]:
    """Return an input's properties: an object of strings, never numbers or null."""
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        raise invalid_json("properties must be an object")
    for name, value in properties.items():
        if not isinstance(value, str):
            raise invalid_json(
                "Cannot deserialize value of type `java.lang.String` from"
                f" {type(value).__name__} value (through reference chain: properties[{name}])"
            )
    return properties


def names_in(text: str | None) -> list[str]:
    """Return the names of a comma-separated parameter."""
    return [name for name in (text or "").split(",") if name]


def create(call: Call, world: World) -> Answer:
    """POST a contact."""
    place = desk(call, world, call.params["object"])
    properties = read_properties(read_json(call))
    record = place.create(properties)
    return json_answer(rendered(record, [*properties]), 201)


def read(call: Call, world: World) -> Answer:
    """GET a contact by id or by a unique property."""
    place = desk(call, world, call.params["object"])
    return json_answer(_shown(call, place, _found(call, place)))


def update(call: Call, world: World) -> Answer:
    """PATCH a contact by id or by a unique property."""
    place = desk(call, world, call.params["object"])
    properties = read_properties(read_json(call))
    record = _found(call, place)
    if not call.drop.loses(0, record.id):
        record = place.update(record, properties)
    return json_answer(rendered(record, [*properties]))


def archive(call: Call, world: World) -> Answer:
    """DELETE a contact: into the bin; repeating it is no error."""
    place = desk(call, world, call.params["object"])
    record = place.find(None, call.params["id"])
    if record is not None:
        place.archive(record)
    return Answer(204)


def read_page(call: Call, world: World) -> Answer:
    """GET contacts in pages; the last page has no ``paging``."""
    place = desk(call, world, call.params["object"])
    most = _MOST_WITH_HISTORY if call.query.get("propertiesWithHistory") else _MOST
    limit = page_size(call, default=10, most=most)
    archived = call.query.get("archived") == "true"
    found = place.shelf.page(after=call.query.get("after", ""), limit=limit + 1, archived=archived)
    body: dict[str, Any] = {"results": [_shown(call, place, record) for record in found[:limit]]}
    if len(found) > limit:
        after = found[limit - 1].id
        link = f"{call.mount}{call.path}?limit={limit}&after={after}"
        body["paging"] = {"next": {"after": after, "link": link}}
    return json_answer(body)


def page_size(call: Call, *, default: int, most: int) -> int:
    """Return the ``limit`` of a call, or refuse it."""
    text = call.query.get("limit", str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Refusal(
            400, "VALIDATION_ERROR", f"limit must be from 1 to {most} inclusive; it was {text}"
        )
    return int(text)


def _found(call: Call, place: Desk) -> Record:
    field = place.unique_field(call.query.get("idProperty", ""))
    record = place.find(field, call.params["id"])
    if record is None:
        raise Refusal(
            404,
            "OBJECT_NOT_FOUND",
            "Object not found.  objectId are usually numeric.",
        )
    return record


def _shown(call: Call, place: Desk, record: Record) -> dict[str, Any]:
    known = [n for n in names_in(call.query.get("properties")) if place.spec.field(n)]
    shown = rendered(record, known or None)
    past = names_in(call.query.get("propertiesWithHistory"))
    if past:
        shown["propertiesWithHistory"] = with_history(place, record, past)
    return shown
