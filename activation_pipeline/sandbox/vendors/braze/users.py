"""Users: how one is found, how a person edits one, and how an export's row becomes one.

A user's record id is its ``external_id``, compared as it is written. Source: ``destinations.md``
section 5.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.shelf import Record, Shelf, Writer
from activation_pipeline.sandbox.vendors.braze.attributes import kept, known_attributes
from activation_pipeline.sandbox.wire import Edit, Refusal, World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from activation_pipeline.sandbox.catalogue import ObjectSpec

# Neither an attribute nor writable: they name the user, or steer the write.
STEERING = frozenset({"external_id", "braze_id", "user_alias", "phone", "push_token_import"})


def shelf_of(world: World) -> Shelf:
    """Return the users of a world."""
    return Shelf(world, world.org.objects[0])


def find_user(shelf: Shelf, named: Mapping[str, Any]) -> Record | None:
    """Return the user that an object names by ``external_id``, else by ``braze_id``."""
    external_id = named.get("external_id")
    if isinstance(external_id, str):
        return shelf.find(external_id)
    field = shelf.spec.field("braze_id")
    ids = shelf.ids_by(field, named["braze_id"]) if field is not None else []
    return shelf.find(ids[0]) if ids else None


def born(external_id: str, now: datetime) -> dict[str, Any]:
    """Return what Braze gives a new user by itself."""
    braze_id = uuid.uuid5(uuid.NAMESPACE_OID, external_id).hex[:24]
    return {"external_id": external_id, "braze_id": braze_id, "created_at": now.isoformat()}


def edit(world: World, asked: Edit) -> None:
    """Change one value as a person; null and empty text both clear."""
    shelf = shelf_of(world)
    record = shelf.find(asked.record_id)
    attribute = known_attributes(world).get(asked.field)
    standard = asked.spec.field(asked.field)
    if record is None or (attribute is None and (standard is None or standard.is_read_only)):
        raise Refusal(404, "", "There is no such user, or no such attribute that can be edited")
    value = None if asked.value == "" else asked.value
    if attribute is not None:
        value = _typed(attribute.type, value)
        taken, value = kept(attribute, value, record.values.get(asked.field))
        if not taken:
            raise Refusal(400, "", f"{asked.field} does not take this value")
    shelf.update(record, {asked.field: value}, Writer("person", asked.by, asked.now))


def adopt(
    world: World, spec: ObjectSpec, row: Mapping[str, str], now: datetime
) -> tuple[str, dict[str, Any]]:
    """Turn a row of an export into a user."""
    external_id = row.get("external_id") or f"user-{world.store.next_number('braze:user')}"
    values = born(external_id, now)
    del values["created_at"]  # when an imported user was created is not known, but surely before
    for name, text in row.items():
        field = spec.field(name)
        values[name] = _typed(field.type, text) if field is not None else text
    return external_id, values


def _typed(kind: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if kind == "Boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind == "Number":
        try:
            return int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError:
            return value
    return value
