"""One sandbox for all of this folder, and for each test a copy of its site's place."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pytest
from company import NOW, Company
from e2e_box import Box
from e2e_place import Clock
from fault_place import FaultPlace, Template, org_with_our_options, write_records

from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fault_sites import Site, State


class Opening(Protocol):
    def __call__(self, site: Site) -> AbstractContextManager[FaultPlace]: ...


@dataclass
class Workshop:
    """The sandbox, and what was made of each site so far."""

    home: Path
    box: Box
    clock: Clock
    templates: dict[str, Template] = field(default_factory=dict)
    undisturbed: dict[str, State] = field(default_factory=dict)
    opened: int = 0

    def template(self, site: Site) -> Template:
        """Make a site's plan, once."""
        if site.name not in self.templates:
            folder = self.home / site.name
            folder.mkdir()
            self.clock.now = NOW
            self.box.own("POST", "reset")
            place = FaultPlace(Company(folder, now=NOW), self.box, self.clock)
            place.add_candidates(site.vendor, site.numbers)
            contract = place.contract(site.given)
            place.plan(contract)
            self.templates[site.name] = Template(folder, contract, self.clock.now, site.by_job)
        return self.templates[site.name]

    def calm_end(self, site: Site) -> State:
        """Give what the vendor holds after a delivery that nothing disturbed."""
        if site.name not in self.undisturbed:
            with self.place(site) as place:
                report = place.send(self.template(site).contract)
                assert report.outcome == "delivered"
                assert report.rows == len(site.numbers)
                self.undisturbed[site.name] = sorted(site.state(place))
        return self.undisturbed[site.name]

    @contextmanager
    def place(self, site: Site) -> Iterator[FaultPlace]:
        template = self.template(site)
        self.opened += 1
        folder = self.home / f"{site.name}-{self.opened}"
        yield template.opened(folder, self.box, self.clock)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    home = tmp_path_factory.mktemp("workshop")
    write_records(home / "records")
    clock = Clock(NOW)
    with running_sandbox(
        home / "sandbox", records=home / "records", clock=clock, org=org_with_our_options()
    ) as running:
        yield Workshop(home, Box(running.url), clock)
