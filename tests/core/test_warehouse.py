"""The warehouse file: missing, broken, held by somebody else; and errors that quote no row."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pytest
from desk import build, plan
from sqlglot import exp

from activation_pipeline.errors import RetryableError, WarehouseError
from activation_pipeline.manifest import Relation
from activation_pipeline.warehouse import Engine, in_memory, open_warehouse, relation_table

if TYPE_CHECKING:
    from collections.abc import Iterator
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


def test_a_missing_warehouse_says_what_to_run_first(tmp_path: Path) -> None:
    with (
        pytest.raises(
            WarehouseError, match=r"^none\.duckdb: no warehouse file there; run dbt build"
        ),
        open_warehouse(tmp_path / "none.duckdb"),
    ):
        pass
    assert list(tmp_path.iterdir()) == [], "opening must not create a file"


def test_a_file_that_is_no_warehouse_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_text(f"not a database: {SECRET}" * 999, encoding="utf-8")
    with pytest.raises(WarehouseError, match=r"^w\.duckdb: not a readable") as caught:
        open_warehouse(path).__enter__()
    assert SECRET not in str(caught.value)
    assert path.read_text(encoding="utf-8").startswith("not a database")


def test_a_warehouse_that_somebody_holds_is_waited_for_and_its_holder_is_named(
    company: Company,
) -> None:
    with held_by_another_process(company.path) as process:
        with pytest.raises(RetryableError, match=f"process {process.pid} has held") as caught:
            open_warehouse(company.path, wait_s=0.3).__enter__()
        assert caught.value.retry_after == 0.3
    with open_warehouse(company.path, wait_s=5) as connection:
        assert connection.execute("select count(*) from mart").fetchone() == (0,)


def test_a_warehouse_is_free_again_after_an_error(company: Company) -> None:
    message = "something else went wrong"
    with pytest.raises(RuntimeError, match=message), open_warehouse(company.path):
        raise RuntimeError(message)
    company.add("A")


def test_reading_the_warehouse_cannot_change_it(company: Company) -> None:
    with open_warehouse(company.path) as connection, pytest.raises(duckdb.Error, match="read-only"):
        connection.execute("delete from mart")


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
