"""What the columns of a snapshot are in Python: rows, moments that fit, and the few plain kinds.

An engine's types go further than Python's; what Python cannot hold is missing here, and whoever
sends it says so first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Plain = str | int | float | bool | None
# The first and the last moment, and day, of Python's years 1 to 9999, counted from 1970.
_MOMENTS_US = (-62_135_596_800_000_000, 253_402_300_799_999_999)
_DAYS = (-719_162, 2_932_896)


def is_held_by_python(column: pa.Array) -> pa.Array | None:
    """Say which moments or days of a column Python can hold: an engine's go further.

    Returns:
        One flag per value, null where the value is; None where the column has neither.
    """
    if pa.types.is_timestamp(column.type):
        micros = pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
        numbers, (first, last) = pc.cast(micros, pa.int64()), _MOMENTS_US
    elif pa.types.is_date32(column.type):
        numbers, (first, last) = pc.cast(column, pa.int32()), _DAYS
    else:
        return None
    return pc.and_(pc.greater_equal(numbers, first), pc.less_equal(numbers, last))


def python_rows(piece: pa.RecordBatch) -> list[dict[str, Any]]:
    """Give a piece of a snapshot as dictionaries; what Python cannot hold is None there."""
    columns = {}
    for name, column in zip(piece.schema.names, piece.columns, strict=True):
        held = is_held_by_python(column)
        columns[name] = column if held is None else pc.if_else(held, column, None)
    rows: list[dict[str, Any]] = pa.table(columns).to_pylist()
    return rows


def plain_values(values: list[Any]) -> list[Plain]:
    """Turn what the engine froze into text, true/false, numbers and null, exactly."""
    sample = next((value for value in values if value is not None), None)
    if isinstance(sample, Decimal):
        return [None if v is None else _number(v) for v in values]
    if sample is not None and not isinstance(sample, str | bool | int | float):
        return [None if v is None else v.isoformat() for v in values]
    return values


def _number(value: Decimal) -> Plain:
    """Write a decimal as a whole or binary number where that is the same number, else as text."""
    if value == value.to_integral_value():
        return int(value)
    as_float = float(value)
    return as_float if Decimal(repr(as_float)) == value else str(value)
