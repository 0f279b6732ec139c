"""What one Salesforce object can take, out of its describe, and whether a mapping fits it.

Field names are compared without case, as Salesforce does. A field that the API user may not
see is missing from the describe, so it is reported as missing. No request is made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activation_pipeline.destinations import MappingFault
from activation_pipeline.destinations._codecs import Encoder, FieldRule, Kind, decoder, encoder
from activation_pipeline.destinations._values import NotExactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from activation_pipeline.contract import MappedField
    from activation_pipeline.destinations import Target

_TEXT_TYPES = (
    "string",
    "textarea",
    "picklist",
    "multipicklist",
    "combobox",
    "email",
    "phone",
    "url",
    "id",
    "reference",
    "encryptedstring",
)
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(_TEXT_TYPES, "text"),
    **dict.fromkeys(("int", "long", "double", "currency", "percent"), "number"),
    "boolean": "bool",
    "date": "date",
    "datetime": "datetime",
}
# Field reference, "Date Fields": dates are kept from 1700-01-01 to 4000-12-31.
_YEARS = (1700, 4000)


@dataclass(frozen=True, slots=True)
class SField:
    """One field of the describe, with what is needed to write and compare it."""

    name: str
    type: str
    rule: FieldRule | None
    updateable: bool
    createable: bool
    nillable: bool
    is_key: bool
    case_sensitive: bool
    needed_on_create: bool
    active_values: frozenset[str] | None

    def can_be_written(self, behavior: str) -> bool:
        """Tell whether the API user may set the field in the ways that a behavior needs."""
        if behavior == "update_only":
            return self.updateable
        return self.createable and (self.updateable or behavior == "create_only")


@dataclass(frozen=True, slots=True)
class SObject:
    """One object: its API name and its fields by lower-case name."""

    name: str
    fields: Mapping[str, SField]

    def field(self, name: str) -> SField | None:
        """Find a field by any spelling of its name."""
        return self.fields.get(name.lower())

    def encoders(self, names: Mapping[str, object]) -> dict[str, tuple[str, Encoder]]:
        """Make an encoder for each of these fields that exists and has a type we can write."""
        found = ((name, self.field(name)) for name in names)
        return {
            name: (field.name, encoder(field.rule)) for name, field in found if field and field.rule
        }

    def decoders(self, names: tuple[str, ...]) -> dict[str, tuple[str, Encoder]]:
        """Make a decoder for each of these fields that exists."""
        found = ((name, self.field(name)) for name in names)
        return {
            name: (field.name, decoder(field.rule or FieldRule("text")))
            for name, field in found
            if field
        }


def sobject_from(describe: Mapping[str, Any]) -> SObject:
    """Read the answer of ``sobjects/<object>/describe``."""
    fields = (_field_from(raw) for raw in describe["fields"])
    return SObject(str(describe["name"]), {field.name.lower(): field for field in fields})


def _field_from(raw: Mapping[str, Any]) -> SField:
    kind = _KINDS.get(raw["type"])
    options = frozenset(
        str(one["value"]) for one in raw.get("picklistValues") or () if one.get("active")
    )
    nillable, createable = bool(raw.get("nillable")), bool(raw.get("createable"))
    return SField(
        name=str(raw["name"]),
        type=str(raw["type"]),
        rule=_rule_from(kind, raw) if kind else None,
        updateable=bool(raw.get("updateable")),
        createable=createable,
        nillable=nillable,
        is_key=bool(raw.get("externalId") or raw.get("idLookup")),
        case_sensitive=bool(raw.get("caseSensitive")),
        needed_on_create=createable
        and not nillable
        and not raw.get("defaultedOnCreate")
        and raw["type"] != "boolean",
        active_values=options if raw.get("restrictedPicklist") else None,
    )


def _rule_from(kind: Kind, raw: Mapping[str, Any]) -> FieldRule:
    if kind == "text":
        return FieldRule(kind, longest=int(raw.get("length") or 0) or None)
    if kind == "number":
        whole = raw["type"] in {"int", "long"}
        digits = int(raw.get("digits" if whole else "precision") or 0) or None
        return FieldRule(kind, digits=digits, scale=0 if whole else _scale(raw, digits))
    return FieldRule(kind, years=_YEARS)


def _scale(raw: Mapping[str, Any], digits: int | None) -> int | None:
    return None if digits is None else int(raw.get("scale") or 0)


def mapping_faults(target: Target, sobject: SObject) -> tuple[MappingFault, ...]:
    """Find every reason why this object cannot take what the contract maps."""
    return tuple(_all_faults(target, sobject))


def _all_faults(target: Target, sobject: SObject) -> Iterator[MappingFault]:
    yield from _key_faults(target, sobject)
    for name, mapped in target.fields.items():
        path = f"fields.{name}"
        if target.key is not None and name.lower() == target.key.lower():
            yield MappingFault(path, "is also the key; map the key or the field, not both")
        field = sobject.field(name)
        if field is None:
            yield MappingFault(
                path, f"{sobject.name} has no such field that we may see; check name and access"
            )
            continue
        yield from (MappingFault(path, text) for text in _field_faults(field, mapped, target))
        yield from (
            MappingFault(f"{path}.allowed", text) for text in _allowed_faults(field, mapped)
        )
    if target.behavior == "create_only":
        yield from _missing_on_create(target, sobject)


def _key_faults(target: Target, sobject: SObject) -> Iterator[MappingFault]:
    if target.key is None:
        if target.behavior == "upsert":
            yield MappingFault("key", "is missing; upsert needs an external id field")
        return
    key = sobject.field(target.key)
    if key is None:
        yield MappingFault("key", f"{sobject.name} has no field {target.key} that we may see")
    elif not key.is_key:
        yield MappingFault("key", f"{key.name} is not an external id; mark it as one there")
    elif target.behavior != "update_only" and not key.createable:
        yield MappingFault("key", f"{key.name} cannot be set on a new record; check access")


def _field_faults(field: SField, mapped: MappedField, target: Target) -> Iterator[str]:
    if not field.can_be_written(target.behavior):
        yield f"cannot be written by our user in {target.behavior}; check access or formula"
    if field.rule is None:
        yield f"has the type {field.type}, which is not supported; map another field"
    if mapped.on_null == "clear" and not field.nillable:
        yield "cannot be empty there, and on_null is clear; write preserve or flag"


def _allowed_faults(field: SField, mapped: MappedField) -> Iterator[str]:
    encode = encoder(field.rule) if field.rule else None
    for value in mapped.allowed or ():
        try:
            wire = encode(value) if encode else value
        except NotExactError as error:
            yield f"{value!r} {error}; the field has the type {field.type}"
            continue
        if field.active_values is not None and wire not in field.active_values:
            known = ", ".join(sorted(field.active_values))
            yield f"{value!r} is not an active value of the restricted picklist ({known})"


def _missing_on_create(target: Target, sobject: SObject) -> Iterator[MappingFault]:
    mapped = {name.lower() for name in (*target.fields, target.key or "")}
    for lower, field in sobject.fields.items():
        if field.needed_on_create and lower not in mapped:
            yield MappingFault("fields", f"{field.name} is required on a new record; map it")
