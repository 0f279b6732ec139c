"""Creating and changing one record, with everything that Salesforce checks and stamps.

One record's refusal is raised before anything of it is written, so a caller may go on with the
next. Source: ``destinations.md`` section 2, "Record errors".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.shelf import Record, Shelf, Writer
from activation_pipeline.sandbox.vendors.salesforce.ids import is_id, long_id, make_id
from activation_pipeline.sandbox.vendors.salesforce.values import checked, moment_text, parse_moment
from activation_pipeline.sandbox.wire import Call, Edit, Refusal, World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from activation_pipeline.sandbox.catalogue import FieldSpec, ObjectSpec


class Desk:
    """One object, as one user works on it in one request."""

    def __init__(self, world: World, spec: ObjectSpec, writer: Writer) -> None:
        """Work on an object of a world."""
        self.world = world
        self.spec = spec
        self.shelf = Shelf(world, spec)
        self._writer = writer
        self._by_fold = {field.name.lower(): field for field in spec.fields}
        self._unique = [field for field in spec.fields if field.unique]
        now = moment_text(writer.at.replace(microsecond=0))
        self._stamps = {
            "LastModifiedDate": now,
            "LastModifiedById": writer.id,
            "SystemModstamp": now,
        }

    def field(self, name: str) -> FieldSpec | None:
        """Return a field; the case of its name does not matter."""
        return self._by_fold.get(name.lower())

    def live(self, record_id: str) -> Record:
        """Return the record of an id, or refuse as a single call does."""
        if not is_id(record_id) or not record_id.startswith(self.spec.id_prefix):
            raise Refusal(
                400,
                "MALFORMED_ID",
                f"{self.spec.label} ID: id value of incorrect type: {record_id}",
            )
        found = self.shelf.find(long_id(record_id))
        if found is None:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        if found.archived:
            raise Refusal(404, "ENTITY_IS_DELETED", "entity is deleted")
        return found

    def create(self, body: Mapping[str, Any]) -> str:
        """Save a new record; return its id."""
        values = self._values(body, creating=True)
        missing = [f.name for f in self.spec.fields if f.required and values.get(f.name) is None]
        if missing:
            raise Refusal(
                400,
                "REQUIRED_FIELD_MISSING",
                f"Required fields are missing: [{', '.join(missing)}]",
                fields=missing,
            )
        self._check_unique(values, None)
        number = self.world.store.next_number(f"salesforce:{self.spec.name}")
        record_id = make_id(self.spec.id_prefix, number)
        born = {
            "Id": record_id,
            "IsDeleted": False,
            "OwnerId": self._writer.id,
            "CreatedDate": self._stamps["SystemModstamp"],
            "CreatedById": self._writer.id,
        }
        self.shelf.create(record_id, {**born, **values, **self._stamps}, self._writer)
        return record_id

    def update(self, record: Record, body: Mapping[str, Any]) -> None:
        """Change a record; its modification stamps move even when no value does."""
        values = self._values(body, creating=False)
        self._check_unique(values, record.id)
        self.shelf.update(record, {**values, **self._stamps}, self._writer)

    def delete(self, record: Record) -> None:
        """Put a record into the bin."""
        marked = self.shelf.update(record, {"IsDeleted": True, **self._stamps}, self._writer)
        self.shelf.archive(marked, self._writer)

    def _values(self, body: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
        named = {name: value for name, value in body.items() if name != "attributes"}
        unknown = next((name for name in named if self.field(name) is None), None)
        if unknown is not None:
            raise Refusal(
                400,
                "INVALID_FIELD",
                f"No such column '{unknown}' on sobject of type {self.spec.name}",
            )
        pairs = [(self._by_fold[name.lower()], value) for name, value in named.items()]
        values: dict[str, Any] = {}
        problem: Refusal | None = None
        for field, value in pairs:
            try:
                values[field.name] = checked(field, value)
            except Refusal as refusal:
                if refusal.code == "JSON_PARSER_ERROR":
                    raise
                problem = problem or refusal
        locked = [f.name for f, _ in pairs if not (f.createable if creating else f.updateable)]
        if locked:
            raise Refusal(
                400,
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {', '.join(locked)}. Please check the security"
                " settings of this field and verify that it is read/write for your profile or"
                " permission set.",
                fields=locked,
            )
        if problem is not None:
            raise problem
        return values

    def _check_unique(self, values: Mapping[str, Any], own_id: str | None) -> None:
        for field in self._unique:
            if values.get(field.name) is None:
                continue
            other = [i for i in self.shelf.ids_by(field, values[field.name]) if i != own_id]
            if other:
                raise Refusal(
                    400,
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {field.name} duplicates value on record with id:"
                    f" {other[0]}",
                    fields=[],
                )


def desk(call: Call, world: World, name: str) -> Desk:
    """Return the desk of the integration user for an object's API name."""
    spec = world.org.find(name)
    if spec is None:
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
    user = world.org.user("integration")
    return Desk(world, spec, Writer(user.kind, user.id, call.now))


def edit(world: World, asked: Edit) -> None:
    """Change one value as a person."""
    own = Desk(world, asked.spec, Writer("person", asked.by, asked.now))
    own.update(own.live(asked.record_id), {asked.field: asked.value})


def adopt(
    world: World, spec: ObjectSpec, row: Mapping[str, str], now: datetime
) -> tuple[str, dict[str, Any]]:
    """Turn a row of an export into a record; read-only fields keep the export's values."""
    admin = world.org.user("person").id
    moment = moment_text(now.replace(microsecond=0))
    values: dict[str, Any] = {
        "IsDeleted": False,
        "OwnerId": admin,
        "CreatedDate": moment,
        "CreatedById": admin,
        "LastModifiedDate": moment,
        "LastModifiedById": admin,
        "SystemModstamp": moment,
    }
    for name, text in row.items():
        values[name] = _from_text(spec.by_name[name], text)
    return str(values["Id"]), values


def _from_text(field: FieldSpec, text: str) -> Any:
    if field.type == "boolean":
        return text.lower() in ("true", "1")
    if field.type in ("double", "currency", "percent", "int"):
        return float(text)
    if field.type == "datetime":
        parsed = parse_moment(text.replace(" ", "T"))
        return moment_text(parsed) if parsed else text
    return text
