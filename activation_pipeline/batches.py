"""Cut a plan's snapshot into batches of outgoing records, each row accounted for.

Rows are read, validated and converted in slices of many batches; a row that may not leave
stays in its batch as held back, with its reason. Nothing is sent here.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from activation_pipeline import outgoing
from activation_pipeline.ledger.records import RecordOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from activation_pipeline.destinations import OutgoingRecord, Target

# Validating and converting have a price per call, so it looks at many batches at once; the first
# batch waits for its whole slice, so not at too many.
_SLICE_ROWS = 10_000

Range = tuple[int, int]


@dataclass(frozen=True)
class Batch:
    """Neighbouring planned rows: the records that may go, and those that are held back.

    ``is_repeat`` is true where an earlier attempt sent some of these rows and never heard what
    became of them.
    """

    first_row: int
    last_row: int
    records: Sequence[OutgoingRecord]
    held: Sequence[RecordOutcome]
    is_repeat: bool


@dataclass(frozen=True)
class Cut:
    """How to cut: ``waiting`` rows have no result yet, ``unanswered`` ones were sent once."""

    path: Path
    target: Target
    size: int
    limits: Mapping[str, int]
    waiting: Sequence[Range]
    unanswered: Sequence[Range]
    held: Mapping[tuple[str, str], str]
    checks_allowed: bool = True


def batches(cut: Cut) -> Iterator[Batch]:
    """Read, validate and convert the snapshot slice by slice, and cut it into batches.

    While one slice's batches are taken, the next one is made ready in a thread: nobody who sends
    waits for it.
    """
    slices = _slices(cut)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="activation-batches") as ahead:
        coming = ahead.submit(next, slices, None)
        while (ready := coming.result()) is not None:
            coming = ahead.submit(next, slices, None)
            yield from ready


def _slices(cut: Cut) -> Iterator[list[Batch]]:
    fields = list(cut.target.fields)
    step = max(1, _SLICE_ROWS // cut.size) * cut.size
    with pq.ParquetFile(cut.path) as file:
        schema = outgoing.outgoing_schema(
            cut.target.fields, file.schema_arrow, cut.limits, checks_allowed=cut.checks_allowed
        )
        for first, piece in waiting_pieces(file, cut.waiting, step):
            broken = outgoing.held_rows(piece, schema, fields)
            held = _held(cut, piece, {row.row: (row.code, row.field) for row in broken})
            records = outgoing.records(piece, fields, frozenset(held))
            keys = piece.column("key").to_pylist()
            yield [_batch(cut, first, rows, records, held) for rows in cuts(keys, cut.size)]


def cuts(keys: Sequence[str], size: int) -> Iterator[range]:
    """Cut rows into batches of at most ``size``, so that no batch has a key twice.

    A key that moved to another record has a row for each, one after the other; a destination
    tells by the key what became of a record.
    """
    start, seen = 0, set[str]()
    for row, key in enumerate(keys):
        if row - start == size or key in seen:
            yield range(start, row)
            start, seen = row, set()
        seen.add(key)
    if start < len(keys):
        yield range(start, len(keys))


def _batch(
    cut: Cut,
    first: int,
    rows: range,
    records: Sequence[OutgoingRecord | None],
    held: Mapping[int, RecordOutcome],
) -> Batch:
    at, end = first + rows.start, first + rows.stop
    return Batch(
        at,
        end,
        [record for record in records[rows.start : rows.stop] if record is not None],
        [held[row] for row in rows if row in held] if held else (),
        any(a < end and at < b for a, b in cut.unanswered),
    )


def waiting_pieces(
    file: pq.ParquetFile, waiting: Sequence[Range], step: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut the rows that wait out of the snapshot: the first row's number, and the rows."""
    at = 0
    for piece in file.iter_batches(batch_size=step):
        for first, last in waiting:
            start, stop = max(first, at), min(last, at + piece.num_rows)
            if start < stop:
                yield start, piece.slice(start - at, stop - start)
        at += piece.num_rows


def _held(
    cut: Cut, piece: pa.RecordBatch, broken: Mapping[int, tuple[str, str | None]]
) -> dict[int, RecordOutcome]:
    """Say which rows of a piece stay, and why: no longer eligible, or not fit to be sent."""
    if not cut.held and not broken:
        return {}
    keys = zip(
        piece.column("key").to_pylist(), piece.column("destination_id").to_pylist(), strict=True
    )
    found = {}
    for row, address in enumerate(keys):
        left = cut.held.get(address)
        why = (left, None) if left is not None else broken.get(row)
        if why is not None:
            found[row] = RecordOutcome(*address, "held", *why, "held back at send")
    return found
