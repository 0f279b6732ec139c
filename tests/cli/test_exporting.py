"""``activation export``: everybody is in the files, once, and a spreadsheet may open them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
from installation import NAME

if TYPE_CHECKING:
    from installation import Installation


def test_exported_files_hold_everybody_once(place: Installation) -> None:
    place.sql(
        "insert into suppress_a values ('A-2', '=cmd()', null)",
        "update mart set band = 'purple' where id = 'A-5'",
    )
    place.launched()
    place.run("sync", NAME)
    folder = place.folder / "out"
    tables = place.report("export", NAME, "--to", str(folder))["tables"]
    assert {name: table["rows"] for name, table in tables.items()} == {
        "included": 5,
        "excluded": 1,
        "planned_salesforce": 5,
        "withheld_salesforce": 0,
        "not_accepted_salesforce": 1,
        "delivered_salesforce": 4,
    }
    assert '"\'=cmd()"' in (folder / "excluded.csv").read_text(encoding="utf-8")
    excluded = duckdb.read_parquet(str(folder / "excluded.parquet"))
    rows = excluded.select("key", "details").fetchall()
    assert rows == [("A-2", "=cmd()")]
    names = {path.name for path in folder.iterdir()}
    assert names == {f"{name}.{kind}" for name in tables for kind in ("csv", "parquet")}
    assert folder.stat().st_mode & 0o077 == 0


def test_there_is_nothing_to_export_before_a_plan(place: Installation) -> None:
    assert place.run("export", NAME).exit_code == 1
