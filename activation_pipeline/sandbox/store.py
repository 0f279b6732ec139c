"""The sandbox's state: one SQLite file, one connection, one lock.

A request is one transaction, so a crash or a cut leaves all of it or none. The tables are neutral:
records and their values are JSON, so a new vendor needs no new table. What a value means is not
known here.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS record (
    vendor TEXT, object TEXT, id TEXT, body TEXT NOT NULL, name TEXT, changed_at TEXT NOT NULL,
    archived INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (vendor, object, id));
CREATE INDEX IF NOT EXISTS record_changed ON record (vendor, object, changed_at);
CREATE TABLE IF NOT EXISTS record_key (
    vendor TEXT, object TEXT, field TEXT, folded TEXT, id TEXT,
    PRIMARY KEY (vendor, object, field, folded, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, vendor TEXT, object TEXT, id TEXT, field TEXT,
    old TEXT, new TEXT, at TEXT, by_kind TEXT, by_id TEXT, born INTEGER);
CREATE INDEX IF NOT EXISTS history_record ON history (vendor, object, id, seq);
CREATE TABLE IF NOT EXISTS list (
    vendor TEXT, id TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (vendor, id));
CREATE TABLE IF NOT EXISTS member (
    vendor TEXT, list_id TEXT, record_id TEXT, seq INTEGER, first_at TEXT, at TEXT,
    PRIMARY KEY (vendor, list_id, record_id));
CREATE INDEX IF NOT EXISTS member_record ON member (vendor, record_id);
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT, vendor TEXT, method TEXT, path TEXT,
    headers TEXT, body BLOB, status INTEGER, fault TEXT);
CREATE TABLE IF NOT EXISTS fault (
    id INTEGER PRIMARY KEY AUTOINCREMENT, vendor TEXT, body TEXT NOT NULL,
    let_through INTEGER NOT NULL, times_left INTEGER);
CREATE TABLE IF NOT EXISTS usage (
    vendor TEXT, bucket TEXT, used INTEGER NOT NULL, PRIMARY KEY (vendor, bucket));
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, body TEXT NOT NULL);
"""


class Store:
    """The state of one sandbox, kept in ``<home>/sandbox.sqlite``."""

    def __init__(self, home: Path) -> None:
        """Open the file, making the folder and the tables if they are not there."""
        home.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            home / "sandbox.sqlite", isolation_level=None, check_same_thread=False, timeout=10
        )
        # NORMAL loses nothing when the process dies, and costs no disk flush for each request.
        self._connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;"
        )
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock; commit at the end, or roll back when an exception passes."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo this part alone when an exception passes, inside a transaction."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO part")
            self._connection.execute("RELEASE part")
            raise
        self._connection.execute("RELEASE part")

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return every row of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement; return the id of the row that it inserted, if any."""
        with self._lock:
            return self._connection.execute(sql, values).lastrowid or 0

    def run_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Execute one statement for each row."""
        with self._lock:
            self._connection.executemany(sql, rows)

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a kept JSON value."""
        found = self.rows("SELECT body FROM setting WHERE name = ?", name)
        return orjson.loads(found[0][0]) if found else default

    def keep(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, orjson.dumps(value).decode())

    def next_number(self, name: str, start: int = 1) -> int:
        """Return the next of a row of numbers that never repeats."""
        number = int(self.setting(f"number:{name}", start))
        self.keep(f"number:{name}", number + 1)
        return number

    def clear(self, *tables: str) -> None:
        """Empty the tables named, or all of them."""
        known = [row[0] for row in self.rows("SELECT name FROM sqlite_master WHERE type='table'")]
        for table in tables or [name for name in known if not name.startswith("sqlite_")]:
            self.run(f'DELETE FROM "{table}"')  # noqa: S608  a name out of this file's own schema
