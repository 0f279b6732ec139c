"""Did somebody edit a record since the plan was made? Asked where a plan has waited.

The plan left every edit alone that it saw. One that was made while it waited, for a signature
say, would be overwritten; so the records are read once more, and whoever was edited stays until
the next plan, which judges the edit by the contract's policy.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from activation_pipeline.destinations import Address
from activation_pipeline.live import agrees
from activation_pipeline.python_values import python_rows
from activation_pipeline.runtime import target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from activation_pipeline.batches import Range
    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import LiveRecord
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime

# Reading costs as many requests as writing, or more: a plan that is sent at once is not read twice.
FRESH_FOR = timedelta(minutes=1)
_ROWS = 2_000


def edited_since(
    contract: Contract,
    plan: Plan,
    destination: str,
    runtime: Runtime,
    *,
    waiting: Sequence[Range],
) -> dict[tuple[str, str], str]:
    """Name the waiting records in which a guarded field is not as the plan saw it, with the field.

    A field is guarded unless its edits may be overwritten. Records that leave are not looked at.

    Returns:
        (key, destination id) -> ``edited_since_plan:<field>``.

    Raises:
        RetryableError, PermanentError: the destination does not answer; nothing is sent.
    """
    where = target(contract, destination)
    guarded = [name for name, mapped in where.fields.items() if mapped.on_edit != "overwrite"]
    if not guarded:
        return {}
    # Importing pandas takes longer than most of a delivery, and most plans did not wait.
    from activation_pipeline.batches import waiting_pieces  # noqa: PLC0415

    client = runtime.client(contract, destination)
    found: dict[tuple[str, str], str] = {}
    with pq.ParquetFile(runtime.snapshots.part(contract.name, plan.id, destination)) as file:
        for _, piece in waiting_pieces(file, waiting, _ROWS):
            rows = [row for row in python_rows(piece) if row["operation"] != "remove"]
            addresses = [
                Address(row["key"], row["destination_id"], row["destination_key"]) for row in rows
            ]
            records = client.read(where, addresses, guarded) if rows else ()
            for row, record in zip(rows, records, strict=True):
                name = next(iter(_edited(row, record, guarded)), None)
                if name is not None:
                    found[row["key"], row["destination_id"]] = f"edited_since_plan:{name}"
    return found


def _edited(row: Mapping[str, Any], record: LiveRecord, guarded: Iterable[str]) -> Iterable[str]:
    """Name the fields that are written, and hold neither what the plan saw nor what it writes."""
    if len(record.ids) != 1:
        return ()  # the vendor, and the next plan, say what becomes of it
    return [
        name
        for name in guarded
        if row[f"write:{name}"]
        and not agrees(json.loads(row[f"live:{name}"] or "null"), record.values.get(name))
        and not agrees(row[f"after:{name}"], record.values.get(name))
    ]
