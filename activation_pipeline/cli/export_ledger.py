"""``activation export-ledger``: the ledger's history into the warehouse, for dbt to read."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from activation_pipeline.cli import opening, output
from activation_pipeline.ledger_export import DELIVERIES, RECORDS, SCHEMA, export_ledger
from activation_pipeline.warehouse import open_warehouse


def run(*, as_json: bool) -> None:
    """Write what is new and say how much it was."""
    found = opening.settings()
    with opening.runtime(found) as runtime:
        written = export_ledger(
            runtime,
            open_to_write=partial(open_warehouse, found.warehouse, read_only=False),
            now=opening.now(),
        )
    if as_json:
        output.show_json({"schema": SCHEMA, **asdict(written)})
        return
    lines = [
        f"{SCHEMA}.{DELIVERIES}: {written.deliveries:,} attempts written",
        f"{SCHEMA}.{RECORDS}: {written.records:,} records written",
    ]
    if written.without_snapshot:
        lines.append(
            f"{written.without_snapshot:,} attempts have no snapshot under ACTIVATION_HOME; "
            "their records are not there"
        )
    output.show(lines)
