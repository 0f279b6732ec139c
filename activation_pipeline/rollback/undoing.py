"""Freeze the undo of one plan in one destination: a snapshot of rows like any plan's part.

Takes the plan's rows that arrived, or may have, looks at the live records, and writes what is
put back and, beside it, what is left alone and why. Nothing is sent here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from activation_pipeline.delivered import merged
from activation_pipeline.destinations import Address
from activation_pipeline.expressions import column, named
from activation_pipeline.plan import PlanPart
from activation_pipeline.python_values import python_rows
from activation_pipeline.rollback.report import BARRED, OVERTAKEN, Tally
from activation_pipeline.rollback.restoration import is_overtaken, undo
from activation_pipeline.settle import open_delivered
from activation_pipeline.snapshots import content_hash
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from activation_pipeline.destinations import DestinationClient, LiveRecord, Target
    from activation_pipeline.plan import Plan
    from activation_pipeline.rollback.restoration import Row, Rules, Undone
    from activation_pipeline.runtime import Runtime

# A list is read page by page from its beginning, so its members are asked for in few goes.
_RECORDS, _MEMBERS = 2_000, 50_000
_NOT_WRITTEN = frozenset({"rejected", "held"})

_LISTED = pa.schema([(name, pa.string()) for name in ("key", "destination_id", "reason")])


@dataclass(frozen=True)
class Desk:
    """What freezing an undo works with: the plan that is undone, where, and how it is reached."""

    runtime: Runtime
    plan: Plan
    destination: str
    client: DestinationClient
    target: Target
    folder: Path


def part_types(path: Path) -> dict[str, pa.DataType]:
    """Map a plan part's fields to the types of their columns."""
    schema = pq.read_schema(path)
    names = [name for name in schema.names if name.startswith("after:")]
    return {name.removeprefix("after:"): schema.field(name).type for name in names}


def freeze_undo(
    desk: Desk, rules: Rules, *, position: int, baseline: int | None
) -> tuple[PlanPart, Tally]:
    """Write the undo's snapshot into ``desk.folder``: ``<destination>.parquet`` and withheld.

    Raises:
        RetryableError, PermanentError: the destination does not answer.
    """
    source = desk.runtime.snapshots.part(desk.plan.contract, desk.plan.id, desk.destination)
    sent = _sent_rows(desk, source, rules)
    path = desk.folder / f"{desk.destination}.parquet"
    rest = desk.folder / f"{desk.destination}.withheld.parquet"
    tally, operations, withheld = Tally(), Counter[str](), Counter[str]()
    with (
        pq.ParquetWriter(path, _schema(pq.read_schema(source))) as writer,
        pq.ParquetWriter(rest, _LISTED) as listing,
    ):
        for piece in _judged(desk, rules, sent):
            rows = [found.row for _, found in piece if found.row is not None]
            left = [{**_address(row), "reason": r} for row, found in piece for r in found.left]
            writer.write_table(pa.Table.from_pylist(rows, schema=writer.schema))
            listing.write_table(pa.Table.from_pylist(left, schema=_LISTED))
            operations.update(row["operation"] for row in rows)
            withheld.update(each["reason"] for each in left)
            for row, found in piece:
                tally.add(row["key"], found)
    part = PlanPart(
        destination=desk.destination,
        content=content_hash(path),
        rows=operations.total(),
        operations=dict(sorted(operations.items())),
        position=position,
        baseline=baseline,
        withheld=dict(sorted(withheld.items())),
    )
    return part, tally


def _address(row: Mapping[str, Any]) -> dict[str, str]:
    return {"key": row["key"], "destination_id": row["destination_id"]}


def _schema(source: pa.Schema) -> pa.Schema:
    """Give a plan part's columns, and the id under which we hold a record that has another one.

    A column of the plan may be declared to have no nulls; what stood before may be empty.
    """
    columns = [pa.field(each.name, each.type) for each in source]
    return pa.schema([*columns, pa.field("delivered_id", pa.string())])


def _judged(desk: Desk, rules: Rules, sent: Path) -> Iterator[list[tuple[Row, Undone]]]:
    log = desk.runtime.ledger.deliveries
    noted: dict[tuple[str, str], dict[str, str]] = {}
    for each in log.outcomes(desk.plan.id, desk.destination):
        noted.setdefault((each.key, each.destination_id), {})[each.code] = each.state
    done = log.done(desk.plan.id, desk.destination)
    answered = merged(done)
    for rows in _pieces(sent, desk.target):
        mine = []
        for row in rows:
            states = noted.get((row["key"], row["destination_id"]), {})
            if not _NOT_WRITTEN.intersection(states.values()):
                sure = "unknown" not in states.values() and any(
                    first <= row["file_row_number"] < last for first, last in answered
                )
                mine.append((row, states, sure))
        live = look_up(desk, [row for row, _, _ in mine], [*set(rules.types) - set(rules.broken)])
        yield [
            (row, undo(rules, row, record, noted=states, is_sure=sure))
            for (row, states, sure), record in zip(mine, live, strict=True)
        ]


def _pieces(path: Path, target: Target) -> Iterator[list[dict[str, Any]]]:
    size = _RECORDS if target.list is None else _MEMBERS
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=size):
            yield python_rows(batch)


def look_up(
    desk: Desk, rows: Sequence[Mapping[str, Any]], fields: Iterable[str]
) -> Sequence[LiveRecord]:
    """Read the rows' records as they are now, in their order."""
    addresses = [Address(r["key"], r["destination_id"], r["destination_key"]) for r in rows]
    return desk.client.read(desk.target, addresses, sorted(fields)) if addresses else ()


def _sent_rows(desk: Desk, source: Path, rules: Rules) -> Path:
    """Join the plan's rows that were ever sent with what we hold there now."""
    plan, destination, runtime = desk.plan, desk.destination, desk.runtime
    batches = runtime.ledger.history.batches(plan.id, destination)
    ranges = merged((first, last) for first, last, _ in batches)
    path = desk.folder / f"{destination}.sent.parquet"
    with runtime.engine(desk.folder) as engine:
        engine.files("part", [source])
        kinds = engine.columns("part")
        fields = {name: kinds[f"after:{name}"] for name in rules.types}
        open_delivered(engine, runtime.snapshots, plan.contract, destination, fields=fields)
        engine.write(_sent_query(source, rules.types, ranges), path)
    return path


def _sent_query(
    source: Path, fields: Iterable[str], ranges: Sequence[tuple[int, int]]
) -> exp.Select:
    row = column("file_row_number", "p")
    within = [
        exp.and_(
            exp.GTE(this=row, expression=exp.Literal.number(first)),
            exp.LT(this=row.copy(), expression=exp.Literal.number(last)),
        )
        for first, last in ranges
    ]
    keys = ("key", "destination_id")
    on = exp.and_(*(column(name, "p").eq(column(name, "d")) for name in keys))
    held = exp.not_(exp.Is(this=column("key", "d"), expression=exp.null()))
    return (
        exp.select(
            exp.Column(this=exp.Star(), table=exp.to_identifier("p")),
            named(held, "held"),
            *(named(column(f"field:{name}", "d"), f"held:{name}") for name in fields),
        )
        .from_(exp.alias_(parquet([source], numbered=True), "p", table=True))
        .join(exp.to_table("delivered").as_("d"), on=on, join_type="left")
        .where(exp.or_(*within) if within else exp.false())
        .order_by(row.copy())
    )


def overtaken(
    desk: Desk, rules: Rules, waiting: Sequence[tuple[int, int]]
) -> dict[tuple[str, str], str]:
    """Say which waiting rows of an interrupted undo must not be written any more, and why.

    ``desk.plan`` is the undo itself. Since it was frozen, somebody may have changed a record, or
    been put on a list of those to leave alone.
    """
    path = desk.runtime.snapshots.part(desk.plan.contract, desk.plan.id, desk.destination)
    held: dict[tuple[str, str], str] = {}
    at = 0
    for piece in _pieces(path, desk.target):
        rows = [
            row
            for number, row in enumerate(piece, start=at)
            if any(first <= number < last for first, last in waiting)
        ]
        at += len(piece)
        live = look_up(desk, rows, set(rules.types) - set(rules.broken))
        for row, record in zip(rows, live, strict=True):
            address = row["key"], row["destination_id"]
            why = rules.barred(*address) if row["operation"] == "add" else None
            if why is not None:
                held[address] = f"{BARRED}:{why}"
            elif is_overtaken(rules, row, record):
                held[address] = OVERTAKEN
    return held
