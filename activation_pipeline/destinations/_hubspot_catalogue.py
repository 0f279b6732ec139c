"""What one HubSpot object can take, out of its properties, and whether a mapping fits it.

Property names are lower case and compared as they are. Options count by their value, never
by their label. No request is made here.

Source: "Properties", developers.hubspot.com, and "Property field types in HubSpot",
knowledge.hubspot.com, read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activation_pipeline.destinations import MappingFault, Value
from activation_pipeline.destinations._codecs import Encoder, FieldRule, Kind, decoder, encoder
from activation_pipeline.destinations._values import NotExactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from activation_pipeline.contract import MappedField
    from activation_pipeline.destinations import Target

_KINDS: dict[str, Kind] = {
    "string": "text",
    "phone_number": "text",
    "enumeration": "text",
    "number": "number",
    "bool": "bool",
    "date": "date",
    "datetime": "datetime",
}
_LONGEST_TEXT = 65_536
_EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Property:
    """One property, with what is needed to write and compare it."""

    name: str
    type: str
    rule: FieldRule | None
    takes_several: bool
    obstacle: str | None
    is_unique: bool
    options: frozenset[str] | None

    @property
    def encode(self) -> Encoder:
        """Make the encoder of its values.

        Refused beside the usual: a value that begins with ``;`` (it would be added to a multiple
        choice instead of replacing it) and capitals in an e-mail address (they are lowered).
        """
        encoded = encoder(self.rule or FieldRule("text", as_text=True))
        if not self.takes_several and self.name != _EMAIL:
            return encoded

        def encode(value: Value) -> Value:
            wire = encoded(value)
            if isinstance(wire, str) and wire.startswith(";"):
                message = "begins with ;, which adds to a multiple choice instead of replacing it"
                raise NotExactError(message)
            if isinstance(wire, str) and self.name == _EMAIL and wire != wire.lower():
                message = "has capitals, which are lost in an address; lower them in the model"
                raise NotExactError(message)
            return wire

        return encode

    @property
    def decode(self) -> Encoder:
        """Make the decoder of its values."""
        return decoder(self.rule or FieldRule("text", as_text=True))


def catalogue_from(results: Sequence[Mapping[str, Any]]) -> dict[str, Property]:
    """Read the answer of ``properties/<object>``: properties by name, without archived ones."""
    live = (_property_from(raw) for raw in results if not raw.get("archived"))
    return {one.name: one for one in live}


def _property_from(raw: Mapping[str, Any]) -> Property:
    kind = _KINDS.get(str(raw.get("type")))
    name = str(raw["name"])
    options = frozenset(str(one["value"]) for one in raw.get("options") or ())
    is_free_text = raw.get("type") in {"string", "phone_number"}
    longest = _LONGEST_TEXT if is_free_text else None
    return Property(
        name=name,
        type=str(raw.get("type")),
        rule=FieldRule(kind, longest=longest, as_text=True) if kind else None,
        takes_several=raw.get("fieldType") == "checkbox" and raw.get("type") == "enumeration",
        obstacle=_obstacle(raw),
        is_unique=bool(raw.get("hasUniqueValue")),
        options=options if raw.get("type") == "enumeration" and options else None,
    )


def _obstacle(raw: Mapping[str, Any]) -> str | None:
    metadata = raw.get("modificationMetadata") or {}
    if raw.get("calculated"):
        return "is calculated there and cannot be written"
    if metadata.get("readOnlyValue"):
        return "is read-only there"
    return None


def encoders_of(
    catalogue: Mapping[str, Property], names: Mapping[str, object]
) -> dict[str, tuple[str, Encoder]]:
    """Make an encoder for each of these properties that exists and has a type we can write."""
    return {
        name: (name, catalogue[name].encode)
        for name in names
        if name in catalogue and catalogue[name].rule is not None
    }


def mapping_faults(target: Target, catalogue: Mapping[str, Property]) -> tuple[MappingFault, ...]:
    """Find every reason why these properties cannot take what the contract maps."""
    return tuple(_all_faults(target, catalogue))


def _all_faults(target: Target, catalogue: Mapping[str, Property]) -> Iterator[MappingFault]:
    yield from (MappingFault("key", text) for text in _key_faults(target, catalogue))
    for name, mapped in target.fields.items():
        path = f"fields.{name}"
        if name == target.key:
            yield MappingFault(path, "is also the key; map the key or the field, not both")
        found = catalogue.get(name)
        if found is None:
            lower = name.lower()
            hint = f"; write {lower}" if lower in catalogue else "; check the name, or restore it"
            yield MappingFault(path, f"no such property of {target.object}, or archived{hint}")
            continue
        if found.obstacle is not None:
            yield MappingFault(path, f"{found.obstacle}; map another property")
        if found.rule is None:
            yield MappingFault(path, f"has the type {found.type}, which is not supported")
        yield from (
            MappingFault(f"{path}.allowed", text) for text in _allowed_faults(found, mapped)
        )


def _key_faults(target: Target, catalogue: Mapping[str, Property]) -> Iterator[str]:
    if target.key is None:
        if target.behavior == "upsert":
            yield "is missing; upsert needs a property with unique values"
        return
    key = catalogue.get(target.key)
    if target.key == _EMAIL and target.behavior == "upsert":
        yield "email takes no partial upsert; use a property of your own with unique values"
    elif key is None:
        yield f"{target.object} has no property {target.key}; create it with unique values"
    elif not key.is_unique and target.key != _EMAIL:
        yield f"{target.key} does not have unique values; that is set when it is created"


def _allowed_faults(found: Property, mapped: MappedField) -> Iterator[str]:
    for value in mapped.allowed or ():
        try:
            wire = found.encode(value)
        except NotExactError as error:
            yield f"{value!r} {error}; the property has the type {found.type}"
            continue
        chosen = str(wire).split(";") if found.takes_several else [str(wire)]
        if found.options is not None and not found.options.issuperset(chosen):
            known = ", ".join(sorted(found.options))
            yield f"{value!r} is not one of the property's option values ({known})"
