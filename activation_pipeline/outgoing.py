"""The last look at rows before they leave: pandera over slices of the frozen plan.

The schema is declared from the contract. A row that breaks it is held back with its reason
and the others go; nothing is repaired, rounded or cut. Values become the few plain kinds
that destinations take; what a destination cannot hold exactly, it refuses itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc

from activation_pipeline.destinations import OutgoingRecord
from activation_pipeline.python_values import is_held_by_python, plain_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from activation_pipeline.contract import MappedField
    from activation_pipeline.destinations import Value


@dataclass(frozen=True)
class HeldRow:
    """A row that does not leave: its place in the slice, the rule that it breaks, the field."""

    row: int
    code: str
    field: str | None


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date32(kind))


def _is_supported(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_boolean,
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_decimal,
            pa.types.is_date32,
            pa.types.is_timestamp,
            pa.types.is_null,
        )
    )


def _check(name: str, test: Callable[[pd.Series[Any]], pd.Series[bool]]) -> pandera.Check:
    return pandera.Check(test, name=name, ignore_na=True, error=name)


def _value_checks(
    mapping: MappedField, kind: pa.DataType, longest: int | None, *, checks_allowed: bool
) -> list[pandera.Check]:
    """Declare what one field's values must be, by the type that the plan froze."""
    if not _is_supported(kind):
        return [_check("unsupported_type", lambda s: s)]
    checks = []
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        checks.append(_check("nul_character", lambda s: ~s.str.contains("\0", regex=False)))
        if longest:
            checks.append(_check("too_long", lambda s: s.str.len() <= longest))
    if pa.types.is_floating(kind):
        checks.append(_check("not_finite", lambda s: s.abs() < float("inf")))
    if _is_moment(kind):
        checks.append(_check("year_out_of_range", lambda s: s))
    if checks_allowed and mapping.allowed is not None:
        checks.append(_check("not_allowed", lambda s: s.isin(list(mapping.allowed or ()))))
    return checks


def outgoing_schema(
    fields: Mapping[str, MappedField],
    types: pa.Schema,
    limits: Mapping[str, int],
    *,
    checks_allowed: bool = True,
) -> pandera.DataFrameSchema:
    """Declare a slice's schema from the contract: keys are there, values are what a field takes.

    Args:
        fields: the mapped fields.
        types: the plan part's Arrow schema.
        limits: longest text per field, in characters, where the destination says so.
        checks_allowed: false where values are put back as they were before us.
    """
    known = _check("no_key", lambda s: s.str.len() > 0)
    columns = {
        "key": pandera.Column(nullable=False, checks=[known]),
        "destination_id": pandera.Column(nullable=False, checks=[known]),
    }
    for name, mapping in fields.items():
        kind = types.field(f"after:{name}").type
        checks = _value_checks(mapping, kind, limits.get(name), checks_allowed=checks_allowed)
        columns[f"after:{name}"] = pandera.Column(nullable=True, checks=checks)
    return pandera.DataFrameSchema(columns, unique=["key", "destination_id"])


def _looked_at(values: pa.Array) -> pa.Array:
    """Give what is checked: of a moment, whether Python holds it; of an unknown type, always no.

    pandas knows neither every year nor every type, and one that it fails on would keep all rows.
    """
    if not _is_supported(values.type):
        return pc.if_else(pc.is_valid(values), pa.scalar(value=False), None)
    held = is_held_by_python(values)
    return values if held is None else held


def _frame(slice_: pa.RecordBatch, fields: Sequence[str]) -> pd.DataFrame:
    """Look at a slice as Arrow-backed pandas."""
    names = ["key", "destination_id", *(f"after:{name}" for name in fields)]
    columns = []
    for name in names:
        values = slice_.column(name)
        columns.append(_looked_at(values))
    table = pa.table(columns, names=names)
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def held_rows(
    slice_: pa.RecordBatch, schema: pandera.DataFrameSchema, fields: Sequence[str]
) -> tuple[HeldRow, ...]:
    """Validate a slice; one entry per row that breaks the schema, with its first reason."""
    try:
        schema.validate(_frame(slice_, fields), lazy=True)
    except pandera.errors.SchemaErrors as error:
        cases = error.failure_cases
        located = cases.dropna(subset=["index"])
        if len(located) != len(cases):
            # A fault of the whole slice: no row of it can be trusted.
            name = str(cases["check"].iloc[0])
            return tuple(HeldRow(row, name, None) for row in range(slice_.num_rows))
        first = located.drop_duplicates("index")
        return tuple(
            HeldRow(int(row), str(check), str(column).removeprefix("after:"))
            for row, check, column in zip(
                first["index"], first["check"], first["column"], strict=True
            )
        )
    return ()


def records(
    slice_: pa.RecordBatch, fields: Sequence[str], held: frozenset[int]
) -> list[OutgoingRecord | None]:
    """Turn a slice into outgoing records, in its order; None where a row is held back."""
    if held:
        # A value that Python cannot hold would stop the conversion of the whole column.
        keep = pa.array([row not in held for row in range(slice_.num_rows)])
        kept = slice_.filter(keep)
    else:
        kept = slice_
    names = ("key", "destination_id", "destination_key", "operation")
    heads = [kept.column(name).to_pylist() for name in names]
    moments = _moments(kept)
    ready = map(OutgoingRecord, *heads, _written_values(kept, fields), moments)
    if not held:
        return list(ready)
    return [None if row in held else next(ready) for row in range(slice_.num_rows)]


def _moments(kept: pa.RecordBatch) -> list[datetime | None]:
    """Give each row's event time, UTC; None where it has none that Python can hold."""
    column = kept.column("as_of")
    held = is_held_by_python(column)
    found = (column if held is None else pc.if_else(held, column, None)).dictionary_encode()
    # A model is scored in one go, so there are few different moments.
    known: list[datetime] = [
        at.replace(tzinfo=at.tzinfo or UTC) for at in found.dictionary.to_pylist()
    ]
    return [None if index is None else known[index] for index in found.indices.to_pylist()]


def _written_values(kept: pa.RecordBatch, fields: Sequence[str]) -> Iterable[dict[str, Value]]:
    """Give each row's values, without the fields that keep theirs."""
    if not fields:
        return ({} for _ in range(kept.num_rows))
    after = zip(
        *(plain_values(kept.column(f"after:{name}").to_pylist()) for name in fields), strict=True
    )
    write = [kept.column(f"write:{name}") for name in fields]
    if all(pc.all(flags, min_count=0).as_py() for flags in write):
        return (dict(zip(fields, row, strict=True)) for row in after)
    flagged = zip(*(flags.to_pylist() for flags in write), strict=True)
    return (
        {name: value for name, value, sent in zip(fields, row, flags, strict=True) if sent}
        for row, flags in zip(after, flagged, strict=True)
    )
