"""``activation export``: the newest plan as files, for a spreadsheet and for programs."""

from __future__ import annotations

from pathlib import Path

from activation_pipeline.cli import opening, output
from activation_pipeline.export import export


def run(name: str, *, folder: Path | None, as_json: bool) -> None:
    """Write the tables and list them; left out, the folder is named after the contract."""
    found = opening.settings()
    contract = opening.contract(found, name)
    target = folder or Path(f"export_{name}")
    with opening.runtime(found) as runtime:
        written = export(contract, runtime, target)
    if as_json:
        tables = {
            each.name: {"rows": each.rows, "csv": each.csv, "parquet": each.parquet}
            for each in written
        }
        output.show_json({"contract": name, "folder": target, "tables": tables})
        return
    rows = [(each.name, f"{each.rows:,}", each.csv.name, each.parquet.name) for each in written]
    output.show(
        [
            output.Grid(f"{name} -> {target}", ["table", "rows", "CSV", "Parquet"], rows),
            "Values of the records are in these files; give them only to whom they concern.",
        ]
    )
