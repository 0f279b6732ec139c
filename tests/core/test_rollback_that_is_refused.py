"""When an undo cannot be, or not yet: refused with what to do, and nothing half done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from company import audience_dict, contract_dict, make_contract
from desk import build, go, stock
from undoing_company import EVERY_CHANGE, WHY, Club, Strict, bands, incidents, pauses, undo

from activation_pipeline.destinations import MappingFault
from activation_pipeline.errors import PermanentError, RefusedError, RetryableError
from activation_pipeline.manifest import read_manifest
from activation_pipeline.rollback import rollback
from activation_pipeline.sources import model_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import (
        Address,
        BatchOutcome,
        LiveRecord,
        OutgoingRecord,
        Target,
    )

KEYS = "ABCDEF"


@dataclass
class Busy(Strict):
    """Something happens while it is read, or it is down when it is sent to."""

    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    is_down: bool = False

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        while self.meanwhile:
            self.meanwhile.pop()()
        return super().read(target, addresses, fields)

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        if self.is_down:
            raise RetryableError("crm: down")
        return super().send(target, records)


def delivered(company: Company) -> tuple[Contract, Busy]:
    destination = Busy(records={f"R-{key}": {"Band__c": "old"} for key in KEYS})
    company.destination = destination
    stock(company, KEYS)
    contract = build(company, gates=EVERY_CHANGE)
    go(company, contract)
    return contract, destination


def test_a_delivery_that_begins_meanwhile_is_paused_and_the_undo_waits(company: Company) -> None:
    contract, destination = delivered(company)

    def begin() -> None:
        with company.runtime() as runtime:
            runtime.ledger.deliveries.begin(
                "another",
                contract=contract.name,
                destination="crm",
                batch_size=1,
                holder="elsewhere:1:1",
                now=company.now,
                is_gone=lambda *_: False,
            )

    destination.meanwhile.append(begin)
    with pytest.raises(RefusedError, match="has just begun"):
        undo(company, contract)
    assert set(bands(company).values()) == {"low"}
    assert len(pauses(company, contract)) == 1
    assert incidents(company, contract) == ()


def test_a_destination_that_is_down_leaves_an_undo_that_the_next_one_finishes(
    company: Company,
) -> None:
    contract, destination = delivered(company)
    destination.is_down = True
    with pytest.raises(RetryableError):
        undo(company, contract)
    assert len(pauses(company, contract)) == 1
    destination.is_down = False
    undo(company, contract)
    assert set(bands(company).values()) == {"old"}
    assert len(incidents(company, contract)) == 1


def test_whoever_was_put_on_a_list_since_does_not_rejoin_when_an_undo_goes_on(
    company: Company,
) -> None:
    company.destination = Club()
    company.destination.size = 1
    stock(company, "ABZ")
    contract = make_contract(audience_dict(gates=EVERY_CHANGE), definition=company.definition())
    go(company, contract)
    company.sql("delete from mart where id <> 'Z'")
    go(company, contract)
    company.destination.fail_after = len(company.destination.received) + 1
    with pytest.raises(KeyboardInterrupt):
        undo(company, contract)
    company.destination.fail_after = None
    with company.runtime() as runtime:
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    company.sql("insert into suppress_a values ('B', 'unsubscribed', null)")
    done = undo(company, contract)
    assert company.destination.members == {"R-A", "R-Z"}
    assert [report.faults for report in done.reports] == [{"barred:suppressed": 1}]
    assert done.is_whole


def test_without_its_snapshot_nobody_knows_what_stood_before(company: Company) -> None:
    contract, _ = delivered(company)
    with company.runtime() as runtime:
        plan = runtime.ledger.incidents.last_sent(contract.name, "crm")
        part = runtime.snapshots.part(contract.name, str(plan), "crm")
    kept = part.read_bytes()
    part.write_bytes(kept + b"x")
    with pytest.raises(RefusedError, match="is not what was gated"):
        undo(company, contract)
    part.unlink()
    with pytest.raises(RefusedError, match="nobody knows what stood before"):
        undo(company, contract)
    assert set(bands(company).values()) == {"low"}
    assert pauses(company, contract) == ()


def test_an_object_that_is_gone_is_said_and_nothing_is_noted(company: Company) -> None:
    contract, destination = delivered(company)
    destination.faults = (MappingFault("object", "Account is not there"),)
    with pytest.raises(PermanentError, match="do it by hand"):
        undo(company, contract)
    assert incidents(company, contract) == ()


def test_a_destination_that_the_plan_did_not_have_has_nothing_to_undo(company: Company) -> None:
    contract, _ = delivered(company)
    both = contract_dict()["destinations"]
    both["mail"] = both["crm"] | {"fields": {"Copy__c": {"from": "band"}}}
    wider = build(company, gates=EVERY_CHANGE, destinations=both)
    with company.runtime() as runtime:
        plan = runtime.ledger.incidents.last_sent(contract.name, "crm")
        asked = replace(WHY, plan=plan)
        found = rollback(wider, "mail", runtime, asked, clock=lambda: company.now)
    assert found.changes_nothing
    assert found.is_whole
    assert incidents(company, contract) == ()


@pytest.mark.parametrize(
    ("sections", "change", "reason"),
    [
        (
            {"review": {"review_a": "cs_director"}},
            "insert into review_a values ('A', 'strategic', null)",
            "review",
        ),
        (
            {"holdout": {"share": 0.5, "name": "h"}},
            "update holdout_h set draw = 0.1 where key = 'A'",
            "holdout",
        ),
        ({}, "update identity set is_role_based_email = true where key = 'A'", "role_based_email"),
    ],
)
def test_nobody_rejoins_who_waits_for_a_person_is_held_out_or_is_a_role(
    company: Company, sections: dict[str, Any], change: str, reason: str
) -> None:
    company.destination = Club()
    stock(company, "AZ")
    company.sql("insert into holdout_h values ('A', 0.9), ('Z', 0.9)")
    body = audience_dict(gates=EVERY_CHANGE)
    body["suppression"] = body["suppression"] | sections
    body["matching"] = body["matching"] | {"role_based_email": "exclude"}
    names = model_names(make_contract(body))
    contract = make_contract(body, definition=read_manifest(company.manifest).definition(names))
    go(company, contract)
    assert company.destination.members == {"R-A", "R-Z"}
    company.sql("delete from mart where id = 'A'")
    go(company, contract)
    company.sql(change)
    done = undo(company, contract)
    assert company.destination.members == {"R-Z"}
    assert done.tally.counts == {reason: 1}
