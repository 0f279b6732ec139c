"""What a Braze workspace's custom attributes can take, and whether a mapping fits them.

Braze makes an attribute of any name that is written, and drops a value of another type without
a word: so whatever is not in the catalogue with a type that we write is refused here. No
request is made in this module.

Source: "Export custom attributes" and "Custom attributes", braze.com/docs, read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activation_pipeline.destinations import MappingFault
from activation_pipeline.destinations._codecs import Encoder, FieldRule, decoder, encoder
from activation_pipeline.destinations._values import NotExactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from activation_pipeline.contract import MappedField
    from activation_pipeline.destinations import Target

KEY = "external_id"
OBJECTS = frozenset({"user", "users"})
LONGEST_TEXT = 255
_DETECTED = " (Automatically Detected)"
_RULES = {
    "String": FieldRule("text", longest=LONGEST_TEXT),
    "Number": FieldRule("number"),
    "Boolean": FieldRule("bool"),
    "Date": FieldRule("datetime"),
}
# An object of /users/track has these names for the profile itself, or to steer the write.
_RESERVED = frozenset(
    {
        *("external_id", "braze_id", "user_alias", "email", "phone", "first_name", "last_name"),
        *("country", "current_location", "date_of_first_session", "date_of_last_session", "dob"),
        *("email_subscribe", "email_open_tracking_disabled", "email_click_tracking_disabled"),
        *("facebook", "twitter", "gender", "home_city", "image_url", "language"),
        *("marked_email_as_spam_at", "push_subscribe", "push_tokens", "push_token_import"),
        *("subscription_groups", "time_zone"),
    }
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One custom attribute, with what is needed to write and compare it."""

    name: str
    type: str
    rule: FieldRule | None
    obstacle: str | None

    @property
    def encode(self) -> Encoder:
        """Make the encoder of its values."""
        return encoder(self.rule or FieldRule("text"))

    @property
    def decode(self) -> Encoder:
        """Make the decoder of its values."""
        return decoder(self.rule or FieldRule("text"))


def catalogue_from(entries: Sequence[Mapping[str, Any]]) -> dict[str, Attribute]:
    """Read one page, or several, of ``/custom_attributes``: attributes by name."""
    found = (_attribute_from(raw) for raw in entries)
    return {one.name: one for one in found}


def _attribute_from(raw: Mapping[str, Any]) -> Attribute:
    name, kind = str(raw["name"]), str(raw.get("data_type")).removesuffix(_DETECTED)
    return Attribute(name, kind, _RULES.get(kind), _obstacle(name, raw.get("status"), kind))


def _obstacle(name: str, status: object, kind: str) -> str | None:
    if name in _RESERVED or name.startswith("_"):
        return "has a name that Braze keeps for the profile itself"
    if status != "Active":
        return "is blocklisted there, or not active, and takes no value"
    if kind not in _RULES:
        return f"has the type {kind}, which is not supported"
    return None


def encoders_of(
    catalogue: Mapping[str, Attribute], names: Mapping[str, object]
) -> dict[str, tuple[str, Encoder]]:
    """Make an encoder for each of these attributes that exists and takes values of ours."""
    return {
        name: (name, catalogue[name].encode)
        for name in names
        if name in catalogue and catalogue[name].obstacle is None
    }


def audience_obstacle(catalogue: Mapping[str, Attribute], name: str) -> str | None:
    """Say why an attribute cannot be an audience; None when it can."""
    found = catalogue.get(name)
    if found is None:
        return "no such attribute, and Braze would make one; create it as a Boolean, then a segment"
    if found.obstacle is not None:
        return f"{found.obstacle}; use another attribute"
    if found.type != "Boolean":
        return f"has the type {found.type}; an audience is a Boolean attribute of its own"
    return None


def mapping_faults(target: Target, catalogue: Mapping[str, Attribute]) -> tuple[MappingFault, ...]:
    """Find every reason why these attributes cannot take what the contract maps."""
    return tuple(_all_faults(target, catalogue))


def _all_faults(target: Target, catalogue: Mapping[str, Attribute]) -> Iterator[MappingFault]:
    if target.object.lower() not in OBJECTS:
        yield MappingFault("object", f"{target.object} is not an object of Braze; write users")
    if target.key not in {None, KEY}:
        yield MappingFault("key", f"{target.key} does not address a user; write {KEY}")
    if target.behavior == "upsert" and target.key is None:
        yield MappingFault("key", f"is missing; upsert needs {KEY}")
    if target.behavior == "create_only":
        text = "create_only has no request in Braze, which would update; use upsert or update_only"
        yield MappingFault("behavior", text)
    if target.list is not None:
        obstacle = audience_obstacle(catalogue, target.list)
        if obstacle is not None:
            yield MappingFault("list", obstacle)
    for name, mapped in target.fields.items():
        yield from _field_faults(target, catalogue, name, mapped)


def _field_faults(
    target: Target, catalogue: Mapping[str, Attribute], name: str, mapped: MappedField
) -> Iterator[MappingFault]:
    path = f"fields.{name}"
    found = catalogue.get(name)
    if name == target.key:
        yield MappingFault(path, "is also the key; map the key or the field, not both")
    elif found is None:
        text = "no such attribute, and Braze would make one; check the name, or create it there"
        yield MappingFault(path, text)
    elif found.obstacle is not None:
        yield MappingFault(path, f"{found.obstacle}; map another attribute")
    else:
        for value in mapped.allowed or ():
            try:
                found.encode(value)
            except NotExactError as error:
                text = f"{value!r} {error}; the attribute has the type {found.type}"
                yield MappingFault(f"{path}.allowed", text)
