"""What a destination holds now, for the records that a plan would change.

Read before the plan is frozen, so that the plan carries the value before, leaves a person's
edit alone, and never proposes a record that the destination cannot find exactly once. An
edit is found by three-way comparison: last delivered, live now, new.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from activation_pipeline.destinations import Address
from activation_pipeline.notation import parse_duration
from activation_pipeline.python_values import python_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from activation_pipeline.contract import MappedField
    from activation_pipeline.destinations import DestinationClient, LiveRecord, Target

_ROWS = 2_000


def agrees(ours: object, live: object) -> bool:
    """Say whether a destination's value is ours: vendors answer in their own spelling.

    Empty text and null are both empty; numbers are compared as numbers, moments to the
    millisecond, everything else as text.
    """
    if ours in (None, "") or live in (None, ""):
        return ours in (None, "") and live in (None, "")
    if isinstance(ours, bool):
        return str(live).lower() == str(ours).lower()
    if isinstance(ours, datetime):
        found = _moment(live)
        return found is not None and abs((found - _zoned(ours)).total_seconds()) < 0.001  # noqa: PLR2004 - a millisecond
    if isinstance(ours, int | float | Decimal):
        try:
            return Decimal(str(live)) == Decimal(str(ours))
        except InvalidOperation:
            return False
    return str(ours) == str(live)


def _zoned(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _moment(live: object) -> datetime | None:
    if isinstance(live, datetime):
        return _zoned(live)
    text = str(live)
    try:
        if text.lstrip("-").isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        return _zoned(datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        return None


def _stands(policy: str, edited_at: datetime | None, now: datetime) -> bool:
    """Say whether an edit is still to be respected: for good, or for the time that is written."""
    _, _, duration = policy.partition(" ")
    return not duration or edited_at is None or now - edited_at <= parse_duration(duration)


def _row(
    record: LiveRecord,
    change: Mapping[str, Any],
    fields: Mapping[str, MappedField],
    now: datetime,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": change["key"],
        "destination_id": change["destination_id"],
        "found": len(record.ids),
        "is_other_record": len(record.ids) == 1 and record.ids[0] != change["destination_id"],
        "modified": record.modified_at,
    }
    for name, mapping in fields.items():
        live = record.values.get(name)
        known = len(record.ids) == 1
        differs = known and not agrees(change[f"before:{name}"], live)
        collides = differs and not agrees(change[f"after:{name}"], live)
        row[f"live:{name}"] = json.dumps(live, default=str) if known else None
        row[f"edited:{name}"] = collides and _stands(
            mapping.on_edit, record.edited_at.get(name), now
        )
    return row


def _schema(fields: Sequence[str]) -> pa.Schema:
    columns = [("key", pa.string()), ("destination_id", pa.string())]
    columns += [("found", pa.int64()), ("is_other_record", pa.bool_())]
    columns.append(("modified", pa.timestamp("us", "UTC")))
    for name in fields:
        columns += [(f"live:{name}", pa.string()), (f"edited:{name}", pa.bool_())]
    return pa.schema(columns)


def _changes(path: Path) -> Iterator[list[dict[str, Any]]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS):
            yield python_rows(batch)


def write_live(
    client: DestinationClient, target: Target, proposed: Path, live: Path, *, now: datetime
) -> int:
    """Look up every proposed record in the destination; one row per proposal.

    Reads a file of proposals, writes ``key``, ``destination_id``, ``found`` (how many records the
    address finds), ``is_other_record`` (one, but not the one that was matched), ``modified``
    (when anybody last changed it, UTC), and per field ``live:`` (JSON) and ``edited:`` (somebody
    else changed it, and that still stands).

    Raises:
        RetryableError, PermanentError: the destination does not answer; no plan then.
    """
    rows = 0
    with pq.ParquetWriter(live, _schema(list(target.fields))) as writer:
        for changes in _changes(proposed):
            addresses = [
                Address(c["key"], c["destination_id"], c["destination_key"]) for c in changes
            ]
            records = client.read(target, addresses, list(target.fields))
            found = [
                _row(record, change, target.fields, now)
                for record, change in zip(records, changes, strict=True)
            ]
            writer.write_table(pa.Table.from_pylist(found, schema=writer.schema))
            rows += len(found)
    return rows
