"""The ledger as two tables of the warehouse, for dbt to read: attempts, and every record's fate.

Only what is new since the last export is written, in one transaction, after everything was
worked out on files: the warehouse is locked for a moment only. Rows have keys, counts and
reasons, and never a field's value.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from activation_pipeline.errors import ConfigurationError, WarehouseError
from activation_pipeline.runtime import is_gone
from activation_pipeline.warehouse import Engine, in_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.ledger.attempts import WholeAttempt
    from activation_pipeline.runtime import Runtime

    Opening = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

SCHEMA = "activation"
# The columns that ``dbt_project/models/outcomes/_sources.yml`` describes, one by one.
TABLES: Mapping[str, Mapping[str, str]] = {
    "activation_deliveries": {
        "delivery": "bigint",
        "contract": "varchar",
        "destination": "varchar",
        "plan": "varchar",
        "started_at": "timestamp",
        "ended_at": "timestamp",
        "outcome": "varchar",
        "planned": "bigint",
        "sent": "bigint",
        "accepted": "bigint",
        "rejected": "bigint",
        "held": "bigint",
        "unknown": "bigint",
        "unanswered": "bigint",
    },
    "activation_records": {
        "delivery": "bigint",
        "contract": "varchar",
        "destination": "varchar",
        "plan": "varchar",
        "key": "varchar",
        "destination_id": "varchar",
        "operation": "varchar",
        "state": "varchar",
        "code": "varchar",
        "field": "varchar",
        "message": "varchar",
        "delivered_at": "timestamp",
    },
}
DELIVERIES, RECORDS = TABLES
_MOMENT = pa.timestamp("us")
_TYPES = {"bigint": pa.int64(), "varchar": pa.string(), "timestamp": _MOMENT}
_FIGURES = ("outcome", "planned", "sent", "accepted", "rejected", "held", "unknown", "unanswered")
_UNFINISHED = frozenset({"running", "interrupted"})
_NOTED = ("key", "destination_id", "state", "code", "field", "message")

# Each answered row of the snapshot, and what the ledger noted of it: nothing means accepted.
_FATES = """
COPY (
    SELECT
        $delivery::bigint AS delivery, $contract AS contract, $destination AS destination,
        $plan AS plan, p.key, p.destination_id, p.operation,
        coalesce(o.state, 'accepted') AS state, o.code, o.field,
        nullif(o.message, '') AS message,
        b.answered_at AS delivered_at
    FROM read_parquet($part, file_row_number = true) AS p
    ASOF JOIN read_parquet($batches) AS b ON p.file_row_number >= b.first_row
    LEFT JOIN read_parquet($noted) AS o
        ON p.key = o.key AND p.destination_id = o.destination_id
    WHERE p.file_row_number < b.last_row AND b.answered_at IS NOT NULL
) TO $target (FORMAT parquet)
"""


@dataclass(frozen=True)
class ExportedLedger:
    """What one export wrote; ``without_snapshot`` attempts have no rows of records."""

    deliveries: int
    records: int
    without_snapshot: int


def export_ledger(runtime: Runtime, *, open_to_write: Opening, now: datetime) -> ExportedLedger:
    """Bring the warehouse's tables up to date with the ledger.

    An attempt's records are written once it has ended or its process is gone; one that was at work
    is written again later. Running it twice changes nothing.

    Args:
        runtime: the installation; its warehouse is read for what is there already.
        open_to_write: opens the warehouse's file for writing, and waits for whoever holds it.
        now: UTC; tells whether a sender that did not end is still at work.

    Raises:
        ConfigurationError: the warehouse has the tables of another ledger.
        WarehouseError: no warehouse file, or its tables are not of this shape.
        RetryableError: another process holds the warehouse for too long.
    """
    with runtime.open_warehouse() as connection, _told():
        there = _exported(connection)
    waiting = _waiting(runtime, there, now=now)
    if not waiting:
        return ExportedLedger(0, 0, 0)
    ended = [each for each in waiting if each.batches and each.outcome != "running"]
    with runtime.snapshots.workspace() as folder:
        attempts = _attempts_file(waiting, folder / "attempts.parquet")
        with in_memory() as connection, _told():
            Engine(connection, scratch=folder)
            fates = [
                _fates_file(connection, runtime, each, part, folder)
                for each in ended
                if (part := _snapshot(runtime, each)).is_file()
            ]
        with open_to_write() as connection, _told():
            Engine(connection, scratch=folder)
            _replace(connection, [each.attempt.id for each in waiting], attempts, fates)
        rows = sum(pq.read_metadata(file).num_rows for file in fates)
    return ExportedLedger(len(waiting), rows, len(ended) - len(fates))


@contextmanager
def _told() -> Iterator[None]:
    """Say which kind of error it was: the engine's own text may quote a row."""
    try:
        yield
    except duckdb.Error as error:
        kind = type(error).__name__
        raise WarehouseError(
            f"warehouse: {SCHEMA}: {kind}; if its tables were changed by hand, drop them and "
            "export again"
        ) from None


def _exported(connection: duckdb.DuckDBPyConnection) -> dict[int, tuple[datetime, str, int]]:
    """Read which attempts the warehouse has: when they began, how they went, answered rows."""
    names = connection.execute(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_catalog = current_database() AND table_schema = ?",
        [SCHEMA],
    ).fetchall()
    if (DELIVERIES,) not in names:
        return {}
    rows = connection.execute(
        f"SELECT delivery, started_at, outcome, sent - unanswered FROM {SCHEMA}.{DELIVERIES}"  # noqa: S608 - constants
    ).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def _waiting(
    runtime: Runtime, there: Mapping[int, tuple[datetime, str, int]], *, now: datetime
) -> list[WholeAttempt]:
    """List the attempts that the warehouse lacks, or has as they no longer are."""
    begun = runtime.ledger.attempts.begun()
    for delivery, (started, _, _) in there.items():
        if delivery not in begun or _naive(begun[delivery]) != started:
            raise ConfigurationError(
                f"{SCHEMA}.{DELIVERIES}: delivery {delivery} is of another ledger than "
                "ACTIVATION_LEDGER; name that one, or drop both tables to export this one"
            )
    unfinished = {key for key, (_, outcome, _) in there.items() if outcome in _UNFINISHED}
    wanted = (begun.keys() - there.keys()) | unfinished
    found = runtime.ledger.attempts.read(
        wanted, is_gone=lambda holder, at: is_gone(holder, at, now=now)
    )
    return [
        each
        for each in found
        if there.get(each.attempt.id, ())[1:] != (each.outcome, each.sent - each.unanswered)
    ]


def _naive(moment: datetime) -> datetime:
    """Write a moment as the warehouse does: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _snapshot(runtime: Runtime, each: WholeAttempt) -> Path:
    attempt = each.attempt
    return runtime.snapshots.part(attempt.contract, attempt.plan, attempt.destination)


def _attempts_file(found: Sequence[WholeAttempt], path: Path) -> Path:
    rows = [
        {
            "delivery": each.attempt.id,
            "contract": each.attempt.contract,
            "destination": each.attempt.destination,
            "plan": each.attempt.plan,
            "started_at": _naive(each.started),
            "ended_at": _naive(each.ended) if each.ended else None,
            **{name: getattr(each, name) for name in _FIGURES},
        }
        for each in found
    ]
    schema = pa.schema([(n, _TYPES[kind]) for n, kind in TABLES[DELIVERIES].items()])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def _fates_file(
    connection: duckdb.DuckDBPyConnection,
    runtime: Runtime,
    each: WholeAttempt,
    part: Path,
    folder: Path,
) -> Path:
    """Write what became of each answered record of one attempt."""
    attempt = each.attempt
    batches, noted = folder / "batches.parquet", folder / "noted.parquet"
    ranges = [(b.first_row, b.last_row, b.at and _naive(b.at)) for b in each.batches]
    names = ("first_row", "last_row", "answered_at")
    kinds = (pa.int64(), pa.int64(), _MOMENT)
    columns = zip(names, kinds, zip(*ranges, strict=True), strict=True)
    pq.write_table(
        pa.table({name: pa.array(cells, kind) for name, kind, cells in columns}), batches
    )
    outcomes = runtime.ledger.deliveries.outcomes(
        attempt.plan, attempt.destination, delivery=attempt.id
    )
    told = {n: pa.array([getattr(o, n) for o in outcomes], pa.string()) for n in _NOTED}
    pq.write_table(pa.table(told), noted)
    target = folder / f"{attempt.id}.parquet"
    values = {"delivery": attempt.id, "contract": attempt.contract, "plan": attempt.plan}
    values |= {"destination": attempt.destination, "part": str(part), "target": str(target)}
    connection.execute(_FATES, values | {"batches": str(batches), "noted": str(noted)})
    return target


def _replace(
    connection: duckdb.DuckDBPyConnection,
    deliveries: Sequence[int],
    attempts: Path,
    fates: Sequence[Path],
) -> None:
    """Put these attempts in the place of what was there of them, all or nothing."""
    connection.execute("BEGIN TRANSACTION")
    prepare_tables(connection)
    # Asked again under the lock: another export may have written some of them meanwhile. Only
    # those are looked for among the records, whose table holds all of the past.
    again = sorted(_exported(connection).keys() & set(deliveries))
    for name, files in ((DELIVERIES, [attempts]), (RECORDS, fates)):
        table = f"{SCHEMA}.{name}"
        if again:
            marks = ", ".join("?" * len(again))
            connection.execute(f"DELETE FROM {table} WHERE delivery IN ({marks})", again)  # noqa: S608 - constants and marks
        if files:
            connection.execute(
                f"INSERT INTO {table} BY NAME SELECT * FROM read_parquet(?)",  # noqa: S608 - constants
                [[str(file) for file in files]],
            )
    connection.execute("COMMIT")


def prepare_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schema and both tables where they are missing."""
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    for name, columns in TABLES.items():
        body = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        connection.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{name} ({body})")
