"""Which rows meet a condition, and in what order they come.

Text is compared without case, as Salesforce does; an empty value is null. A literal of the wrong
type is refused, as the vendor does, rather than matching nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.salesforce.ids import is_id, long_id
from activation_pipeline.sandbox.vendors.salesforce.soql import Joined, Moment, Order, Test
from activation_pipeline.sandbox.vendors.salesforce.values import parse_moment
from activation_pipeline.sandbox.wire import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from activation_pipeline.sandbox.vendors.salesforce.soql import Condition

_NUMBERS = {"double", "currency", "percent", "int"}
_MOMENTS = {"datetime", "date"}
_IDS = {"id", "reference"}


def matches(condition: Condition, row: Mapping[str, Any], types: Mapping[str, str]) -> bool:
    """Tell whether a row meets a condition; ``types`` are the fields' types by name.

    Raises:
        Refusal: a literal does not fit its field's type.
    """
    if isinstance(condition, Joined):
        found = [matches(part, row, types) for part in condition.parts]
        return {"AND": all(found), "OR": any(found), "NOT": not found[0]}[condition.word]
    return _meets(condition, row, types)


def sorted_rows(
    rows: list[dict[str, Any]], order: Sequence[Order], types: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return rows in the order asked for; the last key is sorted first, sorts being stable."""
    by_fold = {name.lower(): name for name in types}
    for key in reversed(order):
        name = by_fold[key.field.lower()]
        empty = [row for row in rows if row.get(name) is None]
        full = [row for row in rows if row.get(name) is not None]
        kind = types[name]
        full.sort(key=lambda row: _comparable(kind, row[name]), reverse=key.descending)
        rows = [*full, *empty] if key.nulls_last else [*empty, *full]
    return rows


def _meets(test: Test, row: Mapping[str, Any], types: Mapping[str, str]) -> bool:
    name = next(name for name in types if name.lower() == test.field.lower())
    kind, value = types[name], row.get(name)
    if test.sign in ("IN", "NOT IN"):
        inside = any(_equal(test.field, kind, value, literal) for literal in test.value)
        return inside == (test.sign == "IN")
    if test.sign == "LIKE":
        return _like(value, test.value)
    if test.sign in ("=", "!="):
        return _equal(test.field, kind, value, test.value) == (test.sign == "=")
    literal = _literal(test.field, kind, test.value)
    if value is None or literal is None:
        return False
    own = _comparable(kind, value)
    return bool(
        {"<": own < literal, "<=": own <= literal, ">": own > literal, ">=": own >= literal}[
            test.sign
        ]
    )


def _equal(field: str, kind: str, value: Any, literal: Any) -> bool:
    wanted = _literal(field, kind, literal)
    if value is None or wanted is None:
        return value is None and wanted is None
    return bool(_comparable(kind, value) == wanted)


def _literal(field: str, kind: str, literal: Any) -> Any:
    if literal is None:
        return None
    number = isinstance(literal, int | float) and not isinstance(literal, bool)
    fits = {
        "moment": isinstance(literal, Moment),
        "number": number,
        "flag": isinstance(literal, bool),
        "text": isinstance(literal, str),
    }
    wanted = "text"
    if kind in _MOMENTS:
        wanted = "moment"
    elif kind in _NUMBERS:
        wanted = "number"
    elif kind == "boolean":
        wanted = "flag"
    if not fits[wanted]:
        raise Refusal(
            400,
            "INVALID_FIELD",
            f"filter criterion for field '{field}' must be of type {kind}"
            + (" and should not be enclosed in quotes" if isinstance(literal, str) else ""),
        )
    if isinstance(literal, Moment):
        return literal.at
    return _comparable(kind, literal)


def _comparable(kind: str, value: Any) -> Any:
    if kind in _MOMENTS and isinstance(value, str):
        return parse_moment(value if "T" in value else f"{value}T00:00:00Z")
    if kind in _IDS:
        return long_id(value) if is_id(value) else value
    return value.lower() if isinstance(value, str) else value


def _like(value: Any, pattern: Any) -> bool:
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    parts = [{"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern]
    return re.fullmatch("".join(parts), value, re.IGNORECASE | re.DOTALL) is not None
