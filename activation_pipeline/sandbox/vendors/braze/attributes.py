"""Custom attributes: the catalogue, and which value an attribute takes.

A name that is not there is made by the first value written to it, which also fixes its type; a
value of another type is dropped without a word. An attribute that an admin blocklisted takes
nothing. Source: ``destinations.md`` section 5, "Semantics" and "Field catalogue".
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE = 50
_LONGEST = 255
_MADE = "braze:attributes"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One custom attribute; ``detected`` when a write made it."""

    name: str
    type: str
    blocklisted: bool = False
    detected: bool = False


def known_attributes(world: World) -> dict[str, Attribute]:
    """Return every custom attribute by name: those of the set-up, and those that writes made."""
    spec = world.org.objects[0]
    made: Mapping[str, str] = world.store.setting(_MADE, {})
    found = {name: Attribute(name, kind, detected=True) for name, kind in made.items()}
    found |= {
        field.name: Attribute(field.name, field.type, field.is_read_only)
        for field in spec.fields
        if field.custom
    }
    return found


def made_by(world: World, name: str, value: Any) -> Attribute | None:
    """Make an attribute out of the first value written to it; nothing for a value of no type."""
    kind = _type_of(value)
    if kind is None:
        return None
    world.store.keep(_MADE, {**world.store.setting(_MADE, {}), name: kind})
    return Attribute(name, kind, detected=True)


def kept(attribute: Attribute, value: Any, before: Any) -> tuple[bool, Any]:
    """Say whether a value is taken, and what is then stored; ``before`` is what was there."""
    if attribute.blocklisted:
        return False, None
    if value is None:
        return True, None
    if isinstance(value, dict) and attribute.type in ("Array", "Number"):
        return _operated(attribute.type, value, before)
    if isinstance(value, dict) and None in value.values():
        return False, None  # a null inside drops the whole nested update
    if not _fits(attribute.type, value):
        return False, None
    return True, value[:_LONGEST] if isinstance(value, str) else value


def read_page(call: Call, world: World) -> Answer:
    """GET the catalogue, 50 a page; a ``Link`` header leads to the next one."""
    found = sorted(known_attributes(world).values(), key=lambda one: one.name)
    start = _place(call.query.get("cursor", ""))
    headers = {}
    if start + _PAGE < len(found):
        cursor = base64.urlsafe_b64encode(f"skip:{start + _PAGE}".encode()).decode()
        headers["Link"] = f'<{call.mount}/custom_attributes?cursor={quote(cursor)}>; rel="next"'
    page = [_shown(one) for one in found[start : start + _PAGE]]
    return json_answer({"message": "success", "attributes": page}, 200, headers)


def _shown(attribute: Attribute) -> dict[str, Any]:
    suffix = " (Automatically Detected)" if attribute.detected else ""
    return {
        "array_length": 500 if attribute.type == "Array" else None,
        "data_type": attribute.type + suffix,
        "description": None,
        "name": attribute.name,
        "status": "Blocklisted" if attribute.blocklisted else "Active",
        "tag_names": [],
    }


def _place(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor).decode().removeprefix("skip:")
        return int(text) if cursor else 0
    except (binascii.Error, ValueError):
        raise Refusal(400, "", "The cursor is not valid") from None


def _operated(kind: str, value: Mapping[str, Any], before: Any) -> tuple[bool, Any]:
    if kind == "Number" and isinstance(value.get("inc"), int | float):
        return True, (before or 0) + value["inc"]
    has = before if isinstance(before, list) else []
    if kind == "Array" and isinstance(value.get("add"), list):
        return True, has + [one for one in value["add"] if one not in has]
    if kind == "Array" and isinstance(value.get("remove"), list):
        return True, [one for one in has if one not in value["remove"]]
    return False, None


def _type_of(value: Any) -> str | None:
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int | float):
        return "Number"
    if isinstance(value, str):
        return "Date" if "T" in value and _is_date(value) else "String"
    if isinstance(value, list):
        return "Array"
    return "Object" if isinstance(value, dict) else None


def _fits(kind: str, value: Any) -> bool:
    if kind == "Date":
        return isinstance(value, str) and _is_date(value)
    if kind == "String":
        return isinstance(value, str)
    return _type_of(value) == kind


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
