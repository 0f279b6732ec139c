"""``/users/track``: attributes of many users in one call, each taken or refused by itself.

The answer is 201 with the bad objects listed by their place, 400 only when all are bad, and says
nothing of values that were dropped or of users that were not there. Source: ``destinations.md``
section 0 (16 to 18) and section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.shelf import Writer
from activation_pipeline.sandbox.vendors.braze.attributes import kept, known_attributes, made_by
from activation_pipeline.sandbox.vendors.braze.users import STEERING, born, find_user, shelf_of
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARRAYS = ("attributes", "events", "purchases")
_IDENTIFIERS = ("external_id", "user_alias", "braze_id", "email", "phone")
_ALL_BAD = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."


def track(call: Call, world: World) -> Answer:
    """POST attributes, events and purchases."""
    objects = _objects(call, world.limits["objects_per_call"])
    desk = _Desk(call, world)
    errors: list[dict[str, Any]] = []
    processed: dict[str, int] = {}
    for array, entries in objects.items():
        for index, entry in enumerate(entries):
            problem = _problem(entry)
            if problem is None and call.refuse.loses(index, entry.get("external_id")):
                problem = f"'{entry['external_id']}' could not be processed"
            if problem is not None:
                errors.append({"type": problem, "input_array": array, "index": index})
                continue
            processed[f"{array}_processed"] = processed.get(f"{array}_processed", 0) + 1
            lost = call.drop.loses(index, entry.get("external_id"))
            if array == "attributes" and not lost:
                desk.write(entry)
    if not processed:
        raise Refusal(400, "", _ALL_BAD, extra={"errors": errors} if errors else None)
    body = {"message": "success", **processed, **({"errors": errors} if errors else {})}
    return json_answer(body, 201)


def _objects(call: Call, most: int) -> dict[str, list[Any]]:
    try:
        body = call.json()
    except orjson.JSONDecodeError:
        raise Refusal(400, "", "The request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "", "The request body must be an object")
    found = {name: body[name] for name in _ARRAYS if name in body}
    if not all(isinstance(entries, list) for entries in found.values()):
        raise Refusal(400, "", "attributes, events and purchases must be arrays")
    count = sum(len(entries) for entries in found.values())
    if count > most:
        raise Refusal(400, "", f"At most {most} objects are allowed in one request, not {count}")
    return found


def _problem(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return "Each object must be a JSON object"
    given = [name for name in _IDENTIFIERS if entry.get(name) not in (None, "")]
    if not given:
        return "One of 'external_id', 'user_alias', 'braze_id', 'email' or 'phone' is required"
    usable = [name for name in ("external_id", "braze_id") if isinstance(entry.get(name), str)]
    if not usable:
        return f"'{given[0]}' finds no user here; use 'external_id'"
    email = entry.get("email")
    if email is not None and "@" not in str(email):
        return "'email' is not a valid address"
    return None


class _Desk:
    """The users, as one call of the integration changes them."""

    def __init__(self, call: Call, world: World) -> None:
        user = world.org.user("integration")
        self._world = world
        self._shelf = shelf_of(world)
        self._known = known_attributes(world)
        self._writer = Writer(user.kind, user.id, call.now)

    def write(self, entry: Mapping[str, Any]) -> None:
        """Change one user, or make it where the object allows that."""
        record = find_user(self._shelf, entry)
        external_id = entry.get("external_id")
        if record is None:
            if entry.get("_update_existing_only") is True or not isinstance(external_id, str):
                return
            made = {**self._values(entry, {}), **born(external_id, self._writer.at)}
            self._shelf.create(external_id, made, self._writer)
            return
        changes = self._values(entry, record.values)
        if any(record.values.get(name) != value for name, value in changes.items()):
            self._shelf.update(record, changes, self._writer)

    def _values(self, entry: Mapping[str, Any], has: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in entry.items():
            if name in STEERING or name.startswith("_"):
                continue
            standard = self._shelf.spec.field(name)
            if standard is not None and not standard.custom:
                if isinstance(value, str) or value is None:
                    found[name] = value
                continue
            attribute = self._known.get(name) or made_by(self._world, name, value)
            if attribute is None:
                continue
            self._known[name] = attribute
            taken, stored = kept(attribute, value, has.get(name))
            if taken:
                found[name] = stored
        return found
