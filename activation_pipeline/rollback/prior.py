"""The value before: what stood in a field before a plan wrote it, as a value that can be sent.

A plan keeps it as JSON of what the destination answered. It is read into the type of the plan's
own column, so that what we hold stays typed; what does not fit that type is refused, never
rounded or cut. Empty and never set are both null: to every destination they are one state.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable


def value_before(live: str, kind: pa.DataType) -> Any:
    """Read a plan's ``live:`` column, JSON, into the type of its ``after:`` column.

    Raises:
        ValueError: the value is of another kind, or the type would not keep all of it.
    """
    value = json.loads(live)
    if value is None or value == "":
        return None
    try:
        read = _reader(kind)(value)
        kept = pa.scalar(read, kind).as_py()
    except (ValueError, TypeError, OverflowError) as error:
        # Its text may quote the value.
        raise ValueError(type(error).__name__) from None
    if kept != read:
        raise ValueError(str(kind))
    return kept


def _reader(kind: pa.DataType) -> Callable[[object], Any]:
    if pa.types.is_timestamp(kind):
        return _zoned if kind.tz else _unzoned
    for is_kind, read in (
        (pa.types.is_string, _text),
        (pa.types.is_large_string, _text),
        (pa.types.is_boolean, _truth),
        (pa.types.is_integer, _whole),
        (pa.types.is_floating, _floating),
        (pa.types.is_decimal, _decimal),
        (pa.types.is_date32, _day),
    ):
        if is_kind(kind):
            return read
    return _unknown


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(type(value).__name__)


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(type(value).__name__)


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(type(value).__name__)  # noqa: TRY004 - whoever calls catches one kind
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(type(value).__name__) from None
    if not number.is_finite():
        raise ValueError(type(value).__name__)
    return number


def _whole(value: object) -> int:
    number = _decimal(value)
    if number != number.to_integral_value():
        raise ValueError(type(value).__name__)
    return int(number)


def _floating(value: object) -> float:
    number = float(_decimal(value))
    if not math.isfinite(number):
        raise ValueError(type(value).__name__)
    return number


def _zoned(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unzoned(value: object) -> datetime:
    return _zoned(value).replace(tzinfo=None)


def _day(value: object) -> date:
    return date.fromisoformat(_text(value))


def _unknown(value: object) -> Any:
    raise ValueError(type(value).__name__)
