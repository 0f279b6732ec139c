"""Up to 200 records in one call: create, update, upsert, read.

The answer is 200 even when every record failed, in the order of the request. Source:
``destinations.md`` section 2, "Collections".
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.salesforce.addressed import (
    check_rule,
    live_record,
    own_id,
    upsert_one,
)
from activation_pipeline.sandbox.vendors.salesforce.ids import is_id, long_id
from activation_pipeline.sandbox.vendors.salesforce.saving import Desk, desk
from activation_pipeline.sandbox.vendors.salesforce.sobjects import (
    chosen_fields,
    external_field,
    read_body,
    rendered,
)
from activation_pipeline.sandbox.vendors.salesforce.values import PARSER_ERROR
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from activation_pipeline.sandbox.catalogue import FieldSpec

_MOST = 200
_MOST_READ = 2000


class _NoneStaysError(Exception):
    """One record failed where all or none were asked for."""


def upsert(call: Call, world: World) -> Answer:
    """PATCH records by an external id."""
    place = desk(call, world, call.params["object"])
    field = external_field(place, call.params["field"])
    records, all_or_none = _records(call, place)
    keys = [_key(field, record) for record in records]
    times = Counter(field.fold(key) for key in keys if key)

    def save(position: int, record: dict[str, Any]) -> dict[str, Any]:
        key = keys[position]
        if key and times[field.fold(key)] > 1:
            raise Refusal(
                400,
                "DUPLICATE_VALUE",
                f"Duplicate external id specified: {key}",
                fields=[field.name],
            )
        check_rule(call, position, key)
        lost = call.drop.loses(position, key)
        return upsert_one(place, field, key, record, lost=lost)

    return _each(world, records, save, all_or_none=all_or_none)


def create(call: Call, world: World) -> Answer:
    """POST new records."""
    records, all_or_none = _records(call, None)

    def save(position: int, record: dict[str, Any]) -> dict[str, Any]:
        place = desk(call, world, _type(record))
        check_rule(call, position, None)
        return {"id": place.create(record), "success": True, "errors": []}

    return _each(world, records, save, all_or_none=all_or_none)


def update(call: Call, world: World) -> Answer:
    """PATCH records by id."""
    records, all_or_none = _records(call, None)
    ids = [own_id(record) for record in records]
    times = Counter(
        long_id(record_id) for record_id in ids if record_id is not None and is_id(record_id)
    )

    def save(position: int, record: dict[str, Any]) -> dict[str, Any]:
        place = desk(call, world, _type(record))
        record_id = ids[position]
        if record_id is None:
            raise Refusal(400, "MISSING_ARGUMENT", "Id not specified in an update call")
        if is_id(record_id) and times[long_id(record_id)] > 1:
            raise Refusal(400, "DUPLICATE_VALUE", f"duplicate id specified: {record_id}")
        found = live_record(place, record_id)
        check_rule(call, position, record_id)
        if not call.drop.loses(position, record_id):
            place.update(found, {k: v for k, v in record.items() if k.lower() != "id"})
        return {"id": found.id, "success": True, "errors": []}

    return _each(world, records, save, all_or_none=all_or_none)


def read(call: Call, world: World) -> Answer:
    """Read records by their ids, in order; null for one that is not there."""
    place = desk(call, world, call.params["object"])
    if call.method == "GET":
        ids: list[Any] = call.query.get("ids", "").split(",")
        fields = call.query.get("fields", "")
    else:
        body = read_body(call)
        named, wanted = body.get("ids"), body.get("fields")
        if not isinstance(named, list) or not isinstance(wanted, list):
            raise Refusal(400, PARSER_ERROR, "ids and fields must be arrays")
        ids, fields = named, ",".join(map(str, wanted))
    if not fields:
        raise Refusal(400, "INVALID_FIELD", "fields is required")
    if len(ids) > _MOST_READ:
        raise Refusal(400, "EXCEEDED_ID_LIMIT", f"record limit reached: at most {_MOST_READ}")
    names = chosen_fields(place, fields)
    found = [
        place.shelf.find(long_id(record_id)) if is_id(record_id) else None for record_id in ids
    ]
    return json_answer(
        [
            rendered(call, place, record, names) if record and not record.archived else None
            for record in found
        ]
    )


def _records(call: Call, place: Desk | None) -> tuple[list[dict[str, Any]], bool]:
    body = read_body(call)
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise Refusal(400, PARSER_ERROR, "records must be an array of objects")
    if len(records) > _MOST:
        raise Refusal(
            400,
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {_MOST} records in this call",
        )
    all_or_none = body.get("allOrNone", False)
    if not isinstance(all_or_none, bool):
        raise Refusal(400, PARSER_ERROR, "allOrNone must be a boolean")
    if place is not None:
        for record in records:
            if not place.spec.answers_to(_type(record)):
                raise Refusal(
                    400, "INVALID_TYPE", f"every record must be of type {place.spec.name}"
                )
    return records, all_or_none


def _type(record: dict[str, Any]) -> str:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise Refusal(400, "INVALID_TYPE", "attributes.type is required on every record")
    return name


def _key(field: FieldSpec, record: dict[str, Any]) -> str | None:
    value = next((v for k, v in record.items() if k.lower() == field.name.lower()), None)
    return value if isinstance(value, str) and value else None


def _each(
    world: World,
    records: list[dict[str, Any]],
    save: Callable[[int, dict[str, Any]], dict[str, Any]],
    *,
    all_or_none: bool,
) -> Answer:
    results: list[dict[str, Any]] = []
    try:
        with world.store.savepoint():
            for position, record in enumerate(records):
                results.append(_attempt(save, position, record))
            if all_or_none:
                _check_all(results)
    except _NoneStaysError:
        results = [_rolled_back() if result["success"] else result for result in results]
    return json_answer(results)


def _check_all(results: list[dict[str, Any]]) -> None:
    if not all(result["success"] for result in results):
        raise _NoneStaysError


def _attempt(
    save: Callable[[int, dict[str, Any]], dict[str, Any]], position: int, record: dict[str, Any]
) -> dict[str, Any]:
    try:
        return save(position, record)
    except Refusal as refusal:
        # A value of the wrong JSON type is found while the body is read: it spoils the request.
        if refusal.code == PARSER_ERROR:
            raise
        return _failed(refusal.code, refusal.message, refusal.fields)


def _failed(code: str, message: str, fields: list[str]) -> dict[str, Any]:
    error = {"statusCode": code, "message": message, "fields": fields}
    return {"success": False, "errors": [error]}


def _rolled_back() -> dict[str, Any]:
    return _failed(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone"
        " header",
        [],
    )
