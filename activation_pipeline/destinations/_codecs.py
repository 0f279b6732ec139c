"""How one field's values become what a destination stores, and back.

``encoder`` makes the function that turns values into what goes over the wire, and refuses
(``NotExactError``) what would not stay as it is. ``decoder`` is its inverse, into one form
per kind: text, bool, int or float, ``YYYY-MM-DD``, ``YYYY-MM-DDTHH:MM:SS.mmmZ``. No vendor's
names are here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from activation_pipeline.destinations import Value
from activation_pipeline.destinations._values import (
    EPOCH_MS,
    NotExactError,
    check_text,
    day,
    moment,
    plain_number,
    read_moment,
    written_moment,
)

if TYPE_CHECKING:
    from datetime import date

Kind = Literal["text", "bool", "number", "date", "datetime"]
Encoder = Callable[[Value], Value]

# Beyond it, a JSON reader that uses doubles (every vendor's may) changes the last digits.
_LARGEST_EXACT_INT = 2**53
_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What one field of a destination keeps.

    ``longest`` is in characters; ``digits`` counts all digits and ``scale`` those after the
    point; ``as_text`` says that every kind travels as text and that ``""`` clears;
    ``years`` is the first and last year that a date may have.
    """

    kind: Kind
    longest: int | None = None
    digits: int | None = None
    scale: int | None = None
    as_text: bool = False
    years: tuple[int, int] = (1, 9999)


class Known(Protocol):
    """One field as a destination's catalogue tells it."""

    @property
    def rule(self) -> FieldRule | None:
        """What it keeps; None: a type that is not written."""

    @property
    def decode(self) -> Encoder:
        """The decoder of its values."""


def longest_texts(catalogue: Mapping[str, Known], names: Iterable[str]) -> dict[str, int]:
    """Tell the longest text that each of these fields takes, where it has such a limit."""
    rules = ((name, catalogue[name].rule) for name in names if name in catalogue)
    return {name: rule.longest for name, rule in rules if rule and rule.longest}


def read_back(
    catalogue: Mapping[str, Known],
    encoders: Mapping[str, tuple[str, Encoder]],
    values: Mapping[str, Value],
) -> dict[str, Value]:
    """Say what is read once these values are there.

    Raises:
        NotExactError: a value that would not stay as it is.
    """
    return {
        name: catalogue[name].decode(encode(values[name])) for name, (_, encode) in encoders.items()
    }


def encoder(rule: FieldRule) -> Encoder:
    """Make the function that turns this field's values into what goes over the wire.

    The function raises ``NotExactError``; None becomes the vendor's way to clear.
    """
    make = {
        "text": _text_encoder,
        "bool": _bool_encoder,
        "number": _number_encoder,
        "date": _date_encoder,
        "datetime": _datetime_encoder,
    }[rule.kind]
    return make(rule)


def _cleared(rule: FieldRule) -> Value:
    return "" if rule.as_text else None


def _remembering(rule: FieldRule, encode: Callable[[Value], Value]) -> Encoder:
    """Keep what was worked out for a text: whole batches share one time or one date."""
    known: dict[Value, Value] = {None: _cleared(rule)}

    def encoded(value: Value) -> Value:
        if (type(value) is str or value is None) and value in known:
            return known[value]
        wire = encode(value)
        if len(known) >= _REMEMBERED:
            known.clear()
            known[None] = _cleared(rule)
        known[value] = wire
        return wire

    return encoded


def _text_encoder(rule: FieldRule) -> Encoder:
    longest = rule.longest or sys.maxsize
    cleared = _cleared(rule)

    def encode(value: Value) -> Value:
        # The usual text, in as few steps as there are: this runs once per value of a sync.
        if type(value) is str and value.isascii() and value.isprintable():
            text = value
        elif value is None:
            return cleared
        else:
            text = _unusual_text(value)
        if len(text) > longest:
            message = f"is {len(text)} characters long, the field takes {longest}"
            raise NotExactError(message)
        return text if text and not text.isspace() else check_text(text)

    return encode


def _unusual_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return plain_number(value)
    return check_text(value or "")


def _bool_encoder(rule: FieldRule) -> Encoder:
    cleared = _cleared(rule)

    def encode(value: Value) -> Value:
        if value is None:
            return cleared
        if not isinstance(value, bool):
            message = "is not true or false"
            raise NotExactError(message)
        return ("true" if value else "false") if rule.as_text else value

    return encode


def _number_encoder(rule: FieldRule) -> Encoder:
    cleared = _cleared(rule)
    largest = _LARGEST_EXACT_INT
    whole = math.inf if rule.digits is None else 10 ** (rule.digits - (rule.scale or 0))
    most = min(largest, whole - 1)

    def encode(value: Value) -> Value:
        if type(value) is int and -most <= value <= most:
            return str(value) if rule.as_text else value
        if value is None:
            return cleared
        if isinstance(value, bool) or not isinstance(value, int | float):
            message = "is not a number"
            raise NotExactError(message)
        _check_number(value, rule, whole)
        return plain_number(value) if rule.as_text else value

    return encode


def _check_number(value: float, rule: FieldRule, whole: float) -> None:
    if isinstance(value, int):
        if not -_LARGEST_EXACT_INT <= value <= _LARGEST_EXACT_INT:
            message = "is beyond 2^53, where a number loses digits; send it as text"
            raise NotExactError(message)
    elif not math.isfinite(value):
        message = "is not a finite number"
        raise NotExactError(message)
    elif rule.scale is not None and round(value, rule.scale) != value:
        message = f"has more than {rule.scale} digits after the point; round it in the model"
        raise NotExactError(message)
    if not -whole < value < whole:
        message = f"has more digits than the field's {rule.digits}"
        raise NotExactError(message)


def _check_year(value: date, rule: FieldRule) -> None:
    first, last = rule.years
    if not first <= value.year <= last:
        message = f"is outside the years that the destination keeps, {first} to {last}"
        raise NotExactError(message)


def _date_encoder(rule: FieldRule) -> Encoder:
    def encode(value: Value) -> Value:
        read = day(value)
        _check_year(read, rule)
        return read.isoformat()

    return _remembering(rule, encode)


def _datetime_encoder(rule: FieldRule) -> Encoder:
    def encode(value: Value) -> Value:
        read = moment(value)
        _check_year(read, rule)
        return written_moment(read)

    return _remembering(rule, encode)


def decoder(rule: FieldRule) -> Encoder:
    """Make the function that turns what a destination answers into a value of ours.

    What it cannot read it gives back as it came, so that a comparison sees the difference.
    """
    decode = {
        "text": _same,
        "bool": _decoded_bool,
        "number": _decoded_number,
        "date": _decoded_date,
        "datetime": _decoded_datetime,
    }[rule.kind]

    def decoded(value: Value) -> Value:
        return None if value is None or value == "" else decode(value)

    return decoded


def _same(value: Value) -> Value:
    return value


def _decoded_bool(value: Value) -> Value:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _decoded_number(value: Value) -> Value:
    if isinstance(value, str):
        try:
            value = int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decoded_datetime(value: Value) -> Value:
    try:
        return written_moment(read_moment(value))
    except (ValueError, OverflowError):
        return value


def _decoded_date(value: Value) -> Value:
    try:
        if isinstance(value, str) and EPOCH_MS.fullmatch(value):
            return read_moment(value).date().isoformat()
        return day(value).isoformat()
    except (ValueError, OverflowError):
        return value
