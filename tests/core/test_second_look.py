"""A plan that waited is compared with the destination again before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import ALWAYS_SIGNED, NOW, Company, MemoryDestination, contract_dict, make_contract

from activation_pipeline.approve import sign_plan
from activation_pipeline.deliver import deliver
from activation_pipeline.prepare import prepare
from activation_pipeline.second_look import FRESH_FOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import Address, BatchOutcome, OutgoingRecord, Target
    from activation_pipeline.report import Report


@dataclass
class Watched(MemoryDestination):
    """A destination that tells who was read, and may die after it wrote a batch."""

    dies_after: int | None = None

    def __post_init__(self) -> None:
        self.read_keys: list[str] = []

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        found = super().send(target, records)
        if self.dies_after is not None and len(self.received) > self.dies_after:
            raise KeyboardInterrupt
        return found

    def read(self, target: Target, addresses: Sequence[Address], fields: Sequence[str]) -> Any:
        self.read_keys += [one.key for one in addresses]
        return super().read(target, addresses, fields)


@pytest.fixture
def destination() -> Watched:
    return Watched()


@pytest.fixture
def company(tmp_path: Path, destination: Watched) -> Company:
    found = Company(tmp_path, destination)
    for number in range(1, 8):
        found.add(f"K{number}")
    return found


def kept(company: Company, on_edit: str = "keep") -> Contract:
    given = contract_dict()
    given["destinations"]["crm"]["fields"]["Band__c"]["on_edit"] = on_edit
    return make_contract(given, definition=company.definition())


def plan(company: Company, contract: Contract) -> None:
    """Plan, and sign what anybody may sign."""
    with company.runtime() as runtime:
        found = prepare(contract, runtime, now=NOW)
        assert found.plan is not None
        if found.decision != "launch":
            assert {each.gate for each in found.results if each.stops} <= {*ALWAYS_SIGNED}
            word = {"role": contract.owners.workflow, "by": "a test", "reason": "first plan"}
            sign_plan(contract, runtime, plan=found.plan.id, gate=None, now=NOW, **word)


def send(company: Company, contract: Contract, *, after: timedelta) -> Report:
    with company.runtime() as runtime:
        return deliver(contract, "crm", runtime, clock=lambda: NOW + after)


def test_a_record_that_was_edited_meanwhile_waits_for_the_next_plan(
    company: Company, destination: Watched
) -> None:
    contract = kept(company)
    plan(company, contract)
    destination.records["R-K2"] = {"Band__c": "by hand"}
    report = send(company, contract, after=timedelta(hours=1))
    assert (report.totals.accepted, report.totals.held) == (6, 1)
    assert report.faults == {"edited_since_plan:Band__c": 1}
    assert destination.records["R-K2"] == {"Band__c": "by hand"}


@pytest.mark.parametrize(
    ("after", "on_edit", "reads"),
    [
        (FRESH_FOR, "keep", 0),
        (FRESH_FOR + timedelta(seconds=1), "keep", 7),
        (FRESH_FOR + timedelta(seconds=1), "overwrite", 0),
    ],
)
def test_it_is_looked_only_where_a_plan_waited_and_an_edit_counts(
    company: Company, destination: Watched, after: timedelta, on_edit: str, reads: int
) -> None:
    contract = kept(company, on_edit)
    plan(company, contract)
    destination.read_keys.clear()
    assert send(company, contract, after=after).totals.accepted == 7
    assert len(destination.read_keys) == reads


def test_what_an_interrupted_delivery_wrote_is_no_edit(
    company: Company, destination: Watched
) -> None:
    contract = kept(company, "flag")
    plan(company, contract)
    destination.dies_after = 1
    with pytest.raises(KeyboardInterrupt):
        send(company, contract, after=timedelta(0))
    destination.dies_after = None
    with company.runtime() as runtime:
        # The process that held the lease is this one, which is alive: say that it died.
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    destination.records["R-K7"] = {"Band__c": "by hand"}
    report = send(company, contract, after=timedelta(hours=1))
    assert (report.totals.accepted, report.totals.held) == (6, 1)
    assert destination.records["R-K7"] == {"Band__c": "by hand"}
