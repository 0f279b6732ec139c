"""``/users/export/ids``: up to 50 users as they are, or as they were a moment ago.

A write is visible after ``visible_after_ms``: until then a user is shown as before it, and a new
one not at all. An attribute that is not set is not in the answer. Source: ``destinations.md``
section 5, "Read back" and "Semantics".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.shelf import Record, Shelf, stamp
from activation_pipeline.sandbox.vendors.braze.attributes import known_attributes
from activation_pipeline.sandbox.vendors.braze.users import find_user, shelf_of
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Collection

_MOST = 50


def export_ids(call: Call, world: World) -> Answer:
    """POST external ids, get the users; ids of nobody come back beside them."""
    ids, wanted = _asked(call)
    shelf = shelf_of(world)
    custom = known_attributes(world)
    until = stamp(call.now - timedelta(milliseconds=world.limits["visible_after_ms"]))
    users, invalid = [], []
    for external_id in dict.fromkeys(ids):
        record = find_user(shelf, {"external_id": external_id})
        values = None if record is None else _values_at(shelf, record, until)
        if values is None:
            invalid.append(external_id)
        else:
            users.append(_shown(values, wanted, custom))
    nobody = {"invalid_user_ids": invalid} if invalid else {}
    return json_answer({"message": "success", "users": users, **nobody}, 201)


def _asked(call: Call) -> tuple[list[str], frozenset[str]]:
    try:
        body = call.json()
    except orjson.JSONDecodeError:
        raise Refusal(400, "", "The request body is not valid JSON") from None
    ids = body.get("external_ids") if isinstance(body, dict) else None
    if not isinstance(ids, list) or not all(isinstance(one, str) and one for one in ids):
        raise Refusal(400, "", "external_ids must be an array of strings")
    if not 1 <= len(ids) <= _MOST:
        raise Refusal(400, "", f"From 1 to {_MOST} external_ids are allowed, not {len(ids)}")
    fields = body.get("fields_to_export") or []
    if not isinstance(fields, list) or not all(isinstance(one, str) for one in fields):
        raise Refusal(400, "", "fields_to_export must be an array of strings")
    return ids, frozenset(fields)


def _values_at(shelf: Shelf, record: Record, until: str) -> dict[str, Any] | None:
    created = record.values.get("created_at")
    if created is not None and stamp(datetime.fromisoformat(created)) > until:
        return None
    values = dict(record.values)
    if record.changed_at > until:
        for past in shelf.past(record.id):
            if past.at > until and not past.born:
                values[past.field] = past.old
    return {name: value for name, value in values.items() if value is not None}


def _shown(
    values: dict[str, Any], wanted: frozenset[str], custom: Collection[str]
) -> dict[str, Any]:
    whole = {name: value for name, value in values.items() if name not in custom}
    own = {name: value for name, value in values.items() if name in custom}
    whole["custom_attributes"] = own
    return {name: value for name, value in whole.items() if not wanted or name in wanted}
