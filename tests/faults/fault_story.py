"""What every fault is put through, at every site: disturbed, told, mended, run again.

Whatever became of the first run, each planned record is in one state, a success is what the
vendor holds, and the runs after it end where an undisturbed one would have, without sending
anew what was accepted. Nothing that is said has a value, an address or a token in it.
"""

from __future__ import annotations

import logging
import re
import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from e2e_box import KEYS
from e2e_place import add_up
from fault_ledger import accepted_keys, accounts_for_every_row, rejected_keys, spoken_text
from fault_place import CHOSEN_BY_US, KEY, OTHER, STORE_SECRET, VALUE, key_of
from fault_sites import SITES
from fault_table import FAULTS, LOST

from activation_pipeline.errors import PermanentError, RetryableError
from activation_pipeline.reconcile import reconcile

if TYPE_CHECKING:
    from conftest import Workshop
    from fault_place import FaultPlace
    from fault_sites import Site
    from fault_table import Fault

    from activation_pipeline.contract import Contract
    from activation_pipeline.report import Report

HIDDEN = (
    *("sandbox-token", "sandbox-secret", KEY, STORE_SECRET, "00DSB0000000001!"),
    *(VALUE, OTHER, "@example.org", "kakapo"),
)
_SWAPPED = {VALUE: OTHER, OTHER: VALUE, True: True}
GREEN = {"delivered", "nothing_to_send"}


def cases(vendor: str, *, by_job: bool = False) -> list[object]:
    """List one vendor's share of the suite."""
    return [
        pytest.param(site, fault, id=f"{site.name}-{fault.name}")
        for site in SITES
        for fault in FAULTS
        if (site.vendor, site.by_job) == (vendor, by_job) and fault.fits(site)
    ]


@dataclass
class Story:
    """One fault at one site; ``wanted`` is what the vendor holds in the end, by key."""

    place: FaultPlace
    site: Site
    fault: Fault
    contract: Contract
    wanted: dict[str, tuple[object, ...]]
    caplog: pytest.LogCaptureFixture
    said: list[str] = field(default_factory=list)

    def disturbed(self) -> Report | None:
        """Deliver while something goes wrong; None where the delivery ended with an error."""
        calm = self.place.patience
        if self.fault.read_s is not None:
            self.place.patience = replace(calm, read_s=self.fault.read_s)
        self.fault.begin(self.place, self.site)
        self.caplog.clear()
        try:
            return self.place.send(self.contract)
        except (RetryableError, PermanentError) as error:
            self.said += traceback.format_exception(error)
            return None
        finally:
            self.listen()
            self.place.patience = calm
            self.fault.end(self.place, self.site)

    def next_run(self) -> Report:
        """Plan and send again; the warehouse has learnt the ids of what was created."""
        self.learn_ids()
        self.caplog.clear()
        report = self.place.run(self.contract)
        self.listen()
        assert add_up(report)
        assert report.outcome in GREEN, report
        return report

    def listen(self) -> None:
        """Keep what was logged on our side: the stand-in's server runs in this process, too."""
        records = self.caplog.records
        self.said += [r.getMessage() for r in records if not r.name.startswith("uvicorn")]
        self.caplog.clear()

    def learn_ids(self) -> None:
        if self.site.vendor in CHOSEN_BY_US or not self.site.created:
            return
        wanted = {key_of(n) for n in self.site.created}
        found = self.place.box.stored(self.site.vendor, KEYS[self.site.vendor]).items()
        ids = [[record, key] for record, key in found if key in wanted]
        self.place.sql_each("update identity set destination_id = ? where key = ?", ids)

    def change_values(self, keys: set[str]) -> None:
        """Let the model say something else of these candidates."""
        for key in keys:
            self.wanted[key] = tuple(_SWAPPED[value] for value in self.wanted[key])
        swap = f"update mart set band = if(band = '{VALUE}', '{OTHER}', '{VALUE}') where id = ?"
        self.place.sql_each(swap, [[key] for key in keys])

    def held(self) -> dict[str, tuple[object, ...]]:
        return self.site.held_of(self.site.state(self.place))

    def sent_keys(self, *, since: int) -> set[str]:
        requests = self.place.box.requests(self.site.vendor, since=since)
        writes = [one for one in requests if re.search(self.site.writes, one["path"])]
        return set().union(*(self.site.keys_in(one) for one in writes))

    def faults_met(self) -> set[str]:
        return {one["fault"] for one in self.place.box.requests(self.site.vendor) if one["fault"]}

    def reading_back(self) -> dict[str, int]:
        with self.place.runtime() as runtime:
            found = reconcile(self.contract, self.site.vendor, runtime, clock=self.place.clock)
        return dict(found.counts)


def tell(workshop: Workshop, site: Site, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    """Put one site through one fault."""
    caplog.set_level(logging.DEBUG)
    wanted = site.held_of(workshop.calm_end(site))
    contract = workshop.template(site).contract
    with workshop.place(site) as place:
        story = Story(place, site, fault, contract, wanted, caplog)
        report = story.disturbed()
        assert fault.kind in {"", "slow"} or fault.kind in story.faults_met()
        accepted = accepted_keys(place, site)
        lied_about = check_what_is_told(story, report, accepted)
        if lied_about:
            found = story.reading_back()
            assert found.pop("agrees") == len(accepted) - len(lied_about)
            assert sum(found.values()) == len(lied_about) == LOST
            return
        check_what_follows(story, accepted)
        check_what_is_said(story)


def check_what_is_told(story: Story, report: Report | None, accepted: set[str]) -> set[str]:
    """Compare the word with what the vendor holds; name the records that the vendor lied about."""
    site, fault = story.site, story.fault
    rows = len(site.numbers)
    assert accounts_for_every_row(story.place, rows, finished=report is not None)
    assert report is None or add_up(report)
    is_green = report is not None and report.outcome == "delivered"
    assert is_green == (len(accepted) == rows)
    assert is_green or fault.effect != "arrives", report
    held = story.held()
    missing = {key for key in accepted if held.get(key) != story.wanted[key]}
    assert fault.effect == "hidden" or missing == set()
    return missing


def check_what_follows(story: Story, accepted: set[str]) -> None:
    """Run again: all arrives, what was refused for good only once it has changed."""
    place, created = story.place, {key_of(n) for n in story.site.created}
    refused = rejected_keys(place)
    before = place.box.newest_request()
    story.next_run()
    held = story.held()
    waiting = {key for key in refused if held.get(key) != story.wanted[key]}
    assert story.sent_keys(since=before) & waiting == set()
    if waiting:
        story.change_values(waiting)
        assert story.next_run().totals.accepted == len(waiting)
    assert story.held() == story.wanted
    assert story.sent_keys(since=before) & accepted <= created


def check_what_is_said(story: Story) -> None:
    assert any("HTTP" in line for line in story.said)
    for text in (*story.said, *spoken_text(story.place)):
        assert [hidden for hidden in HIDDEN if hidden in text] == [], text
