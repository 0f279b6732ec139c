"""Answers a query: which rows, in what order, a page at a time with a cursor for the rest.

``AccountHistory`` shows the tracked fields only, as an organisation does; ``User`` are the users of
the set-up. Source: ``destinations.md`` section 2, "Read back" and "Edits by others".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.shelf import stamp
from activation_pipeline.sandbox.vendors.salesforce.ids import is_id, long_id, make_id
from activation_pipeline.sandbox.vendors.salesforce.matching import matches, sorted_rows
from activation_pipeline.sandbox.vendors.salesforce.saving import Desk, desk
from activation_pipeline.sandbox.vendors.salesforce.sobjects import version_of
from activation_pipeline.sandbox.vendors.salesforce.soql import Joined, Query, Test, parse_soql
from activation_pipeline.sandbox.vendors.salesforce.values import moment_text, parse_moment
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from activation_pipeline.sandbox.vendors.salesforce.soql import Condition

_PAGE = 2000
_SMALLEST_PAGE = 200
_CURSORS = "salesforce_cursors"
# A user may have ten cursors open; the oldest goes when an eleventh is opened.
_MOST_CURSORS = 10
_HISTORY = {
    "Id": "id",
    "IsDeleted": "boolean",
    "AccountId": "reference",
    "CreatedById": "reference",
    "CreatedDate": "datetime",
    "Field": "picklist",
    "DataType": "picklist",
    "OldValue": "anyType",
    "NewValue": "anyType",
}
_USER = {"Id": "id", "Name": "string", "IsActive": "boolean", "UserType": "picklist"}


def query(call: Call, world: World) -> Answer:
    """GET the first page of a query."""
    parsed = parse_soql(call.query.get("q", ""))
    name, types, rows = _table(call, world, parsed)
    by_fold = {field.lower(): field for field in types}
    for field in _named(parsed):
        if field.lower() not in by_fold:
            raise Refusal(
                400,
                "INVALID_FIELD",
                f"No such column '{field}' on entity '{name}'. If you are attempting to use a"
                " custom field, be sure to append the '__c' after the custom field name.",
            )
    found = [row for row in rows if parsed.where is None or matches(parsed.where, row, types)]
    found = sorted_rows(found, parsed.order, types)[parsed.offset :]
    found = found if parsed.limit is None else found[: parsed.limit]
    if not parsed.fields:
        return json_answer({"totalSize": len(found), "done": True, "records": []})
    fields = [by_fold[field.lower()] for field in parsed.fields]
    return _first_page(call, world, name, [_shown(call, name, fields, row) for row in found])


def more(call: Call, world: World) -> Answer:
    """GET a further page by its cursor."""
    cursor, _, start = call.params["locator"].partition("-")
    kept = world.store.setting(_CURSORS, {}).get(cursor)
    if kept is None or not start.isdigit() or int(start) >= len(kept["records"]):
        raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(call, cursor, kept["records"], int(start), kept["size"])


def _table(
    call: Call, world: World, parsed: Query
) -> tuple[str, dict[str, str], Iterable[dict[str, Any]]]:
    wanted = parsed.object.lower()
    if wanted == "user":
        return "User", _USER, _users(world)
    if world.org.find(parsed.object) is not None:
        place = desk(call, world, parsed.object)
        types = {field.name: field.type for field in place.spec.fields}
        return place.spec.name, types, _records(call, place, parsed.where)
    if wanted.endswith("history") and world.org.find(parsed.object[: -len("history")]):
        place = desk(call, world, parsed.object[: -len("history")])
        own = f"{place.spec.name}Id"
        types = {own if name == "AccountId" else name: kind for name, kind in _HISTORY.items()}
        return f"{place.spec.name}History", types, _history(place, own, parsed.where)
    raise Refusal(400, "INVALID_TYPE", f"sObject type '{parsed.object}' is not supported.")


def _users(world: World) -> list[dict[str, Any]]:
    return [
        {"Id": user.id, "Name": user.label, "IsActive": True, "UserType": "Standard"}
        for user in world.org.users
    ]


def _records(call: Call, place: Desk, where: Condition | None) -> Iterable[dict[str, Any]]:
    ids = _ids_named(place, where)
    if ids is None:
        live = place.shelf.scan()
    else:
        live = (r for r in map(place.shelf.find, sorted(ids)) if r is not None and not r.archived)
    yield from (record.values for record in live)
    if "queryAll" in call.path:
        yield from (record.values for record in place.shelf.scan(archived=True))


def _history(place: Desk, own: str, where: Condition | None) -> Iterable[dict[str, Any]]:
    ids = _values_of(where, own)
    changes = (
        place.shelf.past()
        if ids is None
        else [past for record_id in sorted(ids) for past in place.shelf.past(long_id(record_id))]
    )
    tracked = {field.name: field for field in place.spec.fields if field.tracked}
    for past in sorted(changes, key=lambda change: change.seq):
        if past.field in tracked and not past.born:
            at = parse_moment(past.at)
            yield {
                "Id": make_id("017", past.seq),
                "IsDeleted": False,
                own: past.record_id,
                "CreatedById": past.by_id,
                "CreatedDate": moment_text(at) if at else None,
                "Field": past.field,
                "DataType": "Text",
                "OldValue": past.old,
                "NewValue": past.new,
            }


def _ids_named(place: Desk, where: Condition | None) -> set[str] | None:
    """Return the only ids that can match, from an equality on the id or a key, if there is one."""
    by_id = _values_of(where, place.spec.id_field)
    if by_id is not None:
        return {long_id(value) for value in by_id if is_id(value)}
    for field in place.spec.fields:
        values = _values_of(where, field.name) if field.is_key else None
        if values is not None:
            return {i for value in values for i in place.shelf.ids_by(field, value)}
    return None


def _values_of(where: Condition | None, field: str) -> set[str] | None:
    if isinstance(where, Joined) and where.word == "AND":
        found = [values for part in where.parts if (values := _values_of(part, field)) is not None]
        return found[0] if found else None
    if isinstance(where, Test) and where.field.lower() == field.lower():
        named: tuple[Any, ...] = where.value if where.sign == "IN" else (where.value,)
        if where.sign in ("=", "IN") and all(isinstance(value, str) for value in named):
            return set(named)
    return None


def _named(parsed: Query) -> Iterable[str]:
    yield from parsed.fields
    yield from (order.field for order in parsed.order)
    pending = [parsed.where] if parsed.where is not None else []
    while pending:
        part = pending.pop()
        if isinstance(part, Test):
            yield part.field
        else:
            pending.extend(part.parts)


def _shown(call: Call, name: str, fields: list[str], row: dict[str, Any]) -> dict[str, Any]:
    url = f"/services/data/v{version_of(call)}/sobjects/{name}/{row['Id']}"
    shown: dict[str, Any] = {"attributes": {"type": name, "url": url}}
    shown.update((field, row.get(field)) for field in fields)
    return shown


def _first_page(call: Call, world: World, name: str, records: list[dict[str, Any]]) -> Answer:
    hint = re.search(r"batchSize=(\d+)", call.headers.get("sforce-query-options", ""))
    size = min(_PAGE, max(_SMALLEST_PAGE, int(hint[1]))) if hint else _PAGE
    cursor = make_id("01g", world.store.next_number("salesforce_cursor"))
    if len(records) > size:
        kept = world.store.setting(_CURSORS, {})
        kept[cursor] = {"object": name, "at": stamp(call.now), "size": size, "records": records}
        world.store.keep(_CURSORS, dict(list(kept.items())[-_MOST_CURSORS:]))
    return _page(call, cursor, records, 0, size)


def _page(call: Call, cursor: str, records: list[dict[str, Any]], start: int, size: int) -> Answer:
    end = start + size
    body: dict[str, Any] = {"totalSize": len(records), "done": end >= len(records)}
    if end < len(records):
        body["nextRecordsUrl"] = f"/services/data/v{version_of(call)}/query/{cursor}-{end}"
    return json_answer({**body, "records": records[start:end]})
