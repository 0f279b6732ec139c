"""A dbt project of somebody else's: a source, seeds, views, tables, increments and snapshots.

Every kind offers the same three relations (candidates, identity, unsubscribed) in one of two
schemas, so that a contract can read each part from another kind. Nothing of it knows of
contracts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("view", "table", "incremental", "snapshot", "seed", "source")
RECORDS = 6
# One key of each kind's list is unsubscribed, so that it shows which list was read.
UNSUBSCRIBED = {kind: f"K{number}" for number, kind in enumerate(KINDS, start=1)}
_PROJECT = """
name: theirs
version: "1.0.0"
config-version: 2
profile: theirs
flags: {send_anonymous_usage_stats: false}
models: {theirs: {marketing: {+schema: marketing}}}
snapshots: {theirs: {+unique_key: key, +strategy: check, +check_cols: all}}
seeds: {theirs: {+schema: marketing}}
"""
_PROFILE = """
theirs:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: "{{ env_var('THEIR_WAREHOUSE') }}", schema: core, threads: 1}
"""
_SOURCES = """
version: 2
sources:
  - name: crm
    schema: raw data
    tables: [{name: people_source}, {name: ids_source}, {name: gone_source}]
"""


def _people(scored: datetime) -> str:
    return (
        f"select 'K' || i as \"key\", 'for ' || i as band, timestamp '{scored}' as scored_at "
        f"from range(1, {RECORDS + 1}) as numbers (i)"
    )


def _ids() -> str:
    return (
        "select 'K' || i as \"key\", cast(10000 + i as varchar) as destination_id, "
        "'K' || i as destination_key, 'billing_id' as rule, false as is_role_based_email "
        f"from range(1, {RECORDS + 1}) as numbers (i)"
    )


def _gone(kind: str) -> str:
    key = UNSUBSCRIBED[kind]
    return f"select '{key}' as \"key\", 'unsubscribed' as reason, timestamp '2026-01-01' as since"


def _relations(kind: str, scored: datetime) -> dict[str, str]:
    return {
        f"people_{kind}": _people(scored),
        f"ids_{kind}": _ids(),
        f"gone_{kind}": _gone(kind),
    }


def _write_models(folder: Path, kind: str, sql: dict[str, str]) -> None:
    # Views and increments live in the second schema, tables in the first.
    place = folder / "models" / ("core" if kind == "table" else "marketing")
    place.mkdir(parents=True, exist_ok=True)
    config = f"{{{{ config(materialized='{kind}') }}}}\n"
    for name, query in sql.items():
        (place / f"{name}.sql").write_text(config + query, encoding="utf-8")


def _write_snapshots(folder: Path, kind: str, sql: dict[str, str]) -> None:
    del kind
    (folder / "snapshots").mkdir()
    for name, query in sql.items():
        text = f"{{% snapshot {name} %}}\n{query}\n{{% endsnapshot %}}\n"
        (folder / "snapshots" / f"{name}.sql").write_text(text, encoding="utf-8")


def _write_seeds(folder: Path, kind: str, sql: dict[str, str]) -> None:
    del kind
    (folder / "seeds").mkdir()
    with duckdb.connect() as connection:
        for name, query in sql.items():
            connection.sql(query).write_csv(str(folder / "seeds" / f"{name}.csv"))


def _write_sources(folder: Path, kind: str, sql: dict[str, str]) -> None:
    del kind
    (folder / "models" / "sources.yml").write_text(_SOURCES, encoding="utf-8")
    with duckdb.connect(str(warehouse(folder))) as connection:
        connection.execute('create schema "raw data"')
        for name, query in sql.items():
            connection.execute(f'create table "raw data".{name} as {query}')


_WRITERS: dict[str, Callable[[Path, str, dict[str, str]], None]] = {
    "view": _write_models,
    "table": _write_models,
    "incremental": _write_models,
    "snapshot": _write_snapshots,
    "seed": _write_seeds,
    "source": _write_sources,
}


def warehouse(folder: Path) -> Path:
    return folder / "theirs.duckdb"


def name_of(part: str, kind: str) -> str:
    """Spell a relation as a contract does; a source is named with its dbt source."""
    return f"crm.{part}_{kind}" if kind == "source" else f"{part}_{kind}"


def build(folder: Path, *, now: datetime) -> Path:
    """Write the project and let dbt build it; give the manifest's place."""
    scored = (now - timedelta(hours=1)).replace(tzinfo=None)
    folder.mkdir()
    (folder / "dbt_project.yml").write_text(_PROJECT, encoding="utf-8")
    (folder / "profiles.yml").write_text(_PROFILE, encoding="utf-8")
    for kind in KINDS:
        _WRITERS[kind](folder, kind, _relations(kind, scored))
    command = [Path(sys.executable).with_name("dbt"), "build", "--quiet", "--profiles-dir", "."]
    # A developer's own settings may send dbt's files elsewhere.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    environment = inherited | {"THEIR_WAREHOUSE": str(warehouse(folder))}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "target" / "manifest.json"


def newest_file(folder: Path) -> dict[str, datetime]:
    """Tell when each file of the project that people write was written last."""
    written = (p for p in folder.rglob("*") if p.suffix in {".sql", ".yml", ".csv"})
    return {
        str(path.relative_to(folder)): datetime.fromtimestamp(path.stat().st_mtime, UTC)
        for path in written
        if "target" not in path.parts
    }
