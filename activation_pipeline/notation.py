"""How single values are written in a contract: durations, ratios, days, names, sentences.

Each is a type that checks itself and says what was found and what to write instead.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdw])")


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


def parse_duration(text: object) -> timedelta:
    """Read ``30m``, ``24h``, ``7d`` or ``2w``; anything else is refused."""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        code = "not_a_duration"
        raise PydanticCustomError(
            code, "{found} is not a duration; write a number and a unit, as in 24h or 7d",
            {"found": shown(text)},
        )  # fmt: skip
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def written_duration(value: timedelta) -> str:
    """Write a duration in its largest whole unit, so that 24h and 1d mean the same."""
    minutes = int(value.total_seconds() // 60)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def elapsed(value: timedelta) -> str:
    """Write how long something took or is old, in its two largest units."""
    seconds = int(value.total_seconds())
    if seconds < _MINUTE_S:
        return f"{seconds} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min"
    if seconds < _DAY_S:
        return f"{seconds // _HOUR_S} h {seconds % _HOUR_S // _MINUTE_S} min"
    return f"{seconds // _DAY_S} d {seconds % _DAY_S // _HOUR_S} h"


def _parse_ratio(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        hint = ""
        if isinstance(value, int | float) and not isinstance(value, bool) and 1 < value <= 100:  # noqa: PLR2004 - a percentage
            hint = f"; write {value / 100:g}"
        code = "not_a_ratio"
        raise PydanticCustomError(
            code, "{found} is not a ratio from 0 to 1{hint}", {"found": shown(value), "hint": hint}
        )
    return float(value)


def _parse_day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass  # a thirteenth month; refused below like everything else that is no day
    code = "not_a_day"
    raise PydanticCustomError(
        code, "{found} is not a day; write it as in 2026-12-15", {"found": shown(value)}
    )


def shown(value: object) -> str:
    """Write a value of a contract file in one short printable line, no address of a person."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - fits a line
    text = without_addresses(text)
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def without_addresses(text: str) -> str:
    """Mask e-mail addresses, for texts that reach logs and errors."""
    return _ADDRESS.sub("(an address)", text)


def masked_key(key: str) -> str:
    """Write a record's key so that who knows it finds it, and nobody else learns it.

    A third of it at most, at the end where keys differ: ``A-10422`` becomes ``…22``.
    """
    return f"…{key[len(key) - min(4, len(key) // 3) :]}"


def _plain_text(value: str) -> str:
    if any(ord(character) < 32 and character not in "\t\n" for character in value):  # noqa: PLR2004 - C0 controls
        code = "control_character"
        raise PydanticCustomError(code, "contains a control character; remove it")
    return value.strip()


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(written_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,5}[mhdw]$", "examples": ["24h"]}),
]


Ratio = Annotated[
    float,
    BeforeValidator(_parse_ratio),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]


Day = Annotated[
    date, BeforeValidator(_parse_day), WithJsonSchema({"type": "string", "format": "date"})
]


Text = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_plain_text)]


Sentence = Annotated[
    str, StringConstraints(min_length=12, max_length=500), AfterValidator(_plain_text)
]


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


Role = Name


# Columns, relations and fields are other people's names: anything printable, quoted when used.
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f\"`]+$")
]


Count = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]


Scalar = str | bool | int | float
