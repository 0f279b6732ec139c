"""Values that break pipelines: each with its SQL, and what Python says the source holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Case:
    """One column's worth of hostile values: its engine type, the values, and how to compare.

    A value is given as the engine takes it (text where Python cannot hold it); ``field`` is the
    kind of field that it is mapped to; ``same`` compares the source's value with what is stored.
    """

    column: str
    kind: str
    field: str
    values: tuple[Any, ...]
    same: Callable[[Any, Any], bool]

    def source(self, value: Any) -> Any:
        """Read a moment or a day as Python does; None where Python has no such moment."""
        if self.field not in {"moment", "day"}:
            return value
        try:
            return (datetime if self.field == "moment" else date).fromisoformat(value)
        except ValueError:
            return None


def same_text(ours: Any, stored: Any) -> bool:
    return bool(ours == stored)


def same_number(ours: Any, stored: Any) -> bool:
    """Compare without rounding either side: a float is the shortest decimal that means it."""
    exact = Decimal(repr(ours)) if isinstance(ours, float) else Decimal(ours)
    return exact.is_finite() and Decimal(str(stored)) == exact


def same_moment(ours: Any, stored: Any) -> bool:
    if not isinstance(ours, datetime):
        return False
    return datetime.fromisoformat(str(stored)) == ours.replace(tzinfo=ours.tzinfo or UTC)


def same_day(ours: Any, stored: Any) -> bool:
    return isinstance(ours, date) and str(stored) == ours.isoformat()


def same_flag(ours: Any, stored: Any) -> bool:
    return str(stored).lower() == str(ours).lower()


TEXTS = (
    "plain",
    "a\0b",
    "\u202egnp.exe\u200f",
    "\u200bzero width\u200d",
    "\ufeffmark first",
    "e\u0301 is two, \u00e9 is one",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea",
    "=cmd|' /C calc'!A0",
    "+1-1",
    "@SUM(1)",
    "<script>alert(1)</script>",
    "'; DROP TABLE mart; --",
    'say "it"',
    "back\\slash",
    "two\r\nlines\tand a tab",
    "\u2028line separator",
    "\x1funit\x1e separator",
    "\x7fdelete",
    "\uffff no character",
    " leading",
    "trailing ",
    "",
    "   ",
    "\u00a0",
    ";reporting",
    "NaN",
    "null",
    "true",
    "007",
    "1e5",
    "{{ now() }} %s %(x)s ${HOME}",
    "{}[]",
    "x" * 300,
    "\U0001f98a" * 40,
    "y" * MEBIBYTE,
)
FLOATS = (
    math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0.1, 0.1 + 0.2, -0.0, 1.005, 99.99,
    1e15, 1e16, 1e21, 123456789012345.67, float(2**53), 1e-7,
)  # fmt: skip
INTEGERS = (0, -1, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
LARGE_INTEGERS = (7, 2**53, 2**53 + 1, 2**63, 10**30, -(10**30))
DECIMALS = tuple(
    map(
        Decimal,
        ("0.1", "1.10", "0.0000000001", "99.99", "9007199254740993", "0.30000000000000004"[:12],
         "1234567890123456789.1234567891", "-0.01"),
    )
)  # fmt: skip
MOMENTS = (
    "1970-01-01 00:00:00",
    "2026-11-20 09:00:00.123",
    "2026-11-20 09:00:00.123456",
    "1699-12-31 23:59:59",
    "0001-01-01 00:00:00",
    "4001-01-01 00:00:00",
    "9999-12-31 23:59:59.999",
    "10000-01-01 00:00:00",
    "290000-01-01 00:00:00",
    "0044-03-15 (BC) 12:00:00",
    "infinity",
)
DAYS = (
    "2026-11-20",
    "1699-12-31",
    "0001-01-01",
    "9999-12-31",
    "10000-01-01",
    "0044-03-15 (BC)",
    "-infinity",
)
CASES = (
    Case("a text, 'quoted'", "varchar", "text", TEXTS, same_text),
    Case("select 1; drop table mart --", "double", "number", FLOATS, same_number),
    Case("key", "bigint", "number", INTEGERS, same_number),
    Case("disposition", "hugeint", "number", LARGE_INTEGERS, same_number),
    Case("\u202enoisrev", "decimal(38, 10)", "number", DECIMALS, same_number),
    Case("as_of", "timestamp", "moment", MOMENTS, same_moment),
    Case("at time zone", "timestamptz", "moment", MOMENTS[:3], same_moment),
    Case("value:band", "timestamp_ns", "moment", (*MOMENTS[:3], "2026-11-20 09:00:00.123000001"),
         same_moment),
    Case("%(day)s {0}", "date", "day", DAYS, same_day),
    Case("is it?", "boolean", "flag", (True, False), same_flag),
    Case("numbers as text", "bigint", "text", INTEGERS, same_number),
    Case("large as text", "hugeint", "text", LARGE_INTEGERS, same_number),
    Case("floats as text", "double", "text", FLOATS, same_number),
    Case("decimals as text", "decimal(38, 10)", "text", DECIMALS, same_number),
    Case("a list", "integer[]", "text", ("[1, 2]",), same_text),
    Case("a blob", "blob", "text", (b"\xff\x00",), same_text),
    Case("a uuid", "uuid", "text", ("6f9619ff-8b86-d011-b42d-00c04fc964ff",), same_text),
    Case("a time", "time", "text", ("12:30:00",), same_text),
)  # fmt: skip
