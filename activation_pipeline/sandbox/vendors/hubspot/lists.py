"""Static lists: making them, finding them, and who is in them.

Adding and removing are set operations on record ids; ids that do not exist come back and are no
error. A list whose filters decide refuses both. Source: ``destinations.md`` section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.shelf import stamp
from activation_pipeline.sandbox.vendors.hubspot.objects import (
    invalid_json,
    page_size,
    read_json,
)
from activation_pipeline.sandbox.vendors.hubspot.saving import desk
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.sandbox.catalogue import ListSpec

_TYPE = "0-1"
_MOST = 250
_MOST_EMPTIED = 100_000
_FIRST_ID = 2001


def start(world: World, now: datetime) -> None:
    """Make the lists that the set-up names."""
    for spec in world.org.lists:
        _make(world, spec.id, spec.name, spec.processing, now)


def create(call: Call, world: World) -> Answer:
    """POST a list."""
    body = read_json(call)
    wanted = ("name", "objectTypeId", "processingType")
    if not isinstance(body, dict) or not all(isinstance(body.get(key), str) for key in wanted):
        raise invalid_json(f"Some required fields were not set: {list(wanted)}")
    processing = body["processingType"]
    if body["objectTypeId"] != _TYPE or processing not in ("MANUAL", "SNAPSHOT", "DYNAMIC"):
        raise Refusal(400, "VALIDATION_ERROR", "objectTypeId or processingType is not valid")
    if _by_name(world, body["name"]) is not None:
        raise Refusal(
            400,
            "VALIDATION_ERROR",
            "List names must be unique and another list has this name",
            extra={"subCategory": "ListError.DUPLICATE_LIST_NAMES"},
        )
    list_id = str(world.store.next_number("hubspot:list", _FIRST_ID))
    _make(world, list_id, body["name"], processing, call.now)
    return json_answer({"list": _shown(world, list_id)})


def read(call: Call, world: World) -> Answer:
    """GET a list by id."""
    return json_answer({"list": _shown(world, call.params["list"])})


def read_by_name(call: Call, world: World) -> Answer:
    """GET a list by its name, whatever its case."""
    list_id = _by_name(world, call.params["name"])
    if list_id is None or call.params["object"] != _TYPE:
        raise _no_list(call.params["name"])
    return json_answer({"list": _shown(world, list_id)})


def add(call: Call, world: World) -> Answer:
    """PUT record ids into a list."""
    return _change(call, world, _ids(read_json(call)), [])


def remove(call: Call, world: World) -> Answer:
    """PUT record ids out of a list."""
    return _change(call, world, [], _ids(read_json(call)))


def add_and_remove(call: Call, world: World) -> Answer:
    """PUT some record ids in and others out."""
    body = read_json(call)
    if not isinstance(body, dict):
        raise invalid_json("the body must be an object")
    joining, leaving = body.get("recordIdsToAdd", []), body.get("recordIdsToRemove", [])
    return _change(call, world, _ids(joining), _ids(leaving))


def empty(call: Call, world: World) -> Answer:
    """DELETE every member."""
    list_id = _changeable(world, call.params["list"])
    if _size(world, list_id) >= _MOST_EMPTIED:
        raise Refusal(400, "VALIDATION_ERROR", "The list is too large to be emptied at once")
    world.store.run("DELETE FROM member WHERE vendor=? AND list_id=?", world.vendor, list_id)
    return Answer(204)


def members(call: Call, world: World) -> Answer:
    """GET the members in the order of their ids, in pages."""
    return _members(call, world, "record_id")


def members_by_join(call: Call, world: World) -> Answer:
    """GET the members in the order in which they joined, in pages."""
    return _members(call, world, "seq")


def lists_of_record(call: Call, world: World) -> Answer:
    """GET the lists that one record is in."""
    rows = world.store.rows(
        "SELECT list_id, first_at, at FROM member WHERE vendor=? AND record_id=? ORDER BY list_id",
        world.vendor,
        call.params["record"],
    )
    results = [
        {
            "listId": list_id,
            "listVersion": 1,
            "firstAddedTimestamp": _short(first),
            "lastAddedTimestamp": _short(last),
        }
        for list_id, first, last in rows
    ]
    return json_answer({"total": len(results), "results": results})


def _change(call: Call, world: World, joining: list[str], leaving: list[str]) -> Answer:
    list_id = _changeable(world, call.params["list"])
    joining = [rid for place, rid in enumerate(joining) if not call.drop.loses(place, rid)]
    leaving = [rid for place, rid in enumerate(leaving) if not call.drop.loses(place, rid)]
    contacts = desk(call, world, _TYPE)
    missing = [
        record_id
        for place, record_id in enumerate(dict.fromkeys([*joining, *leaving]))
        if contacts.find(None, record_id) is None or call.refuse.loses(place, record_id)
    ]
    absent = set(missing)
    added = [rid for rid in joining if rid not in absent and _join(world, list_id, rid, call.now)]
    removed = [rid for rid in leaving if rid not in absent and _leave(world, list_id, rid)]
    return json_answer(
        {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing}
    )


def _join(world: World, list_id: str, record_id: str, now: datetime) -> bool:
    place = (world.vendor, list_id, record_id)
    if world.store.rows(
        "SELECT 1 FROM member WHERE vendor=? AND list_id=? AND record_id=?", *place
    ):
        return False
    number = world.store.next_number("hubspot:member")
    at = stamp(now)
    world.store.run("INSERT INTO member VALUES (?,?,?,?,?,?)", *place, number, at, at)
    return True


def _leave(world: World, list_id: str, record_id: str) -> bool:
    place = (world.vendor, list_id, record_id)
    here = world.store.rows(
        "SELECT 1 FROM member WHERE vendor=? AND list_id=? AND record_id=?", *place
    )
    world.store.run("DELETE FROM member WHERE vendor=? AND list_id=? AND record_id=?", *place)
    return bool(here)


def _members(call: Call, world: World, order: str) -> Answer:
    list_id = str(_shown(world, call.params["list"])["listId"])
    limit = page_size(call, default=100, most=_MOST)
    after = call.query.get("after", "0" if order == "seq" else "")
    rows = world.store.rows(
        f"SELECT record_id, at, {order} FROM member WHERE vendor=? AND list_id=?"  # noqa: S608  one of two column names
        f" AND {order} > ? ORDER BY {order} LIMIT ?",
        world.vendor,
        list_id,
        int(after) if order == "seq" and after.isdigit() else after,
        limit + 1,
    )
    body: dict[str, Any] = {
        "total": _size(world, list_id),
        "results": [
            {"recordId": r, "membershipTimestamp": _short(at)} for r, at, _ in rows[:limit]
        ],
    }
    if len(rows) > limit:
        last = str(rows[limit - 1][2])
        link = f"{call.mount}{call.path}?limit={limit}&after={last}"
        body["paging"] = {"next": {"after": last, "link": link}}
    return json_answer(body)


def _make(world: World, list_id: str, name: str, processing: ListSpec | str, now: datetime) -> None:
    body = {"processingType": processing, "createdAt": _short(stamp(now))}
    world.store.run(
        "INSERT INTO list VALUES (?,?,?,?)",
        world.vendor,
        list_id,
        name,
        orjson.dumps(body).decode(),
    )


def _shown(world: World, list_id: str) -> dict[str, Any]:
    found = world.store.rows(
        "SELECT name, body FROM list WHERE vendor=? AND id=?", world.vendor, list_id
    )
    if not found:
        raise _no_list(list_id)
    body = orjson.loads(found[0][1])
    return {
        "listId": list_id,
        "listVersion": 1,
        "name": found[0][0],
        "objectTypeId": _TYPE,
        "processingType": body["processingType"],
        "processingStatus": "COMPLETE",
        "createdAt": body["createdAt"],
        "updatedAt": body["createdAt"],
        "size": _size(world, list_id),
    }


def _changeable(world: World, list_id: str) -> str:
    shown = _shown(world, list_id)
    if shown["processingType"] == "DYNAMIC":
        raise Refusal(
            400,
            "VALIDATION_ERROR",
            f"List {list_id} is of processing type DYNAMIC; only MANUAL and SNAPSHOT lists take"
            " membership changes",
            extra={"subCategory": "ListError.INVALID_LIST_PROCESSING_TYPE"},
        )
    return list_id


def _ids(body: Any) -> list[str]:
    if not isinstance(body, list) or not all(isinstance(entry, str) for entry in body):
        raise invalid_json("record ids must be an array of strings")
    return list(dict.fromkeys(body))


def _by_name(world: World, name: str) -> str | None:
    found = world.store.rows(
        "SELECT id FROM list WHERE vendor=? AND lower(name)=lower(?)", world.vendor, name
    )
    return str(found[0][0]) if found else None


def _size(world: World, list_id: str) -> int:
    found = world.store.rows(
        "SELECT count(*) FROM member WHERE vendor=? AND list_id=?", world.vendor, list_id
    )
    return int(found[0][0])


def _no_list(list_id: str) -> Refusal:
    return Refusal(404, "OBJECT_NOT_FOUND", f"List does not exist with ID {list_id}.")


def _short(at: str) -> str:
    return f"{at[:23]}Z"
