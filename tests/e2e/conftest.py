"""One fresh installation for each test, and a sandbox set back to its beginning."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import requests
from company import NOW, Company
from e2e_box import Box
from e2e_place import Clock, Place, records_csv

from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.sandbox import Org

FILES = {"salesforce": "salesforce_account.csv", "hubspot": "hubspot_contact.csv"}


class Opening(Protocol):
    def __call__(
        self, records: Mapping[str, Mapping[int, str]], **options: Any
    ) -> AbstractContextManager[Place]: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of this test's own."""
    return tmp_path


@dataclass
class Sandboxes:
    """The sandboxes of a test run: one for each set of records, set back between tests."""

    home: Path
    stack: ExitStack
    known: dict[object, tuple[str, Clock]] = field(default_factory=dict)

    def started(
        self, records: Mapping[str, Mapping[int, str]], org: Org | None, now: datetime
    ) -> tuple[str, Clock]:
        """Give the address and the clock of a sandbox that holds just these records."""
        mark = (repr(records), id(org))
        if mark not in self.known:
            folder = self.home / str(len(self.known))
            (folder / "records").mkdir(parents=True)
            for vendor, keys in records.items():
                text = records_csv(vendor, keys)
                (folder / "records" / FILES[vendor]).write_text(text, encoding="utf-8")
            clock = Clock(now)
            running = self.stack.enter_context(
                running_sandbox(
                    folder / "sandbox", records=folder / "records", clock=clock, org=org
                )
            )
            self.known[mark] = running.url, clock
        url, clock = self.known[mark]
        clock.now = now
        requests.post(f"{url}/_sandbox/reset", timeout=20).raise_for_status()
        return url, clock


@pytest.fixture(scope="session")
def _sandboxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandboxes]:
    with ExitStack() as stack:
        yield Sandboxes(tmp_path_factory.mktemp("sandboxes"), stack)


@pytest.fixture
def opening(folder: Path, _sandboxes: Sandboxes) -> Opening:
    """Open a place whose vendors hold these records: by vendor, number to key."""

    @contextmanager
    def opened(
        records: Mapping[str, Mapping[int, str]],
        *,
        now: datetime = NOW,
        org: Org | None = None,
        box: Mapping[str, str] | None = None,
    ) -> Iterator[Place]:
        url, clock = _sandboxes.started(records, org, now)
        home = folder / "place"
        home.mkdir()
        yield Place(Company(home, now=now), Box(url, **(box or {})), clock)

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
