"""What a store of items says it can take, and whether a mapping fits it.

``GET /capabilities`` names the objects, what their items are named by, their fields with role,
type and options, and how much one request may hold. No request is made in this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from activation_pipeline.destinations import MappingFault
from activation_pipeline.destinations._codecs import Encoder, FieldRule, decoder, encoder
from activation_pipeline.destinations._values import NotExactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from activation_pipeline.contract import MappedField
    from activation_pipeline.destinations import Target

MOST_ITEMS = 100
LONGEST_TEXT = 32_000
# As good as none, and more than any machine of ours sends.
_NO_LIMIT = 100_000.0
_RULES = {
    "text": FieldRule("text", longest=LONGEST_TEXT),
    "bool": FieldRule("bool"),
    "number": FieldRule("number"),
    "date": FieldRule("date"),
    "datetime": FieldRule("datetime"),
}


@dataclass(frozen=True, slots=True)
class ItemField:
    """One field of an item; ``options`` are empty where any value of the type is taken."""

    name: str
    role: str
    type: str
    rule: FieldRule | None
    options: tuple[str, ...]
    writable: bool

    @property
    def encode(self) -> Encoder:
        """Make the encoder of its values."""
        return encoder(self.rule or FieldRule("text", longest=LONGEST_TEXT))

    @property
    def decode(self) -> Encoder:
        """Make the decoder of its values."""
        return decoder(self.rule or FieldRule("text"))

    @property
    def obstacle(self) -> str | None:
        """Say why nothing can be written here; None where it can."""
        if self.rule is None:
            return f"has the type {self.type}, which is not supported"
        return None if self.writable else "cannot be written by us"


@dataclass(frozen=True, slots=True)
class ItemObject:
    """One kind of item: what its key is, and its fields by name."""

    key: str
    fields: Mapping[str, ItemField]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store said; ``requests_per_second`` is None where it does not tell."""

    objects: Mapping[str, ItemObject]
    items_per_request: int
    keys_per_read: int
    requests_per_second: float | None

    def fields_of(self, target: Target) -> Mapping[str, ItemField]:
        """Give the fields of the target's object; none where there is no such object."""
        found = self.objects.get(target.object)
        return {} if found is None else found.fields


def capabilities_from(body: Any) -> Capabilities:
    """Read the answer of ``/capabilities``.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not one.
    """
    limits = body.get("limits") or {}
    rate = limits.get("requests_per_second")
    return Capabilities(
        objects={str(name): _object_from(raw) for name, raw in body["objects"].items()},
        items_per_request=_count(limits.get("items_per_request", MOST_ITEMS)),
        keys_per_read=_count(limits.get("keys_per_read", MOST_ITEMS)),
        requests_per_second=_rate(rate),
    )


def _count(value: Any) -> int:
    return max(1, min(MOST_ITEMS, int(value)))


def _rate(value: Any) -> float | None:
    rate = float(value) if value else 0.0
    return rate if 0 < rate < _NO_LIMIT else None


def _object_from(raw: Mapping[str, Any]) -> ItemObject:
    fields = {str(name): _field_from(str(name), each) for name, each in raw["fields"].items()}
    return ItemObject(str(raw["key"]), fields)


def _field_from(name: str, raw: Mapping[str, Any]) -> ItemField:
    kind = str(raw["type"])
    rule = _RULES.get(kind)
    if rule is not None and kind == "text" and raw.get("longest"):
        rule = replace(rule, longest=int(raw["longest"]))
    return ItemField(
        name=name,
        role=str(raw.get("role", "value")),
        type=kind,
        rule=rule,
        options=tuple(str(each) for each in raw.get("options") or ()),
        writable=raw.get("writable", True) is not False,
    )


def encoders_of(
    fields: Mapping[str, ItemField], names: Mapping[str, object]
) -> dict[str, tuple[str, Encoder]]:
    """Make an encoder for each of these fields that exists and takes values of ours."""
    return {
        name: (name, fields[name].encode)
        for name in names
        if name in fields and fields[name].obstacle is None
    }


def mapping_faults(target: Target, known: Capabilities) -> tuple[MappingFault, ...]:
    """Find every reason why the store cannot take what the contract maps."""
    return tuple(_all_faults(target, known))


def _all_faults(target: Target, known: Capabilities) -> Iterator[MappingFault]:
    if target.list is not None:
        yield MappingFault("list", "a store of items has no lists; write fields")
    if target.behavior != "mirror":
        yield MappingFault("behavior", f"{target.behavior} is not for a store; write mirror")
    found = known.objects.get(target.object)
    if found is None:
        names = ", ".join(sorted(known.objects)) or "none"
        yield MappingFault("object", f"{target.object} is not in the store, which has {names}")
        return
    if target.key != found.key:
        text = f"{target.key} does not name an item of {target.object}; write {found.key}"
        yield MappingFault("key", text)
    for name, mapped in target.fields.items():
        yield from _field_faults(target, found.fields, name, mapped)


def _field_faults(
    target: Target, fields: Mapping[str, ItemField], name: str, mapped: MappedField
) -> Iterator[MappingFault]:
    path, found = f"fields.{name}", fields.get(name)
    if name == target.key:
        yield MappingFault(path, "is also the key; map the key or the field, not both")
    elif found is None:
        yield MappingFault(path, "no such field in the store; check the name, or add it there")
    elif found.obstacle is not None:
        yield MappingFault(path, f"{found.obstacle}; map another field")
    else:
        if mapped.role != found.role:
            text = f"is {found.role} in the store and {mapped.role} here; write role: {found.role}"
            yield MappingFault(f"{path}.role", text)
        for value in mapped.allowed or ():
            try:
                wire = found.encode(value)
            except NotExactError as error:
                text = f"{value!r} {error}; the field has the type {found.type}"
                yield MappingFault(f"{path}.allowed", text)
                continue
            if found.options and wire not in found.options:
                text = f"{value!r} is not one of the field's options in the store"
                yield MappingFault(f"{path}.allowed", text)
