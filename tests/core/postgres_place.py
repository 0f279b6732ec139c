"""A private PostgreSQL server in a temporary folder, reached through a socket there only.

PostgreSQL refuses to run as root: root starts it as ``nobody``. Where the server's programs
are missing, tests that need them are skipped and say what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_USER = "ledger"
# Nothing in it has to survive a crash of the machine, so nothing waits for the disk.
_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=''")
_MISSING = "needs PostgreSQL's server: apt-get install postgresql"


@dataclass
class PostgresServer:
    """A running server; every test takes a new database of it."""

    folder: Path
    _made: int = 0

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://{_USER}@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """Make an empty database and give its address."""
        self._made += 1
        name = f"ledger_{self._made}"
        engine = sa.create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"create database {name}")
        engine.dispose()
        return self.url(name)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    on_path = shutil.which("pg_ctl")
    if found:
        return found[-1].parent
    return Path(on_path).parent if on_path else None


def _unprivileged() -> Sequence[str]:
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a server of its own, and stop it and remove all of it afterwards."""
    programs = _programs()
    if programs is None:
        pytest.skip(_MISSING)
    # A socket's path may have 107 characters, so it cannot lie under pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    run = _unprivileged()
    if run:
        shutil.chown(folder, "nobody", "nogroup")
    data = folder / "data"
    settings = " ".join(f"-c {option}" for option in _OPTIONS)
    control = [*run, str(programs / "pg_ctl"), "-s", "-D", str(data), "-w"]
    try:
        _call([*run, str(programs / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-N"])
        _call([*control, "-l", str(folder / "log"), "-o", f"{settings} -k {folder}", "start"])
        try:
            yield PostgresServer(folder)
        finally:
            _call([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder)


def _call(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)
