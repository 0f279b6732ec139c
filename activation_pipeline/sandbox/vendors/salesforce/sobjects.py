"""One record at a time: by id, by an external id, and what changed since.

Source: ``destinations.md`` section 2, "Single upsert" and "Read back".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.shelf import stamp
from activation_pipeline.sandbox.vendors.salesforce.saving import Desk, desk
from activation_pipeline.sandbox.vendors.salesforce.values import moment_text, parse_moment
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from activation_pipeline.sandbox.catalogue import FieldSpec
    from activation_pipeline.sandbox.shelf import Record

# From this version an upsert that changes a record answers 200 with a body, not 204.
_BODY_SINCE = 46


def version_of(call: Call) -> str:
    """Return the version in a path, such as ``59.0``."""
    match = re.match(r"/services/data/v(\d+\.\d)", call.path)
    return match[1] if match else "0.0"


def read_body(call: Call) -> dict[str, Any]:
    """Return the body as an object, or refuse the request."""
    try:
        body = call.json()
    except ValueError:
        raise Refusal(400, "JSON_PARSER_ERROR", "The HTTP entity body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "JSON_PARSER_ERROR", "The HTTP entity body must be a JSON object")
    return body


def record_url(call: Call, place: Desk, record_id: str) -> str:
    """Return the path of a record, from the host of the organisation on."""
    return f"/services/data/v{version_of(call)}/sobjects/{place.spec.name}/{record_id}"


def rendered(call: Call, place: Desk, record: Record, names: Iterable[str]) -> dict[str, Any]:
    """Return a record as JSON with the fields named."""
    shown: dict[str, Any] = {
        "attributes": {"type": place.spec.name, "url": record_url(call, place, record.id)}
    }
    for name in names:
        shown[name] = record.values.get(name)
    return shown


def chosen_fields(place: Desk, text: str | None) -> list[str]:
    """Return the fields that a ``fields`` parameter names; all without one."""
    if not text:
        return [field.name for field in place.spec.fields]
    names = []
    for name in text.split(","):
        field = place.field(name.strip())
        if field is None:
            raise no_such_column(name.strip(), place)
        names.append(field.name)
    return names


def no_such_column(name: str, place: Desk) -> Refusal:
    """Make the refusal of an unknown field in a read."""
    return Refusal(400, "INVALID_FIELD", f"No such column '{name}' on entity '{place.spec.name}'.")


def external_field(place: Desk, name: str) -> FieldSpec:
    """Return a field that records can be found by, or refuse."""
    field = place.field(name)
    if field is None or not (field.external_id or field.name == place.spec.id_field):
        raise Refusal(
            404,
            "NOT_FOUND",
            f"Provided external ID field does not exist or is not accessible: {name}",
        )
    return field


def by_external_id(call: Call, place: Desk, field: FieldSpec, value: str) -> Record | None:
    """Return the one record with this external id, nothing, or refuse with 300 on several."""
    if field.name == place.spec.id_field:
        return place.live(value)
    ids = place.shelf.ids_by(field, value)
    if len(ids) > 1:
        urls = [record_url(call, place, record_id) for record_id in ids]
        raise Refusal(300, "MULTIPLE_CHOICES", "", extra={"records": urls})
    return place.shelf.find(ids[0]) if ids else None


def create(call: Call, world: World) -> Answer:
    """POST a record."""
    place = desk(call, world, call.params["object"])
    body = read_body(call)
    if any(name.lower() == "id" for name in body):
        raise Refusal(
            400,
            "INVALID_FIELD",
            "The Id field should not be specified in the sobject data.",
            fields=["Id"],
        )
    record_id = place.create(body)
    location = {"Location": record_url(call, place, record_id)}
    return json_answer({"id": record_id, "success": True, "errors": []}, 201, location)


def read(call: Call, world: World) -> Answer:
    """GET a record by id."""
    place = desk(call, world, call.params["object"])
    record = place.live(call.params["id"])
    names = chosen_fields(place, call.query.get("fields"))
    return json_answer(rendered(call, place, record, names))


def update(call: Call, world: World) -> Answer:
    """PATCH a record by id."""
    place = desk(call, world, call.params["object"])
    body = read_body(call)
    record = place.live(call.params["id"])
    if not call.drop.loses(0, record.id):
        place.update(record, body)
    return Answer(204)


def delete(call: Call, world: World) -> Answer:
    """DELETE a record by id."""
    place = desk(call, world, call.params["object"])
    place.delete(place.live(call.params["id"]))
    return Answer(204)


def read_by_key(call: Call, world: World) -> Answer:
    """GET a record by an external id."""
    place = desk(call, world, call.params["object"])
    field = external_field(place, call.params["field"])
    record = by_external_id(call, place, field, call.params["value"])
    if record is None:
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
    names = chosen_fields(place, call.query.get("fields"))
    return json_answer(rendered(call, place, record, names))


def upsert(call: Call, world: World) -> Answer:
    """PATCH a record by an external id; create it if there is none."""
    place = desk(call, world, call.params["object"])
    field = external_field(place, call.params["field"])
    body = read_body(call)
    both = [name for name in body if name.lower() in (field.name.lower(), "id")]
    if both:
        raise Refusal(
            400,
            "INVALID_FIELD",
            f"The {both[0]} field should not be specified in the sobject data.",
            fields=[both[0]],
        )
    record = by_external_id(call, place, field, call.params["value"])
    if record is not None:
        if not call.drop.loses(0, call.params["value"]):
            place.update(record, body)
        return _upserted(call, place, record.id, created=False)
    if call.query.get("updateOnly", "").lower() == "true":
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
    record_id = place.create({**body, field.name: call.params["value"]})
    return _upserted(call, place, record_id, created=True)


def updated(call: Call, world: World) -> Answer:
    """GET the ids of records changed in a span of time."""
    place = desk(call, world, call.params["object"])
    span = []
    for name in ("start", "end"):
        # A plus that the client left unencoded arrives as a space.
        parsed = parse_moment(call.query.get(name, "").replace(" ", "+"))
        if parsed is None:
            raise Refusal(400, "INVALID_ARGUMENT", f"{name} is not a valid date time")
        span.append(parsed)
    if span[0] >= span[1]:
        raise Refusal(
            400, "INVALID_REPLICATION_DATE", f"startDate: {moment_text(span[0])} is after endDate"
        )
    found = place.shelf.changed_between(stamp(span[0]), stamp(span[1]))
    latest = moment_text(min(span[1], call.now).replace(second=0, microsecond=0))
    return json_answer({"ids": [record.id for record in found], "latestDateCovered": latest})


def _upserted(call: Call, place: Desk, record_id: str, *, created: bool) -> Answer:
    if not created and int(version_of(call).split(".")[0]) < _BODY_SINCE:
        return Answer(204)
    body = {"id": record_id, "success": True, "errors": [], "created": created}
    location = {"Location": record_url(call, place, record_id)} if created else {}
    return json_answer(body, 201 if created else 200, location)
