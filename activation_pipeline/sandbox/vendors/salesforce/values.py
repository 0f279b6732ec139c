"""What Salesforce checks on each value of a write, and how it spells moments.

Two kinds of refusal: a value of the wrong JSON type spoils the whole request (JSON_PARSER_ERROR);
a value that a field cannot take spoils its record. Source: ``destinations.md`` section 2; REST API
guide, "Date and Time Formats" and Object Reference, "Field Types" (read 2026-11-21).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.salesforce.ids import is_id, long_id
from activation_pipeline.sandbox.wire import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from activation_pipeline.sandbox.catalogue import FieldSpec

PARSER_ERROR = "JSON_PARSER_ERROR"
_YEARS = range(1700, 4001)
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?"
)


def moment_text(moment: datetime) -> str:
    """Spell a moment as Salesforce does: UTC, milliseconds, ``+0000``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "+0000"


def parse_moment(text: str) -> datetime | None:
    """Read an ISO 8601 moment, or return nothing; without an offset it is UTC."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return None
    seconds = match[6] or "00"
    fraction = (match[7] or "")[:6].ljust(6, "0")
    offset = (match[8] or "Z").replace("Z", "+00:00")
    head = "-".join(match.group(1, 2, 3)) + f"T{match[4]}:{match[5]}:{seconds}.{fraction}"
    try:
        return datetime.fromisoformat(head + offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def checked(field: FieldSpec, value: Any) -> Any:
    """Return the value as the record will hold it.

    Raises:
        Refusal: ``JSON_PARSER_ERROR`` for the request, any other code for the record.
    """
    if value is None:
        _check_clearable(field)
        return None
    return _CHECKS[field.type](field, value)


def not_deserialized(field: FieldSpec, value: Any) -> Refusal:
    """Make the refusal of a request with a value of the wrong JSON type."""
    token = {bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT"}
    seen = token.get(type(value), "START_OBJECT" if isinstance(value, dict) else "VALUE_STRING")
    seen = "START_ARRAY" if isinstance(value, list) else seen
    shown = value if isinstance(value, str) else str(value).lower()
    return Refusal(
        400,
        PARSER_ERROR,
        f"Cannot deserialize instance of {field.type} from {seen} value {shown}"
        " or request may be missing a required field at [line:1, column:1]",
    )


def _check_clearable(field: FieldSpec) -> None:
    if field.required:
        raise Refusal(
            400,
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{field.name}]",
            fields=[field.name],
        )


def _text(field: FieldSpec, value: Any) -> str | None:
    if not isinstance(value, str):
        raise not_deserialized(field, value)
    if value == "":  # Salesforce keeps no empty text: it is null
        _check_clearable(field)
        return None
    if field.length is not None and len(value) > field.length:
        raise Refusal(
            400,
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {value} (max length={field.length})",
            fields=[field.name],
        )
    return value


def _picklist(field: FieldSpec, value: Any) -> str | None:
    text = _text(field, value)
    if text is None or not field.restricted:
        return text
    by_fold = {option.value.lower(): option.value for option in field.options if option.active}
    if text.lower() not in by_fold:
        raise Refusal(
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.label}: bad value for restricted picklist field: {text}",
            fields=[field.name],
        )
    return by_fold[text.lower()]


def _number(field: FieldSpec, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise not_deserialized(field, value)
    whole = (field.precision or 18) - field.scale
    if abs(value) >= 10**whole:
        raise Refusal(
            400,
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {value}",
            fields=[field.name],
        )
    return round(float(value), field.scale)


def _moment(field: FieldSpec, value: Any) -> str:
    parsed = parse_moment(value) if isinstance(value, str) else None
    if parsed is None:
        raise not_deserialized(field, value)
    if parsed.year not in _YEARS:
        raise Refusal(
            400,
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on date field: {value}",
            fields=[field.name],
        )
    return moment_text(parsed)


def _day(field: FieldSpec, value: Any) -> str:
    try:
        day = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        raise not_deserialized(field, value) from None
    return day.strftime("%Y-%m-%d")


def _flag(field: FieldSpec, value: Any) -> bool:
    if not isinstance(value, bool):
        raise not_deserialized(field, value)
    return value


def _reference(field: FieldSpec, value: Any) -> str:
    if not isinstance(value, str):
        raise not_deserialized(field, value)
    if not is_id(value):
        raise Refusal(
            400,
            "MALFORMED_ID",
            f"{field.label}: id value of incorrect type: {value}",
            fields=[field.name],
        )
    return long_id(value)


_CHECKS: dict[str, Callable[[FieldSpec, Any], Any]] = {
    "id": _reference,
    "reference": _reference,
    "string": _text,
    "textarea": _text,
    "email": _text,
    "picklist": _picklist,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "int": _number,
    "datetime": _moment,
    "date": _day,
    "boolean": _flag,
}
