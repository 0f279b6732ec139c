"""The warehouse file: missing, broken, held by somebody else; and errors that quote no row."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import duckdb
import pytest
from desk import build, plan
from sqlglot import exp

from activation_pipeline.errors import RetryableError, WarehouseError
from activation_pipeline.manifest import Relation
from activation_pipeline.warehouse import (
    Engine,
    Engines,
    in_memory,
    open_warehouse,
    relation_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from company import Company

SECRET = "s3cret-9000"  # noqa: S105 - a value that must not show
_HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


class Opening(Protocol):
    def __call__(
        self, path: Path, *, read_only: bool = True, wait_s: float = 30.0
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]: ...


@pytest.fixture(params=["by itself", "in an engine"])
def opening(request: pytest.FixtureRequest) -> Iterator[Opening]:
    """Both ways of opening a warehouse; what holds of one holds of the other."""
    engines = Engines()
    yield open_warehouse if request.param == "by itself" else engines.warehouse
    engines.close()


def test_a_missing_warehouse_says_what_to_run_first(tmp_path: Path, opening: Opening) -> None:
    with (
        pytest.raises(
            WarehouseError, match=r"^none\.duckdb: no warehouse file there; run dbt build"
        ),
        opening(tmp_path / "none.duckdb"),
    ):
        pass
    assert list(tmp_path.iterdir()) == [], "opening must not create a file"


def test_a_file_that_is_no_warehouse_is_named_and_left_as_it_is(
    tmp_path: Path, opening: Opening
) -> None:
    path = tmp_path / "w.duckdb"
    path.write_text(f"not a database: {SECRET}" * 999, encoding="utf-8")
    with pytest.raises(WarehouseError, match=r"^w\.duckdb: not a readable") as caught:
        opening(path).__enter__()
    assert SECRET not in str(caught.value)
    assert path.read_text(encoding="utf-8").startswith("not a database")


def test_a_warehouse_that_somebody_holds_is_waited_for_and_its_holder_is_named(
    company: Company, opening: Opening
) -> None:
    with held_by_another_process(company.path) as process:
        with pytest.raises(RetryableError, match=f"process {process.pid} has held") as caught:
            opening(company.path, wait_s=0.3).__enter__()
        assert caught.value.retry_after == 0.3
    with opening(company.path, wait_s=5) as connection:
        assert connection.execute("select count(*) from mart").fetchone() == (0,)


def test_a_warehouse_that_this_process_writes_to_is_waited_for_too(
    company: Company, opening: Opening
) -> None:
    with (
        company.changing(),
        pytest.raises(RetryableError, match="this process has held the warehouse for 0 s"),
    ):
        opening(company.path, wait_s=0).__enter__()


def test_a_warehouse_is_free_again_after_an_error(company: Company, opening: Opening) -> None:
    message = "something else went wrong"
    with pytest.raises(RuntimeError, match=message), opening(company.path):
        raise RuntimeError(message)
    with held_by_another_process(company.path):
        pass


def test_a_warehouse_is_free_again_when_its_rows_were_not_read_to_the_end(
    company: Company, opening: Opening
) -> None:
    company.sql("insert into mart (id) select range::varchar from range(100000)")
    with opening(company.path) as connection:
        assert connection.execute("select id from mart").fetchone() is not None
    with held_by_another_process(company.path):
        pass


def test_reading_the_warehouse_cannot_change_it(company: Company, opening: Opening) -> None:
    with opening(company.path) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("delete from mart")


@pytest.mark.parametrize("name", ["warehouse", "memory", "temp", "a b", 'a"b'])
def test_a_warehouses_tables_are_found_by_its_file_s_name(
    tmp_path: Path, opening: Opening, name: str
) -> None:
    path = tmp_path / f"{name}.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t as select 7 as a")
        database = connection.execute("select current_database()").fetchall()
    with opening(path) as connection:
        assert connection.execute("select current_database()").fetchall() == database
        full = exp.Table(
            this=exp.to_identifier("t"),
            db=exp.to_identifier("main"),
            catalog=exp.to_identifier(database[0][0], quoted=True),
        ).sql("duckdb")
        for table in ("t", "main.t", full):
            assert connection.execute(f"select a from {table}").fetchall() == [(7,)]


def test_an_engine_that_is_used_again_keeps_nothing_of_its_last_user(tmp_path: Path) -> None:
    engines = Engines()
    for _ in range(2):
        with engines.opened() as connection:
            engine = Engine(connection, scratch=tmp_path)
            with pytest.raises(WarehouseError, match="Table with name kept does not exist"):
                engine.columns("kept")
            engine.table("kept", exp.select("1 as a"))
            engine.view("seen", exp.select("a").from_("kept"))
            assert engine.rows(exp.select("a").from_("seen")) == [{"a": 1}]
    assert len(engines._idle) == 1
    engines.close()


def test_each_user_of_an_engine_spills_into_its_own_folder(tmp_path: Path) -> None:
    """A folder that is gone cannot take what does not fit into memory."""
    engines = Engines()
    much = exp.select("range AS n", "uuid()::text AS t").from_("range(400000)")
    for name in ("one", "two"):
        folder = tmp_path / name
        with engines.opened() as connection:
            engine = Engine(connection, scratch=folder, memory_limit="20MB")
            engine.table("much", much)
            assert list(folder.iterdir())
        shutil.rmtree(folder, ignore_errors=True)
    engines.close()


def test_engines_that_are_used_at_once_do_not_see_each_other(tmp_path: Path) -> None:
    engines = Engines()
    with engines.opened() as one, engines.opened() as two:
        Engine(one, scratch=tmp_path / "one").table("mine", exp.select("1 as a"))
        with pytest.raises(WarehouseError, match="mine does not exist"):
            Engine(two, scratch=tmp_path / "two").columns("mine")
    engines.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (f"select cast('{SECRET}' as integer)", "ConversionException"),
        (f"select error('{SECRET}')", "InvalidInputException"),
        (f"select cast('{SECRET}' as timestamp)", "ConversionException"),
        ("select * from nowhere", "Table with name nowhere does not exist"),
        ("select nothing from (select 1)", 'Referenced column "nothing" not found'),
    ],
)
def test_an_error_names_tables_and_columns_and_never_a_value(
    tmp_path: Path, statement: str, told: str
) -> None:
    with in_memory() as connection:
        engine = Engine(connection, scratch=tmp_path)
        with pytest.raises(WarehouseError, match=r"^warehouse: ") as caught:
            engine._run(statement)
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_value_that_does_not_fit_fails_the_plan_without_showing_it(company: Company) -> None:
    company.add("A")
    company.sql(
        "alter table mart alter scored_at type varchar",
        "update mart set scored_at = 's3cret-9000'",
    )
    with pytest.raises(WarehouseError, match="ConversionException") as caught:
        plan(company, build(company))
    assert SECRET not in str(caught.value)
    with company.runtime() as runtime:
        stored = runtime.ledger.newest("renewal_risk")
    assert stored is not None
    assert (stored.plan, stored.decision) == (None, "pause")
    assert SECRET not in stored.message


def test_a_relation_is_found_by_up_to_three_names_that_are_never_read_as_sql() -> None:
    for parts in (("t",), ("s", "t"), ("d", "s", "t"), ('a"b; drop table t', "x.y")):
        written = relation_table(Relation(parts)).sql("duckdb")
        assert written == ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def test_what_a_file_lacks_is_null_in_the_table_of_several(tmp_path: Path) -> None:
    with in_memory() as connection:
        engine = Engine(connection, scratch=tmp_path)
        engine.write(exp.select("1 as a"), tmp_path / "one.parquet")
        assert engine.write(exp.select("2 as a", "3 as b"), tmp_path / "two.parquet") == 1
        engine.files("both", sorted(tmp_path.glob("*.parquet")))
        rows = engine.rows(exp.select("*").from_("both").order_by("a"))
        assert rows == [{"a": 1, "b": None}, {"a": 2, "b": 3}]
        assert engine.columns("both") == {"a": "INTEGER", "b": "INTEGER"}
        engine.table("kept", exp.select("*").from_("both"))
        (tmp_path / "one.parquet").unlink()
        assert len(engine.rows(exp.select("*").from_("kept"))) == 2
