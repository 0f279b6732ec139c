"""Hostile values at the last look: they leave as they are, or stay with a reason."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from desk import build, go, plan, stock
from hypothesis import example, given
from hypothesis import strategies as st
from sqlglot import exp

from activation_pipeline.contract import MappedField
from activation_pipeline.outgoing import held_rows, outgoing_schema, records
from activation_pipeline.warehouse import Engine, in_memory

if TYPE_CHECKING:
    from pathlib import Path

    from company import Company

    from activation_pipeline.destinations import OutgoingRecord, Value

BIG = 2**53 + 1
MEBIBYTE = 1024 * 1024
FIELD = MappedField.model_validate({"from": "x"})


def piece(after: pa.Array, **columns: list[Any]) -> pa.RecordBatch:
    """Rows of a plan's snapshot that write one field F."""
    numbers = range(len(after))
    usual = {
        "key": [f"K{n}" for n in numbers],
        "destination_id": [f"R{n}" for n in numbers],
        "destination_key": [f"B{n}" for n in numbers],
        "operation": ["update"] * len(after),
        "write:F": [True] * len(after),
    }
    given = {
        name: pa.array(values, pa.bool_() if name == "write:F" else pa.string())
        for name, values in (usual | columns).items()
    }
    as_of = pa.array(
        [datetime(2026, 11, 20, 6, tzinfo=UTC).replace(tzinfo=None)] * len(after),
        pa.timestamp("us"),
    )
    return pa.RecordBatch.from_pydict(given | {"after:F": after, "as_of": as_of})


def look(
    rows: pa.RecordBatch, mapping: MappedField = FIELD, **limits: int
) -> tuple[dict[int, tuple[str, str | None]], list[OutgoingRecord | None]]:
    """Take the last look: who stays, by row, with code and field; and who leaves."""
    schema = outgoing_schema({"F": mapping}, rows.schema, limits)
    held = {row.row: (row.code, row.field) for row in held_rows(rows, schema, ["F"])}
    return held, records(rows, ["F"], frozenset(held))


def leaving(rows: pa.RecordBatch, mapping: MappedField = FIELD, **limits: int) -> list[Any]:
    """Each row's value as it leaves, or the reason why it stays."""
    held, sent = look(rows, mapping, **limits)
    return [held[n][0] if r is None else r.values["F"] for n, r in enumerate(sent)]


def frozen(value: str, folder: Path) -> Any:
    """What becomes of a value that the engine gives, frozen as a plan's snapshot is."""
    names = {"key": "'K'", "destination_id": "'R'", "destination_key": "'B'", "operation": "'add'"}
    moment = "timestamp '2026-11-20 06:00:00'"
    columns = {**names, "as_of": moment, "write:F": "true", "after:F": value}
    query = exp.select(
        *(
            exp.alias_(exp.maybe_parse(text, dialect="duckdb"), name, quoted=True)
            for name, text in columns.items()
        )
    )
    with in_memory() as connection:
        Engine(connection, scratch=folder).write(query, folder / "part.parquet")
    (rows,) = pq.read_table(folder / "part.parquet").to_batches()
    return leaving(rows)[0]


AS_IT_IS: dict[str, Value] = {
    f"{BIG}": BIG,
    f"cast({BIG} as hugeint)": BIG,
    f"sum({BIG})": BIG,
    "cast(18446744073709551615 as ubigint)": 2**64 - 1,
    "cast('99999999999999999999999999999999999999' as hugeint)": 10**38 - 1,
    "cast(0.1 as decimal(3, 1))": 0.1,
    "cast(1.10 as decimal(18, 2))": 1.1,
    "cast(3 as decimal(10, 1))": 3,
    "cast('12345678901234567890.123456789' as decimal(38, 9))": "12345678901234567890.123456789",
    f"cast('{BIG}.5' as decimal(20, 1))": f"{BIG}.5",
    "cast('1e300' as double)": 1e300,
    "cast('5e-324' as double)": 5e-324,
    "date '9999-12-31'": "9999-12-31",
    "date '0001-01-01'": "0001-01-01",
    "timestamp '9999-12-31 23:59:59.999999'": "9999-12-31T23:59:59.999999",
    "timestamp '0001-01-01 00:00:00'": "0001-01-01T00:00:00",
    "cast('2026-01-01 10:00:00.123456789' as timestamp_ns)": "2026-01-01T10:00:00.123456789",
    "cast('2026-01-01 10:00:00+02' as timestamptz)": "2026-01-01T08:00:00+00:00",
    "'=cmd()'": "=cmd()",
    "''": "",
    "'\u202egnp.exe\u200f'": "\u202egnp.exe\u200f",
    f"repeat('é', {MEBIBYTE})": "é" * MEBIBYTE,
    "true": True,
    "null": None,
}
STAYS = {
    "cast('nan' as double)": "not_finite",
    "cast('inf' as double)": "not_finite",
    "cast('-inf' as float)": "not_finite",
    "date '10000-01-01'": "year_out_of_range",
    "cast('0044-03-15 (BC)' as date)": "year_out_of_range",
    "timestamp '10000-01-01 00:00:00'": "year_out_of_range",
    "cast('0044-03-15 (BC) 00:00:00' as timestamp)": "year_out_of_range",
    "cast('infinity' as timestamp)": "year_out_of_range",
    "cast('10000-01-01 00:00:00+00' as timestamptz)": "year_out_of_range",
    "'a' || chr(0) || 'b'": "nul_character",
    "cast('secret' as blob)": "unsupported_type",
    "[1, 2]": "unsupported_type",
    "{'a': 1}": "unsupported_type",
    "map {'a': 1}": "unsupported_type",
    "time '10:00:00'": "unsupported_type",
    "uuid()": "unsupported_type",
    "interval 1 day": "unsupported_type",
}


@pytest.mark.parametrize("value", AS_IT_IS)
def test_what_can_be_said_exactly_leaves_as_it_is(tmp_path: Path, value: str) -> None:
    found, wanted = frozen(value, tmp_path), AS_IT_IS[value]
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize("value", STAYS)
def test_what_cannot_be_said_exactly_stays_with_a_reason(tmp_path: Path, value: str) -> None:
    assert frozen(value, tmp_path) == STAYS[value]


def test_one_bad_row_stays_and_its_neighbours_leave_in_their_order() -> None:
    values = pa.array([1.5, math.nan, None, math.inf, -2.5], pa.float64())
    held, sent = look(piece(values))
    assert held == {1: ("not_finite", "F"), 3: ("not_finite", "F")}
    assert [r and (r.key, r.values["F"]) for r in sent] == [
        ("K0", 1.5),
        None,
        ("K2", None),
        None,
        ("K4", -2.5),
    ]


def test_a_row_with_several_faults_stays_once() -> None:
    values = pa.array(["x\0" * 9])
    assert list(look(piece(values), F=3)[0]) == [0]


@pytest.mark.parametrize(("key", "record"), [("", "R"), (None, "R"), ("K", ""), ("K", None)])
def test_a_record_without_a_key_never_leaves(key: str | None, record: str | None) -> None:
    """Some destinations take an empty key for "all of them", or make a new record."""
    rows = piece(pa.array(["low", "low"]), key=[key, "B"], destination_id=[record, "R-B"])
    held, sent = look(rows)
    assert list(held) == [0]
    assert [r.key for r in sent if r] == ["B"]


def test_a_record_that_stands_there_twice_leaves_not_even_once() -> None:
    rows = piece(pa.array(["low", "high", "low"]), key=["A", "A", "B"], destination_id=["R"] * 3)
    held, sent = look(rows)
    assert set(held) == {0, 1}
    assert [r.key for r in sent if r] == ["B"]


def test_nothing_leaves_of_a_slice_that_cannot_be_looked_at() -> None:
    """A check that falls over has looked at no row: none of them can be trusted."""
    rows = piece(pa.array(["low", "high"]))
    numbers = rows.set_column(0, "key", pa.array([1, 2]))
    held, sent = look(numbers)
    assert [code for code, _ in held.values()] == ["no_key"] * 2
    assert sent == [None, None]


def test_text_longer_than_the_field_stays_whole_and_is_never_cut() -> None:
    assert leaving(piece(pa.array(["12345", "123456", "é" * 5])), F=5) == [
        "12345",
        "too_long",
        "é" * 5,
    ]


@pytest.mark.parametrize(
    ("values", "allowed", "found"),
    [
        (pa.array(["low", "odd", None]), ["low"], ["low", "not_allowed", None]),
        (pa.array([1, 2, None]), [1], [1, "not_allowed", None]),
        (pa.array([True, False]), [True], [True, "not_allowed"]),
        (pa.array([Decimal("1.5"), Decimal("2.5")]), [1.5], [1.5, "not_allowed"]),
    ],
)
def test_only_allowed_values_leave(values: pa.Array, allowed: list[Any], found: list[Any]) -> None:
    mapping = MappedField.model_validate({"from": "x", "allowed": allowed})
    assert leaving(piece(values), mapping) == found


def test_a_field_that_keeps_its_value_is_not_among_those_that_are_sent() -> None:
    rows = piece(pa.array(["a", "b"]), **{"write:F": [True, False]})
    assert [r.values for r in look(rows)[1] if r] == [{"F": "a"}, {}]


def test_members_leave_without_any_field() -> None:
    rows = piece(pa.nulls(2))
    schema = outgoing_schema({}, rows.schema, {})
    assert held_rows(rows, schema, []) == ()
    assert [r.values for r in records(rows, [], frozenset()) if r] == [{}, {}]


def test_nothing_leaves_of_an_empty_slice() -> None:
    assert leaving(piece(pa.array([], pa.string()))) == []


texts = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["", "=1+1", "a\0", "\u200f"]))
numbers = st.one_of(st.none(), st.floats(), st.sampled_from([0.1, -0.0, 1e16, 5e-324]))
wholes = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))
exact = st.one_of(st.none(), st.decimals(-(10**20), 10**20, allow_nan=False, places=9))
moments = st.one_of(st.none(), st.integers(-(2**62), 2**62))
columns = st.one_of(
    st.lists(texts, max_size=6).map(lambda v: pa.array(v, pa.string())),
    st.lists(numbers, max_size=6).map(lambda v: pa.array(v, pa.float64())),
    st.lists(wholes, max_size=6).map(lambda v: pa.array(v, pa.int64())),
    st.lists(exact, max_size=6).map(lambda v: pa.array(v, pa.decimal128(38, 9))),
    st.lists(moments, max_size=6).map(lambda v: pa.array(v, pa.timestamp("us"))),
)


def means(value: Value, kind: pa.DataType) -> Any:
    """Read a value that left as a receiver would: a number, a moment or text."""
    if value is None or pa.types.is_string(kind):
        return value
    if pa.types.is_timestamp(kind):
        since = datetime.fromisoformat(str(value)).replace(tzinfo=UTC) - datetime(
            1970, 1, 1, tzinfo=UTC
        )
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


@given(columns)
@example(pa.array([2**62, 0], pa.timestamp("us")))
def test_whatever_the_column_holds_each_value_leaves_as_it_is_or_stays(after: pa.Array) -> None:
    held, sent = look(piece(after))
    assert len(sent) == len(after)
    is_moment = pa.types.is_timestamp(after.type)
    inside = after.cast(pa.int64()).to_pylist() if is_moment else after.to_pylist()
    for number, (value, record) in enumerate(zip(inside, sent, strict=True)):
        assert (record is None) == (number in held)
        if record is None:
            continue
        if isinstance(value, float):
            value = Decimal(repr(value))  # noqa: PLW2901 - the shortest decimal that means it
        assert means(record.values["F"], after.type) == value


def test_a_year_that_python_cannot_hold_stops_its_own_record_and_no_other(
    company: Company,
) -> None:
    stock(company, "ABC")
    company.sql(
        "alter table mart add column until timestamp",
        "update mart set until = case id when 'B' then timestamp '10000-01-01' "
        "when 'C' then timestamp 'infinity' else timestamp '2026-12-31' end",
    )
    body = build(company).destinations["crm"].model_dump(by_alias=True)
    body["fields"] = {"Until__c": {"from": "until", "on_null": "preserve"}}
    contract = build(
        company,
        destinations={"crm": body},
        freshness={
            "column": "scored_at",
            "refresh": "0 6 * * *",
            "stale_after": "24h",
            "expire_after": "7d",
            "on_expiry": {"Until__c": "clear"},
        },
    )
    report = go(company, contract)
    assert (report.totals.accepted, report.faults) == (1, {"year_out_of_range": 2})
    assert company.destination.records == {"R-A": {"Until__c": "2026-12-31T00:00:00"}}
    assert plan(company, contract).plan is not None
