"""The requests of the last moments, counted against a limit; shared by processes where a file is.

pyrate-limiter decides; its SQLite bucket keeps the requests in a file. The lock around a
decision is SQLite's own transaction, not a lock file: it costs a fifth of one, holds between
threads as between processes, and is gone with a process that dies.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, cast

from pyrate_limiter import AbstractBucket, InMemoryBucket, Rate, RateItem, SQLiteBucket

from activation_pipeline.errors import RetryableError

if TYPE_CHECKING:
    from pathlib import Path

    from pyrate_limiter.abstracts.algorithm import Decision

# How long another process may take for one decision, which needs a tenth of a millisecond.
_PATIENCE_S = 10.0
# Requests that left the window are thrown away now and then, since counting passes them by.
_TIDY_EVERY = 500


class _Turn:
    """One thread of one process at a time, until its transaction ends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._threads = threading.RLock()
        self._depth = 0

    def __enter__(self) -> None:
        self._threads.acquire()
        if not self._depth:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error:
                self._threads.release()
                raise
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._threads.release()


class Books:
    """Opens a log per name: all in one file, or in memory where there is none."""

    def __init__(self, file: Path | None) -> None:
        """Remember where; nothing is opened."""
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._turn: _Turn | None = None

    def log(self, name: str, *, most: int, interval_ms: int) -> Log:
        """Open the log of one limit.

        Raises:
            RetryableError: the file does not open, or another process keeps it.
        """
        rates = [Rate(most, interval_ms)]
        if self._file is None:
            return Log(InMemoryBucket(rates), interval_ms)
        try:
            if self._connection is None or self._turn is None:
                self._connection = _opened(self._file)
                self._turn = _Turn(self._connection)
            with self._turn:
                # The name is one of our own words, never a value.
                self._connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {name} (name VARCHAR, item_timestamp INTEGER)"
                )
                self._connection.execute(
                    f"CREATE INDEX IF NOT EXISTS {name}_at ON {name} (item_timestamp)"
                )
                self._connection.commit()
        except (sqlite3.Error, OSError) as error:
            raise _broken(error) from None
        bucket = SQLiteBucket(rates, self._connection, name, lock=self._turn)
        return Log(bucket, interval_ms, (self._connection, name))

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Log:
    """The requests that were made lately under one limit."""

    def __init__(
        self,
        bucket: AbstractBucket,
        interval_ms: int,
        table: tuple[sqlite3.Connection, str] | None = None,
    ) -> None:
        """Count in a bucket of pyrate-limiter; ``table`` is where it keeps a shared one."""
        self._bucket = bucket
        self._interval_ms = interval_ms
        self._table = table
        self._taken = 0

    def set_most(self, most: int) -> None:
        """Change how many requests an interval may have."""
        self._bucket.rates = [Rate(most, self._interval_ms)]

    def shared(self, now: float) -> int:
        """Count what all processes of the installation asked in the last interval; 0 in memory.

        Raises:
            RetryableError: the file cannot be read.
        """
        if self._table is None:
            return 0
        connection, name = self._table
        begin = int(now * 1000) - self._interval_ms
        count = f"SELECT count(*) FROM {name} WHERE item_timestamp >= ?"  # noqa: S608 - our word
        try:
            with self._bucket.lock:  # type: ignore[attr-defined] # a bucket with a table has one
                return int(connection.execute(count, (begin,)).fetchone()[0])
        except sqlite3.Error as error:
            raise _broken(error) from None

    def take(self, now: float) -> float:
        """Note a request made now and answer 0, or answer for how many seconds there is no room.

        Args:
            now: seconds since 1970.

        Raises:
            RetryableError: the file cannot be read, or another process keeps it.
        """
        at = int(now * 1000)
        try:
            # Buckets of this module are synchronous, whatever the library's types allow.
            decision = cast("Decision", self._bucket.put_decision(RateItem("request", at)))
            self._taken += 1
            if self._taken % _TIDY_EVERY == 0:
                self._bucket.leak(at)
            if decision.allowed:
                return 0.0
            wait_ms = decision.retry_after_ms or 1
            if wait_ms > self._interval_ms + 1:
                # Requests of the future: the machine's clock was set back.
                self._bucket.flush()
                return 0.001
        except sqlite3.Error as error:
            raise _broken(error) from None
        return wait_ms / 1000


def _opened(file: Path) -> sqlite3.Connection:
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        file, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
    )
    # Neither waits for the disk: a power cut loses ten seconds of counting.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


def _broken(error: sqlite3.Error | OSError) -> RetryableError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return RetryableError(
        f"limits: the file in ACTIVATION_HOME that counts requests cannot be used ({why}); "
        "another process may hold it: try later, or delete it"
    )
