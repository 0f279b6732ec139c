"""The value before, read into the type of the plan's column: all of it, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from activation_pipeline.rollback.prior import value_before

MOMENT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("live", "kind", "expected"),
    [
        ("low", pa.string(), "low"),
        ("two\nlines", pa.large_string(), "two\nlines"),
        (True, pa.bool_(), True),
        (False, pa.bool_(), False),
        (3, pa.int32(), 3),
        (3.0, pa.int64(), 3),
        ("12", pa.int64(), 12),
        (3, pa.float64(), 3.0),
        (0.1, pa.float64(), 0.1),
        (12.5, pa.decimal128(10, 2), Decimal("12.50")),
        ("2026-11-20", pa.date32(), date(2026, 11, 20)),
        ("2026-11-20T08:30:00.000Z", pa.timestamp("us"), MOMENT.replace(tzinfo=None)),
        ("2026-11-20T09:30:00+01:00", pa.timestamp("us", "UTC"), MOMENT),
        (None, pa.string(), None),
        ("", pa.int64(), None),
    ],
)
def test_what_fits_comes_back_typed(live: object, kind: pa.DataType, expected: Any) -> None:
    found = value_before(json.dumps(live), kind)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("live", "kind"),
    [
        (3, pa.string()),
        ("yes", pa.bool_()),
        (1, pa.bool_()),
        (3.5, pa.int64()),
        (True, pa.int64()),
        (2**40, pa.int32()),
        ("many", pa.float64()),
        ("NaN", pa.float64()),
        ("Infinity", pa.decimal128(10, 2)),
        (0.1, pa.float32()),
        (12.345, pa.decimal128(10, 2)),
        ("last week", pa.date32()),
        ("2026-11-20T08:30:00Z", pa.date32()),
        (5, pa.timestamp("us")),
        ("2026-11-20T08:30:00.123Z", pa.timestamp("s")),
        (["a"], pa.list_(pa.string())),
    ],
)
def test_what_would_be_rounded_or_is_of_another_kind_is_refused(
    live: object, kind: pa.DataType
) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        value_before(json.dumps(live), kind)
    assert str(live) not in str(refused.value), "a value never stands in an error"
