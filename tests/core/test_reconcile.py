"""Read back: the vendor's word against what is really there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from company import MemoryDestination, audience_dict, make_contract
from desk import build, go, plan, stock

from activation_pipeline.destinations import LiveRecord
from activation_pipeline.reconcile import Reconciliation, reconcile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import Address, Target


@dataclass
class Doubled(MemoryDestination):
    """A destination in which some addresses find no record, or several."""

    found: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        records = super().read(target, addresses, fields)
        return tuple(
            LiveRecord(r.key, self.found[r.key]) if r.key in self.found else r for r in records
        )


def read_back(company: Company, contract: Contract) -> Reconciliation:
    with company.runtime() as runtime:
        found = reconcile(contract, "crm", runtime, clock=lambda: company.now)
        stored = runtime.ledger.history.last_read_back(contract.name, "crm")
    if found.plan is not None:
        assert stored is not None
        assert (stored.plan, stored.counts) == (found.plan, found.counts)
    return found


def test_nothing_was_delivered_so_nothing_is_read(company: Company) -> None:
    stock(company, "A")
    contract = build(company)
    empty = read_back(company, contract)
    assert (empty.plan, empty.counts, empty.records, empty.drift) == (None, {}, 0, 0.0)
    plan(company, contract)
    found = read_back(company, contract)
    assert (found.plan is None, found.counts) == (False, {})


def test_every_difference_is_counted_by_its_kind(company: Company) -> None:
    company.destination = Doubled()
    stock(company, "ABCDEFG")
    contract = build(company)
    company.destination.reject, company.destination.unanswered = {"E"}, {"F"}
    assert go(company, contract).totals.accepted == 5
    assert read_back(company, contract).counts == {"agrees": 5}
    company.destination.records["R-A"]["Band__c"] = "by hand"
    company.destination.found = {"B": (), "C": ("R-C", "R-C2")}
    found = read_back(company, contract)
    assert found.counts == {"differs": 1, "missing": 1, "ambiguous": 1, "agrees": 2}
    assert (found.records, found.drift) == (5, 0.6)


def test_a_member_that_was_removed_and_is_still_there_is_a_difference(company: Company) -> None:
    stock(company, "AB")
    gates = [{"change_volume": {"add": 1.0, "remove": 1.0}}]
    contract = make_contract(audience_dict(gates=gates), definition=company.definition())
    go(company, contract)
    company.sql("delete from mart where id = 'A'")
    go(company, contract)
    assert read_back(company, contract).counts == {"agrees": 1}
    company.destination.members.add("R-A")
    assert read_back(company, contract).counts == {"not_removed": 1}


def test_a_field_that_was_left_alone_is_not_compared(company: Company) -> None:
    body = build(company).destinations["crm"].model_dump(by_alias=True)
    body["fields"]["Band__c"]["on_edit"] = "keep"
    body["fields"]["Since__c"] = {"from": "scored_at", "on_edit": "overwrite"}
    stock(company, "A")
    everything = [{"change_volume": {"add": 1.0, "update": 1.0}}]
    contract = build(company, destinations={"crm": body}, gates=everything)
    go(company, contract)
    company.destination.records["R-A"]["Band__c"] = "by hand"
    company.sql("update mart set band = 'high', scored_at = scored_at + interval 1 minute")
    assert go(company, contract).totals.accepted == 1
    assert company.destination.records["R-A"]["Band__c"] == "by hand"
    assert read_back(company, contract).counts == {"agrees": 1}
