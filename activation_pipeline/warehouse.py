"""The engine that runs the set work: DuckDB.

Opens the warehouse briefly and read-only, freezes what a plan needs into Parquet files, and
runs composed queries over such files in memory. Nothing here knows contracts. Error texts
never carry values: an engine's conversion error quotes the row.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from activation_pipeline.errors import RetryableError, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from activation_pipeline.manifest import Relation

_DIALECT = "duckdb"
_HOLDER = re.compile(r"PID (\d+)")
_PAUSE_S = 0.25
# What Parquet would round, and the type that keeps it exactly.
_KEPT_AS = {"HUGEINT": "DECIMAL(38, 0)", "UHUGEINT": "DECIMAL(38, 0)"}
# Errors about names, whose text has no values; every other kind may quote a row.
_NAMELESS = (duckdb.CatalogException, duckdb.BinderException)
# Another process has the file, or this one has: opened another way, or by another engine.
_HELD = (duckdb.IOException, duckdb.ConnectionException, duckdb.ResourceInUseException)
# A file of such a name cannot be attached under it.
_OWN_NAMES = frozenset({"main", "memory", "system", "temp"})


@contextmanager
def open_warehouse(
    path: Path, *, read_only: bool = True, wait_s: float = 30.0
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB file, wait a while for whoever writes to it, and always close it again.

    Raises:
        WarehouseError: no such file, or not a DuckDB file.
        RetryableError: another process still holds it after ``wait_s`` seconds; names its pid.
    """
    connection = _patiently(
        lambda: duckdb.connect(str(path), read_only=read_only), path, wait_s=wait_s
    )
    try:
        yield connection
    finally:
        connection.close()


def _patiently(
    opening: Callable[[], duckdb.DuckDBPyConnection], path: Path, *, wait_s: float
) -> duckdb.DuckDBPyConnection:
    if not path.is_file():
        raise WarehouseError(f"{path.name}: no warehouse file there; run dbt build first")
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return opening()
        except _HELD as error:
            if isinstance(error, duckdb.IOException) and "lock" not in str(error):
                raise WarehouseError(f"{path.name}: not a readable DuckDB file") from None
            if time.monotonic() > deadline:
                holder = _HOLDER.search(str(error))
                elsewhere = f"process {holder[1]}" if holder else "another process"
                who = elsewhere if isinstance(error, duckdb.IOException) else "this process"
                raise RetryableError(
                    f"{path.name}: {who} has held the warehouse for {wait_s:g} s; "
                    "wait for it, or close what has the file open",
                    retry_after=wait_s,
                ) from None
            time.sleep(_PAUSE_S)


@contextmanager
def in_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine without a file, for work on snapshots; no lock is taken."""
    connection = duckdb.connect(":memory:")
    try:
        yield connection
    finally:
        connection.close()


class Engines:
    """Engines without a file that are used again, one user at a time.

    Starting DuckDB costs more than most of what a small plan asks of it; attaching a file to a
    DuckDB that runs costs a twentieth of opening it.
    """

    def __init__(self) -> None:
        """Start none yet."""
        self._idle: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend an engine; what is named or kept in it is gone afterwards."""
        with self._lent() as instance, instance.cursor() as connection:
            yield connection

    @contextmanager
    def warehouse(
        self, path: Path, *, read_only: bool = True, wait_s: float = 30.0
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a DuckDB file as ``open_warehouse`` does, and with its errors."""
        if path.stem in _OWN_NAMES:
            with open_warehouse(path, read_only=read_only, wait_s=wait_s) as connection:
                yield connection
            return
        name = _quoted(path.stem)
        mode = "READ_ONLY" if read_only else "READ_WRITE"
        attach = f"ATTACH {exp.Literal.string(str(path)).sql(_DIALECT)} AS {name} ({mode})"
        with self._lent() as instance:
            _patiently(lambda: instance.execute(attach), path, wait_s=wait_s)
            # Its own connection: closing it ends what it has not read to the end, and only then
            # does the engine let go of the file.
            with instance.cursor() as connection:
                connection.execute(f"USE {name}")
                yield connection
            instance.execute(f"DETACH {name}")

    @contextmanager
    def _lent(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Take an instance, and keep it only after success and while nothing was spilled."""
        instance = self._idle.pop() if self._idle else duckdb.connect(":memory:")
        is_kept = False
        try:
            yield instance
            is_kept = _can_spill_elsewhere(instance)
        finally:
            if is_kept:
                self._idle.append(instance)
            else:
                instance.close()

    def close(self) -> None:
        """End the engines that nobody uses."""
        while self._idle:
            self._idle.pop().close()


def _can_spill_elsewhere(instance: duckdb.DuckDBPyConnection) -> bool:
    """Say whether the next user may name its own folder: not after something was spilled."""
    try:
        instance.execute("SET temp_directory = ''")
    except duckdb.NotImplementedException:
        return False
    return True


class Engine:
    """Composed queries in, tables and files out, on one open connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        scratch: Path,
        memory_limit: str = "700MB",
        threads: int = 2,
    ) -> None:
        """Bound memory and threads; what does not fit spills into ``scratch``."""
        self._connection = connection
        settings = {
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(scratch),
            "TimeZone": "UTC",
            "enable_progress_bar": False,
        }
        for name, value in settings.items():
            connection.execute(f"SET {name} = {exp.convert(value).sql(_DIALECT)}")

    def rows(self, query: exp.Query) -> list[dict[str, Any]]:
        """Run a query whose result is small; one dictionary per row."""
        cursor = self._run(query.sql(_DIALECT))
        names = [each[0] for each in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def view(self, name: str, query: exp.Query) -> None:
        """Name a query's result without computing it."""
        self._run(f"CREATE OR REPLACE TEMP VIEW {_quoted(name)} AS {query.sql(_DIALECT)}")

    def table(self, name: str, query: exp.Query) -> None:
        """Compute a query's result once and keep it until the connection closes."""
        self._run(f"CREATE OR REPLACE TEMP TABLE {_quoted(name)} AS {query.sql(_DIALECT)}")

    def files(self, name: str, paths: Iterable[Path]) -> None:
        """Name some Parquet files as one table; a column that one of them lacks is null there."""
        self.view(name, exp.select(exp.Star()).from_(parquet(paths)))

    def columns(self, name: str) -> dict[str, str]:
        """Map the column names of a named table to the engine's types."""
        found = self._run(f"DESCRIBE {_quoted(name)}").fetchall()
        return {row[0]: row[1] for row in found}

    def write(self, query: exp.Query, path: Path) -> int:
        """Write a query's result to a Parquet file and count its rows."""
        target = exp.Literal.string(str(path)).sql(_DIALECT)
        copied = self._run(f"COPY ({self._exact(query)}) TO {target} (FORMAT parquet)").fetchone()
        return int(copied[0]) if copied else 0

    def _exact(self, query: exp.Query) -> str:
        """Write a query whose columns a file keeps as they are.

        Whole numbers of 128 bits, as every sum is one, would be rounded to doubles; one of more
        than 38 digits fails the query.
        """
        text = query.sql(_DIALECT)
        described = self._run(f"DESCRIBE {text}").fetchall()
        kept = {_quoted(row[0]): _KEPT_AS[row[1]] for row in described if row[1] in _KEPT_AS}
        if not kept:
            return text
        casts = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in kept.items())
        return f"SELECT * REPLACE ({casts}) FROM ({text})"  # noqa: S608 - a composed query, quoted names

    def _run(self, statement: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(statement)
        except _NAMELESS as error:
            raise WarehouseError(f"warehouse: {str(error).splitlines()[0]}") from None
        except duckdb.Error as error:
            kind = type(error).__name__
            raise WarehouseError(
                f"warehouse: {kind} in a query (its text is kept out, it may quote a row); "
                "look at the source, identity and suppression models' types"
            ) from None


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(_DIALECT)


def parquet(paths: Iterable[Path], *, numbered: bool = False) -> exp.Table:
    """Refer to Parquet files as a table; ``numbered`` adds ``file_row_number`` from 0."""
    names = exp.array(*(exp.Literal.string(str(path)) for path in paths))
    options = ["union_by_name"] + (["file_row_number"] if numbered else [])
    call = exp.Anonymous(
        this="READ_PARQUET",
        expressions=[
            names,
            *(exp.EQ(this=exp.to_identifier(o), expression=exp.true()) for o in options),
        ],
    )
    return exp.Table(this=call)


def relation_table(relation: Relation) -> exp.Table:
    """Refer to a relation by its one to three name parts, quoted."""
    names: Mapping[str, exp.Identifier] = dict(
        zip(
            ("this", "db", "catalog"),
            (exp.to_identifier(part, quoted=True) for part in reversed(relation.parts)),
            strict=False,
        )
    )
    return exp.Table(**names)
