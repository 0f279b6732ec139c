"""How values become what a destination stores: exactly, or not at all.

``encoder`` makes the function that turns one field's values into what goes over the wire,
and refuses (``NotExactError``) whatever the far side would round, cut, trim away or take as
"clear this field". ``decoder`` is its inverse, into one form per kind: text, bool, int or
float, ``YYYY-MM-DD``, ``YYYY-MM-DDTHH:MM:SS.mmmZ``. No vendor's names are here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

from activation_pipeline.destinations import Value

Kind = Literal["text", "bool", "number", "date", "datetime"]
Encoder = Callable[[Value], Value]

# Beyond it, a JSON reader that uses doubles (every vendor's may) changes the last digits.
_LARGEST_EXACT_INT = 2**53
_LONGEST_INT_BITS = 256
_BEYOND_MILLISECONDS = re.compile(r"[.,]\d{3}\d*[1-9]\d*")
_EPOCH_MS = re.compile(r"-?\d{9,15}")


class NotExactError(ValueError):
    """A value that the destination would not keep as it is; the text never shows it."""


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


def check_text(value: str) -> str:
    """Refuse text that no destination stores as it is: empty, blank, NUL, half a character."""
    if not value or value.isspace():
        message = "is empty or blank, which the destination takes as no value; use null instead"
        raise NotExactError(message)
    if "\0" in value:
        message = "has a NUL character; remove it in the model"
        raise NotExactError(message)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            message = "has half of a surrogate pair, which is not text; repair it in the model"
            raise NotExactError(message) from None
    return value


def plain_number(value: float) -> str:
    """Write a number in digits, without an exponent and without a trailing ``.0``."""
    if isinstance(value, int):
        if value.bit_length() > _LONGEST_INT_BITS:
            message = "is a number of more than 77 digits"
            raise NotExactError(message)
        return str(value)
    if not math.isfinite(value):
        message = "is not a finite number"
        raise NotExactError(message)
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def moment(value: Value) -> datetime:
    """Read a time; one without an offset is UTC. More than milliseconds is refused."""
    if not isinstance(value, str):
        message = "is not a time; write it as YYYY-MM-DDTHH:MM:SSZ"
        raise NotExactError(message)
    try:
        read = datetime.fromisoformat(value)
        read = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        message = "is not a time from year 1 to 9999; write it as YYYY-MM-DDTHH:MM:SSZ"
        raise NotExactError(message) from None
    if _BEYOND_MILLISECONDS.search(value):
        message = "has more than milliseconds, which would be cut; truncate it in the model"
        raise NotExactError(message)
    return read


def written_moment(value: datetime) -> str:
    """Write a UTC time in the one form that is sent and compared."""
    return value.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + f".{value.microsecond // 1000:03}Z"


def day(value: Value) -> date:
    """Read a date; a time is taken for its date only at midnight UTC."""
    if isinstance(value, str) and len(value) == len("YYYY-MM-DD"):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    read = moment(value)
    if read != datetime(read.year, read.month, read.day, tzinfo=UTC):
        message = "has a time of day, which a date field would cut; make it a date in the model"
        raise NotExactError(message)
    return read.date()


def encoder(rule: FieldRule) -> Encoder:
    """Make the function that turns this field's values into what goes over the wire.

    The function raises ``NotExactError``; None becomes the vendor's way to clear.
    """
    encode = {
        "text": _text_encoder,
        "bool": _bool_encoder,
        "number": _number_encoder,
        "date": _date_encoder,
        "datetime": _datetime_encoder,
    }[rule.kind](rule)
    cleared = "" if rule.as_text else None

    def encoded(value: Value) -> Value:
        return cleared if value is None else encode(value)

    return encoded


def _text_encoder(rule: FieldRule) -> Encoder:
    longest = rule.longest or 0

    def encode(value: Value) -> Value:
        if isinstance(value, str):
            text = value
        elif isinstance(value, bool):
            text = "true" if value else "false"
        else:
            text = plain_number(value or 0)
        if longest and len(text) > longest:
            message = f"is {len(text)} characters long, the field takes {longest}"
            raise NotExactError(message)
        return check_text(text)

    return encode


def _bool_encoder(rule: FieldRule) -> Encoder:
    def encode(value: Value) -> Value:
        if not isinstance(value, bool):
            message = "is not true or false"
            raise NotExactError(message)
        return ("true" if value else "false") if rule.as_text else value

    return encode


def _number_encoder(rule: FieldRule) -> Encoder:
    whole = None if rule.digits is None else 10 ** (rule.digits - (rule.scale or 0))

    def encode(value: Value) -> Value:
        if isinstance(value, bool) or not isinstance(value, int | float):
            message = "is not a number"
            raise NotExactError(message)
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
        if whole is not None and not -whole < value < whole:
            message = f"has more digits than the field's {rule.digits}"
            raise NotExactError(message)
        return plain_number(value) if rule.as_text else value

    return encode


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

    return encode


def _datetime_encoder(rule: FieldRule) -> Encoder:
    def encode(value: Value) -> Value:
        read = moment(value)
        _check_year(read, rule)
        return written_moment(read)

    return encode


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
        if isinstance(value, str) and _EPOCH_MS.fullmatch(value):
            return read_moment(value).date().isoformat()
        return day(value).isoformat()
    except (ValueError, OverflowError):
        return value


def read_moment(value: Value) -> datetime:
    """Read a vendor's own time: ISO 8601 with any offset, or milliseconds since 1970.

    Raises:
        ValueError: neither.
    """
    text = str(value)
    if _EPOCH_MS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
