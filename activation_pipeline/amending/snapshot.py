"""Freeze what an amendment writes: a snapshot of rows like any plan's part, and a listing beside.

The listing has what is left alone, with its reason. Nothing is compared or sent here.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from activation_pipeline.plan import PlanPart
from activation_pipeline.snapshots import content_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from activation_pipeline.amending.ours import Row

_LISTED = pa.schema([(name, pa.string()) for name in ("key", "destination_id", "reason")])


class Judged(NamedTuple):
    """What becomes of some records: the rows to write, and per record left alone its reason."""

    rows: Sequence[Row]
    left: Sequence[Mapping[str, str]]


def part_types(schema: pa.Schema) -> dict[str, pa.DataType]:
    """Map a plan part's fields to the types of their columns."""
    names = [name for name in schema.names if name.startswith("after:")]
    return {name.removeprefix("after:"): schema.field(name).type for name in names}


def left_alone(row: Mapping[str, Any], reasons: Iterable[str]) -> list[dict[str, str]]:
    """List one record once for each reason why something of it stays."""
    address = {"key": row["key"], "destination_id": row["destination_id"]}
    return [{**address, "reason": reason} for reason in reasons]


def write_part(
    folder: Path,
    destination: str,
    schema: pa.Schema,
    judged: Iterable[Judged],
    *,
    position: int,
    baseline: int | None,
) -> PlanPart:
    """Write ``<destination>.parquet`` and ``<destination>.withheld.parquet`` into a folder.

    Args:
        folder: takes the files.
        destination: whose part it is.
        schema: a plan part's columns.
        judged: the records, piece by piece.
        position: how many attempts were folded when they were judged.
        baseline: how many records we held there then.
    """
    path, rest = folder / f"{destination}.parquet", folder / f"{destination}.withheld.parquet"
    operations, withheld = Counter[str](), Counter[str]()
    with (
        pq.ParquetWriter(path, _with_delivered_id(schema)) as writer,
        pq.ParquetWriter(rest, _LISTED) as listing,
    ):
        for rows, left in judged:
            writer.write_table(pa.Table.from_pylist(list(rows), schema=writer.schema))
            listing.write_table(pa.Table.from_pylist(list(left), schema=_LISTED))
            operations.update(row["operation"] for row in rows)
            withheld.update(each["reason"] for each in left)
    return PlanPart(
        destination=destination,
        content=content_hash(path),
        rows=operations.total(),
        operations=dict(sorted(operations.items())),
        position=position,
        baseline=baseline,
        withheld=dict(sorted(withheld.items())),
    )


def _with_delivered_id(schema: pa.Schema) -> pa.Schema:
    """Add the id under which we hold a record that has another one.

    A column of a plan may be declared to have no nulls; what stands after may be empty.
    """
    columns = [pa.field(each.name, each.type) for each in schema]
    return pa.schema([*columns, pa.field("delivered_id", pa.string())])
