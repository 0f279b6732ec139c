"""What HubSpot checks on each value of a write, and how it spells what it keeps.

Values are strings in both directions. Source: ``destinations.md`` section 3, "Upsert answers" and
"Traps"; HubSpot, "Properties" guide (read 2026-11-21).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from activation_pipeline.sandbox.catalogue import FieldSpec

_LONGEST = 65_536
_EMAIL = re.compile(r"[^@\s,;<>()\[\]\"\\]+@[^@\s.]+(?:\.[^@\s.]+)+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?")


class InvalidValueError(ValueError):
    """One value of one property is refused; ``code`` is the vendor's word for why."""

    def __init__(self, code: str, message: str) -> None:
        """Keep what the vendor's entry will say."""
        super().__init__(message)
        self.code = code
        self.message = message


def moment_text(moment: datetime) -> str:
    """Spell a moment as HubSpot does: UTC, milliseconds only when there are some."""
    thousandths = moment.microsecond // 1000
    tail = f".{thousandths:03d}Z" if thousandths else "Z"
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}{tail}"


def checked(field: FieldSpec, text: str) -> str | None:
    """Return the value as the record will hold it; empty text clears.

    Raises:
        InvalidValueError: the property does not take the value.
    """
    if field.is_read_only:
        raise InvalidValueError("READ_ONLY_VALUE", f'"{field.name}" is a read only property')
    if text == "":
        return None
    if len(text) > _LONGEST:
        raise InvalidValueError(
            "PROPERTY_VALUE_TOO_LONG", f"{field.name} is longer than {_LONGEST} characters"
        )
    if field.name == "email":
        return _email(field, text)
    return _CHECKS[field.type](field, text)


def _email(_field: FieldSpec, text: str) -> str:
    if _EMAIL.fullmatch(text.strip()) is None:
        raise InvalidValueError("INVALID_EMAIL", f"Email address {text} is invalid")
    return text.strip().lower()


def _text(_field: FieldSpec, text: str) -> str:
    return text


def _option(field: FieldSpec, text: str) -> str:
    allowed = [option.value for option in field.options]
    chosen = [part for part in text.split(";") if part] if field.control == "checkbox" else [text]
    for value in chosen:
        if value not in allowed:
            raise InvalidValueError(
                "INVALID_OPTION", f"{value} was not one of the allowed options: {allowed}"
            )
    return ";".join(chosen)


def _number(field: FieldSpec, text: str) -> str:
    if _NUMBER.fullmatch(text.strip()) is None:
        raise InvalidValueError("INVALID_LONG", f"{text} was not a valid number: {field.name}")
    return text.strip()


def _flag(_field: FieldSpec, text: str) -> str:
    if text.lower() not in ("true", "false"):
        raise InvalidValueError(
            "INVALID_OPTION", f"{text} was not one of the allowed options: ['true', 'false']"
        )
    return text.lower()


def _moment(field: FieldSpec, text: str) -> str:
    parsed = _parsed(text)
    if parsed is None:
        raise InvalidValueError("INVALID_DATE", f"{text} was not a valid date: {field.name}")
    return moment_text(parsed)


def _day(field: FieldSpec, text: str) -> str:
    parsed = _parsed(text)
    if parsed is None:
        raise InvalidValueError("INVALID_DATE", f"{text} was not a valid date: {field.name}")
    if parsed != parsed.replace(hour=0, minute=0, second=0, microsecond=0):
        raise InvalidValueError(
            "INVALID_DATE", f"{text} is at {parsed:%H:%M:%S} UTC, not midnight: {field.name}"
        )
    return parsed.date().isoformat()


def _parsed(text: str) -> datetime | None:
    try:
        if re.fullmatch(r"-?\d{1,15}", text) and not re.fullmatch(r"\d{4}", text):
            return _EPOCH + timedelta(milliseconds=int(text))
        if _MOMENT.fullmatch(text) is None:
            return None
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


_CHECKS: dict[str, Callable[[FieldSpec, str], str]] = {
    "string": _text,
    "phone_number": _text,
    "enumeration": _option,
    "number": _number,
    "bool": _flag,
    "date": _day,
    "datetime": _moment,
}
