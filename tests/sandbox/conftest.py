"""One sandbox for a test module, set back before each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sandbox_place import RECORDS, START, Caller, Clock, Place

from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    clock = Clock()
    home = tmp_path_factory.mktemp("home")
    with running_sandbox(home, records=RECORDS, clock=clock) as running:
        yield Place(running, clock)


@pytest.fixture
def place(_shared: Place) -> Place:
    _shared.clock.now = START
    _shared.own("POST", "reset")
    return _shared


@pytest.fixture
def sf(place: Place) -> Iterator[Caller]:
    caller = place.salesforce()
    yield caller
    caller.session.close()


@pytest.fixture
def hs(place: Place) -> Iterator[Caller]:
    caller = place.hubspot()
    yield caller
    caller.session.close()


@pytest.fixture
def bz(place: Place) -> Iterator[Caller]:
    caller = place.braze()
    yield caller
    caller.session.close()
