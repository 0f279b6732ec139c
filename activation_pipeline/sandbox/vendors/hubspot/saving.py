"""Creating and changing one contact, with what HubSpot checks, lower-cases and stamps.

A refusal is raised before anything of the record is written. Source: ``destinations.md`` section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.shelf import Past, Record, Shelf, Writer
from activation_pipeline.sandbox.vendors.hubspot.values import (
    InvalidValueError,
    checked,
    moment_text,
)
from activation_pipeline.sandbox.wire import Call, Edit, Refusal, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from activation_pipeline.sandbox.catalogue import FieldSpec, ObjectSpec

# Answered when a read names no properties.
_DEFAULT = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
_ALWAYS = ("createdate", "hs_object_id", "lastmodifieddate")
_FIRST_ID = 90_000_000_001
_SOURCES = {"integration": "INTEGRATION", "person": "CRM_UI", "import": "IMPORT"}


class Desk:
    """The contacts, as one user or app works on them in one request."""

    def __init__(self, world: World, spec: ObjectSpec, writer: Writer) -> None:
        """Work on an object of a world."""
        self.world = world
        self.spec = spec
        self.shelf = Shelf(world, spec)
        self._writer = writer

    def unique_field(self, name: str) -> FieldSpec | None:
        """Return the property that finds records, nothing for the record id; or refuse."""
        if name in ("", self.spec.id_field):
            return None
        field = self.spec.field(name)
        if field is None or not field.unique:
            raise Refusal(
                400,
                "VALIDATION_ERROR",
                f"Unable to perform update/upsert by non-unique 0-1 property {name}",
            )
        return field

    def find(self, field: FieldSpec | None, key: str) -> Record | None:
        """Return the live record with this id, or this value of a unique property."""
        if field is not None:
            ids = self.shelf.ids_by(field, key)
            key = ids[0] if ids else ""
        found = self.shelf.find(key)
        return None if found is None or found.archived else found

    def create(self, properties: Mapping[str, str]) -> Record:
        """Save a new contact; 409 when its e-mail is taken."""
        values = self._values(properties, None)
        record_id = str(self.world.store.next_number("hubspot:record", _FIRST_ID))
        now = moment_text(self._writer.at)
        born = {"hs_object_id": record_id, "createdate": now, "lastmodifieddate": now}
        return self.shelf.create(record_id, {**values, **born}, self._writer)

    def update(self, record: Record, properties: Mapping[str, str]) -> Record:
        """Change a contact; the modification date moves only when a value does."""
        values = self._values(properties, record)
        moved = any(record.values.get(name) != value for name, value in values.items())
        if not moved:
            return record
        now = {"lastmodifieddate": moment_text(self._writer.at)}
        return self.shelf.update(record, {**values, **now}, self._writer)

    def archive(self, record: Record) -> None:
        """Put a contact into the bin."""
        self.shelf.archive(record, self._writer)

    def _values(self, properties: Mapping[str, str], record: Record | None) -> dict[str, Any]:
        values: dict[str, Any] = {}
        problems: list[dict[str, Any]] = []
        for name, text in properties.items():
            field = self.spec.field(name)
            if field is None:
                message = f'Property "{name}" does not exist'
                problems.append(_problem(name, "PROPERTY_DOESNT_EXIST", message))
                continue
            try:
                values[name] = checked(field, _appended(field, text, record))
            except InvalidValueError as error:
                problems.append(_problem(name, error.code, error.message))
        problems += self._taken(values, record)
        if problems:
            raise Refusal(
                400,
                "VALIDATION_ERROR",
                f"Property values were not valid: {orjson.dumps(problems).decode()}",
            )
        return self._forward_only(values, record)

    def _taken(self, values: Mapping[str, Any], record: Record | None) -> list[dict[str, Any]]:
        problems = []
        for name, value in values.items():
            field = self.spec.by_name[name]
            if not field.unique or value is None:
                continue
            others = self.shelf.ids_by(field, value)
            if not others or (record is not None and others == [record.id]):
                continue
            if name == "email" and record is None:
                raise Refusal(409, "CONFLICT", f"Contact already exists. Existing ID: {others[0]}")
            message = f'{others[0]} already has the value "{value}" for {name}'
            problems.append(_problem(name, "CONFLICTING_UNIQUE_VALUE", message))
        return problems

    def _forward_only(self, values: dict[str, Any], record: Record | None) -> dict[str, Any]:
        field = self.spec.field("lifecyclestage")
        wanted, has = values.get("lifecyclestage"), record and record.values.get("lifecyclestage")
        if field is not None and wanted and has:
            stages = [option.value for option in field.options]
            if has in stages and stages.index(wanted) < stages.index(has):
                del values["lifecyclestage"]
        return values


def desk(call: Call, world: World, name: str) -> Desk:
    """Return the desk of the integration for an object's API name."""
    spec = world.org.find(name)
    if spec is None:
        raise Refusal(400, "VALIDATION_ERROR", f"Unable to infer object type from: {name}")
    user = world.org.user("integration")
    return Desk(world, spec, Writer(user.kind, user.id, call.now))


def rendered(record: Record, names: Iterable[str] | None) -> dict[str, Any]:
    """Return a contact as JSON: named properties, null when unset, unknown ones left out."""
    wanted = {*(names or _DEFAULT), *_ALWAYS}
    properties = {name: record.values.get(name) for name in sorted(wanted)}
    return {
        "id": record.id,
        "properties": properties,
        "createdAt": record.values.get("createdate"),
        "updatedAt": record.values.get("lastmodifieddate"),
        "archived": record.archived,
    }


def with_history(desk_: Desk, record: Record, names: Iterable[str]) -> dict[str, Any]:
    """Return each named property's values, newest first, with who wrote them."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names if desk_.spec.field(name)}
    for past in desk_.shelf.past(record.id):
        if past.field in found:
            found[past.field].append(_version(desk_.world, past))
    return found


def edit(world: World, asked: Edit) -> None:
    """Change one value as a person; null and empty text both clear."""
    own = Desk(world, asked.spec, Writer("person", asked.by, asked.now))
    record = own.find(None, asked.record_id)
    if record is None:
        raise Refusal(404, "OBJECT_NOT_FOUND", "Object not found")
    text = "" if asked.value is None else str(asked.value)
    own.update(record, {asked.field: text})


def adopt(
    world: World, spec: ObjectSpec, row: Mapping[str, str], now: datetime
) -> tuple[str, dict[str, Any]]:
    """Turn a row of an export into a contact; e-mails are lower-cased, as on every write."""
    values: dict[str, Any] = {"createdate": moment_text(now), "lastmodifieddate": moment_text(now)}
    values.update({name: text for name, text in row.items() if spec.field(name)})
    if "email" in values:
        values["email"] = values["email"].lower()
    if "hs_object_id" not in values:
        number = world.store.next_number("hubspot:record", _FIRST_ID)
        values["hs_object_id"] = str(number)
    return str(values["hs_object_id"]), values


def _version(world: World, past: Past) -> dict[str, Any]:
    person = past.by_kind == "person"
    version: dict[str, Any] = {
        "value": "" if past.new is None else past.new,
        "timestamp": _milliseconds(past.at),
        "sourceType": _SOURCES[past.by_kind],
        "sourceId": f"userId:{past.by_id}" if person else past.by_id,
        "sourceLabel": world.org.label_of(past.by_id),
    }
    if person and past.by_id.isdigit():
        version["updatedByUserId"] = int(past.by_id)
    return version


def _milliseconds(at: str) -> str:
    return f"{at[:23]}Z"


def _appended(field: FieldSpec, text: str, record: Record | None) -> str:
    """Read ``;b`` as "add b" to a multi-checkbox."""
    if field.control != "checkbox" or not text.startswith(";"):
        return text
    has = str((record.values.get(field.name) if record else None) or "").split(";")
    return ";".join(dict.fromkeys(part for part in [*has, *text.split(";")] if part))


def _problem(name: str, code: str, message: str) -> dict[str, Any]:
    return {
        "isValid": False,
        "message": message,
        "error": code,
        "name": name,
        "localizedErrorMessage": message,
    }
