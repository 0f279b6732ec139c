"""Dagster's DuckDB resource, made safe for a file that several processes share."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import duckdb
import pytest
from dagster_duckdb import DuckDBResource

from activation_pipeline.errors import RetryableError, WarehouseError
from activation_pipeline.orchestration.resources import WarehouseResource

if TYPE_CHECKING:
    from pathlib import Path

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(path)).close()
    return path


def test_it_can_stand_in_for_dagsters_own(file: Path) -> None:
    resource = WarehouseResource(database=str(file))
    assert isinstance(resource, DuckDBResource)
    with resource.get_connection() as connection:
        assert connection.execute("select 42").fetchone() == (42,)


def test_it_only_reads(file: Path) -> None:
    with (
        WarehouseResource(database=str(file)).get_connection() as connection,
        pytest.raises(duckdb.InvalidInputException, match="read-only"),
    ):
        connection.execute("create table t (i int)")


def test_an_error_inside_the_block_gives_the_file_back(file: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        WarehouseResource(database=str(file)).get_connection(),
    ):
        raise ZeroDivisionError
    duckdb.connect(str(file)).close()


def test_a_wrong_path_is_told_at_once(tmp_path: Path) -> None:
    started = time.monotonic()
    with (
        pytest.raises(WarehouseError, match=r"gone\.duckdb: no warehouse file there"),
        WarehouseResource(database=str(tmp_path / "gone.duckdb")).get_connection(),
    ):
        pass
    assert time.monotonic() - started < 1


def test_it_waits_for_a_writer_no_longer_than_it_says_and_names_it(file: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        resource = WarehouseResource(database=str(file), wait_s=0.3)
        named = pytest.raises(RetryableError, match=f"process {holder.pid} has held")
        with named, resource.get_connection():
            pass
    finally:
        holder.communicate(b"\n", timeout=20)
