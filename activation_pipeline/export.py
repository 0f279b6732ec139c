"""Files for people who work through a plan: who is included, who is not and why, what failed.

Each table is written twice: Parquet, exact; and CSV that a spreadsheet opens without running
anything. The work is done by the engine on the frozen snapshots, never row by row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from activation_pipeline.delivered import current_query
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.expiry.since import expired_query
from activation_pipeline.expressions import column, named, text
from activation_pipeline.population import SEPARATOR
from activation_pipeline.snapshots import publish
from activation_pipeline.warehouse import Engine, in_memory, parquet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime

# The last four are the full-width forms, which some locales read as the first four.
FORMULA_STARTS = "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
_OUTCOME = ("key", "destination_id", "state", "code", "field", "message")
# A number, a truth value or a time cannot be a formula; everything else is written as text.
_HARMLESS = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "UHUGEINT", "DECIMAL", "FLOAT", "DOUBLE", "BOOLEAN", "DATE", "TIME",
)  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """One table that was written: its name, its rows, its two files."""

    name: str
    rows: int
    csv: Path
    parquet: Path


def spreadsheet_safe(value: exp.Expr) -> exp.Expr:
    """Put an apostrophe before text that a spreadsheet would take for a formula.

    Text that begins with ``=``, ``+``, ``-``, ``@``, one of their full-width forms, a tab, a
    carriage return, a line feed or a null character.

    Source: OWASP, "CSV Injection"; ASVS 5.0, 1.2.10.
    """
    first = exp.Left(this=value.copy(), expression=exp.Literal.number(1))
    # By number: a null character would end the statement.
    starts = [
        exp.Anonymous(this="CHR", expressions=[exp.Literal.number(ord(character))])
        for character in FORMULA_STARTS
    ]
    escaped = exp.DPipe(this=exp.Literal.string("'"), expression=value.copy())
    return exp.Case().when(exp.In(this=first, expressions=starts), escaped).else_(value.copy())


def export(contract: Contract, runtime: Runtime, folder: Path) -> tuple[Exported, ...]:
    """Write the newest plan's tables into a folder; files of the same names are replaced.

    Tables: ``included`` and ``excluded`` (the population, with reasons and details); and for each
    destination ``planned_``, ``withheld_`` (by policy), ``not_accepted_`` (rejected, held back at
    send, unknown), ``delivered_`` (what it holds from us, over all plans) and ``expired_`` (what
    each expiry cleared, removed, flagged or left).

    Raises:
        ConfigurationError: there is no plan to export, or the folder cannot be written.
    """
    evaluation = runtime.ledger.newest(contract.name)
    plan = evaluation.plan if evaluation else None
    if plan is None:
        raise ConfigurationError(
            f"{contract.name}: no plan to export; run activation plan {contract.name}"
        )
    if not runtime.snapshots.population(contract.name, plan.id).is_file():
        raise ConfigurationError(
            f"{contract.name}: plan {plan.id} has no snapshot under ACTIVATION_HOME; "
            f"run activation plan {contract.name}"
        )
    try:
        # Only for its owner: the files hold what the contract hides everywhere else.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with runtime.snapshots.workspace() as work, in_memory() as connection:
            engine = Engine(connection, scratch=work)
            return tuple(
                _write(engine, connection, name, query, folder)
                for name, query in _tables(contract, plan, runtime, work)
            )
    except OSError as error:
        raise ConfigurationError(f"{folder}: cannot be written ({error.strerror})") from None


def _tables(
    contract: Contract, plan: Plan, runtime: Runtime, work: Path
) -> Iterator[tuple[str, exp.Query]]:
    population = parquet([runtime.snapshots.population(contract.name, plan.id)])
    eligible = column("disposition").eq(exp.Literal.string("eligible"))
    listed = exp.Anonymous(
        this="REPLACE",
        expressions=[column("reasons"), exp.Literal.string(SEPARATOR), exp.Literal.string(", ")],
    )
    everyone = exp.select(exp.Star(replace=[named(listed, "reasons")])).from_(population)
    yield "included", everyone.where(eligible).order_by(column("key"))
    yield "excluded", everyone.where(exp.not_(eligible)).order_by(column("key"))
    for part in plan.parts:
        name = part.destination
        planned = runtime.snapshots.part(contract.name, plan.id, name)
        withheld = runtime.snapshots.withheld(contract.name, plan.id, name)
        yield f"planned_{name}", exp.select("*").from_(parquet([planned]))
        yield f"withheld_{name}", exp.select("*").from_(parquet([withheld]))
        yield f"not_accepted_{name}", _not_accepted(plan, name, planned, runtime, work)
        delivered = _delivered(contract.name, name, runtime)
        if delivered is not None:
            yield f"delivered_{name}", delivered
        expired = expired_query(contract.name, name, runtime)
        if expired is not None:
            yield f"expired_{name}", expired


def _not_accepted(
    plan: Plan, destination: str, planned: Path, runtime: Runtime, work: Path
) -> exp.Query:
    """Select what the ledger noted, and the rows of batches that never got an answer."""
    noted = runtime.ledger.deliveries.outcomes(plan.id, destination)
    kept = [outcome for outcome in noted if outcome.state != "accepted"]
    path = work / f"{destination}.noted.parquet"
    arrays = {
        name: pa.array([getattr(outcome, name) for outcome in kept], pa.string())
        for name in _OUTCOME
    }
    pq.write_table(pa.table(arrays), path)
    query: exp.Query = exp.select(*map(column, _OUTCOME)).from_(parquet([path]))
    batches = runtime.ledger.history.batches(plan.id, destination)
    answered = {(first, last) for first, last, done in batches if done}
    for first, last in {(a, b) for a, b, done in batches if not done} - answered:
        row = column("file_row_number")
        silent = exp.select(
            column("key"),
            column("destination_id"),
            exp.Literal.string("unknown"),
            exp.Literal.string("NO_ANSWER"),
            exp.null(),
            exp.Literal.string("the sender was cut off"),
        ).from_(parquet([planned], numbered=True))
        query = query.union(
            silent.where(
                exp.GTE(this=row, expression=exp.Literal.number(first)),
                exp.LT(this=row.copy(), expression=exp.Literal.number(last)),
            ),
            distinct=False,
        )
    return query


def _delivered(contract: str, destination: str, runtime: Runtime) -> exp.Query | None:
    base, deltas = runtime.snapshots.delivered(contract, destination)
    files = [*([base] if base else []), *deltas]
    if not files:
        return None
    position = int(base.stem.removesuffix("-base")) if base else None
    return current_query(parquet(files), base_position=position).order_by(column("key"))


def _write(
    engine: Engine, connection: duckdb.DuckDBPyConnection, name: str, query: exp.Query, folder: Path
) -> Exported:
    """Write one table as both kinds of file, each moved to its name when it is whole."""
    exact, sheet = folder / f"{name}.parquet", folder / f"{name}.csv"
    new_exact, new_sheet = folder / f".{name}.parquet.new", folder / f".{name}.csv.new"
    try:
        rows = engine.write(query, new_exact)
        engine.files("exported", [new_exact])
        safe = [
            column(each)
            if kind.startswith(_HARMLESS) and not kind.endswith("]")
            else named(spreadsheet_safe(text(column(each))), each)
            for each, kind in engine.columns("exported").items()
        ]
        target = exp.Literal.string(str(new_sheet)).sql("duckdb")
        written = exp.select(*safe).from_("exported").sql("duckdb")
        # Quoted throughout: a spreadsheet that splits at another sign still sees one cell.
        try:
            connection.execute(f"COPY ({written}) TO {target} (FORMAT csv, HEADER, FORCE_QUOTE *)")
        except duckdb.Error as error:
            kind = type(error).__name__
            raise ConfigurationError(f"{sheet}: cannot be written ({kind})") from None
        publish(new_exact, exact)
        publish(new_sheet, sheet)
    finally:
        new_exact.unlink(missing_ok=True)
        new_sheet.unlink(missing_ok=True)
    return Exported(name, rows, sheet, exact)
