"""A tiny company of its own for each test, and a ledger on each database."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from company import Company
from postgres_place import running_postgres
from ruled_ledger import told_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_place import PostgresServer
    from ruled_ledger import Told


@pytest.fixture
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company of its own, beside the test's own folder."""
    with tempfile.TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
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


@pytest.fixture
def tell(tmp_path: Path) -> Iterator[Told]:
    """A ledger to which a test tells what became of runs."""
    with told_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path) as teller:
        yield teller


@pytest.fixture
def tell_anywhere(ledger_url: str, tmp_path: Path) -> Iterator[Told]:
    """The same on each database."""
    with told_ledger(ledger_url, tmp_path) as teller:
        yield teller
