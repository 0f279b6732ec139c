"""Open the ledger's database: an SQLite file by default, PostgreSQL by its URL."""

from __future__ import annotations

import logging
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from activation_pipeline.errors import ConfigurationError
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._words import begin_chain

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

_BUSY_TIMEOUT_S = 30
_LOGGER = "activation_ledger"
_PAUSE_S = 0.01
READING = "activation_reading"
# Engines without connections, by address: what they know is how to write each statement, which
# takes longer than to run it. One process has one ledger, or a few.
_idle: dict[sa.URL, Engine] = {}
_KEPT = 4
_CREATING = 47_112_026  # any number, as long as every process takes the same


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transactions begin as readers and lose a quarter of them when they turn
    # into writers; with its handling off, every transaction begins as a writer below.
    connection.isolation_level = None
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on; of two that do so to a new file, SQLite lets none wait."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _begin_immediate(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get(READING)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def reading(engine: Engine) -> Engine:
    """Give an engine whose transactions only read, and so wait for no writer."""
    return engine.execution_options(**{READING: True})


def _new_engine(address: sa.URL) -> Engine:
    # Rows say who signed, and SQLAlchemy logs every row at DEBUG: not the ledger's.
    logging.getLogger(f"sqlalchemy.engine.Engine.{_LOGGER}").setLevel(logging.WARNING)
    sqlite = address.get_backend_name() == "sqlite"
    options = {"timeout": _BUSY_TIMEOUT_S} if sqlite else {}
    engine = sa.create_engine(
        address, connect_args=options, hide_parameters=True, logging_name=_LOGGER
    )
    if sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def close_engine(engine: Engine) -> None:
    """End an engine's connections; whoever opens the same ledger next has its statements."""
    engine.dispose()
    _idle[engine.url] = engine
    for address in list(_idle)[:-_KEPT]:
        _idle.pop(address, None)


def open_engine(url: str) -> Engine:
    """Connect and create the tables that are missing.

    Raises:
        ConfigurationError: the address is not one, its driver is not installed, the database
            does not answer, or its tables are newer than this version of the package.
    """
    try:
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite" and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = _idle.pop(address, None) or _new_engine(address)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"ACTIVATION_LEDGER: {type(error).__name__}; write sqlite:///path/ledger.sqlite or "
            "postgresql+psycopg://user@host/database"
        ) from None
    try:
        with engine.begin() as connection:
            _prepare_tables(connection)
    except ConfigurationError:
        engine.dispose()
        raise
    except DatabaseError as error:
        engine.dispose()
        kind = type(error.orig).__name__
        raise ConfigurationError(
            f"ACTIVATION_LEDGER: the {address.get_backend_name()} database does not open ({kind})"
        ) from None
    return engine


def _prepare_tables(connection: sa.Connection) -> None:
    """Create what is missing, in the caller's transaction; a newer ledger stays as it is."""
    if connection.dialect.name == "postgresql":
        # Two processes that create the same table at once fail there, so they take turns.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))
    # One question for all tables: to ask for each takes longer than what most commands do.
    there = set(sa.inspect(connection).get_table_names())
    missing = [table for table in t.metadata.sorted_tables if table.name not in there]
    t.metadata.create_all(connection, tables=missing, checkfirst=False)
    if t.chain in missing:
        begin_chain(connection)
    found = connection.scalar(sa.select(t.schema_version.c.version))
    if found is None:
        connection.execute(sa.insert(t.schema_version).values(version=t.SCHEMA_VERSION))
    elif found != t.SCHEMA_VERSION:
        raise ConfigurationError(
            f"ACTIVATION_LEDGER: its tables are of version {found}, this package writes "
            f"{t.SCHEMA_VERSION}; use the package version that wrote it"
        )


def written(moment: datetime) -> str:
    """Write a UTC moment so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """Read a moment that ``written`` wrote."""
    return datetime.fromisoformat(text)
