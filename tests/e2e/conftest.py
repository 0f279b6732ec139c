"""One fresh sandbox and one fresh installation for each test."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from company import NOW, Company
from e2e_box import Box
from e2e_place import Clock, Place, records_csv

from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from activation_pipeline.sandbox import Org

# Ledger and sandbox commit to disk often; in memory nobody waits for it.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a fresh folder in it
FILES = {"salesforce": "salesforce_account.csv", "hubspot": "hubspot_contact.csv"}


class Opening(Protocol):
    def __call__(
        self, records: Mapping[str, Mapping[int, str]], **options: Any
    ) -> AbstractContextManager[Place]: ...


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of this test's own, gone afterwards."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


@pytest.fixture
def opening(folder: Path) -> Opening:
    """Open a place whose vendors hold these records: by vendor, number to key."""

    @contextmanager
    def opened(
        records: Mapping[str, Mapping[int, str]],
        *,
        name: str = "place",
        now: datetime = NOW,
        org: Org | None = None,
        box: Mapping[str, str] | None = None,
    ) -> Iterator[Place]:
        home = folder / name
        (home / "records").mkdir(parents=True)
        for vendor, keys in records.items():
            text = records_csv(vendor, keys)
            (home / "records" / FILES[vendor]).write_text(text, encoding="utf-8")
        clock = Clock(now)
        with running_sandbox(
            home / "sandbox", records=home / "records", clock=clock, org=org
        ) as running:
            yield Place(Company(home, now=now), Box(running.url, **(box or {})), clock)

    return opened


@pytest.fixture(params=["salesforce", "hubspot"])
def vendor(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def place(opening: Opening, vendor: str) -> Iterator[Place]:
    """A place whose vendor holds the records of the candidates K1 to K9."""
    with opening({vendor: {number: f"K{number}" for number in range(1, 10)}}) as found:
        yield found
