"""Single values in the forms that travel: text, plain numbers, dates and times in UTC.

Whatever the far side would round, cut, trim away or take as "clear this field" is refused
with ``NotExactError``. Which field takes which form is in ``_codecs``.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from activation_pipeline.destinations import Value

_LONGEST_INT_BITS = 256
_BEYOND_MILLISECONDS = re.compile(r"[.,]\d{3}\d*[1-9]\d*")
EPOCH_MS = re.compile(r"-?\d{9,15}")


class NotExactError(ValueError):
    """A value that the destination would not keep as it is; the text never shows it."""


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


def read_moment(value: Value) -> datetime:
    """Read a vendor's own time: ISO 8601 with any offset, or milliseconds since 1970.

    Raises:
        ValueError: neither.
    """
    text = str(value)
    if EPOCH_MS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
