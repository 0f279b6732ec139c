"""A tiny company of its own for each test, and a ledger on each database."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from company import Company
from postgres_place import running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_place import PostgresServer


MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a fresh folder in it


@pytest.fixture
def company() -> Iterator[Company]:
    """A company of its own, in memory where the machine has a file system there."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        yield Company(Path(folder))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty ledger's address, once on each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new folder' / 'ledger.sqlite'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()
