"""An expiry beside a plan, a refresh, an undo or another expiry: neither undoes the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from company import MemoryDestination, audience_dict, contract_dict, make_contract
from desk import go, plan, received, send, stock
from expiring_company import (
    SECOND,
    age,
    delivered,
    end,
    refresh,
    score,
    wait,
)
from undoing_company import EVERY_CHANGE, Strict, bands, held, undo

from activation_pipeline.errors import RefusedError, RetryableError
from activation_pipeline.reconcile import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from company import Company

    from activation_pipeline.destinations import Address, LiveRecord, Target

KEYS = "ABCDE"


def test_a_refresh_that_came_in_between_saves_what_an_interrupted_expiry_had_not_reached(
    company: Company,
) -> None:
    contract = delivered(company, "ABCDEF")
    age(company, SECOND)
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        end(company, contract)
    company.destination.fail_after = None
    with company.runtime() as runtime:
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    refresh(company, contract, *"ABCDEF")
    assert bands(company) == dict.fromkeys("ABCDEF", "low")
    done = end(company, contract)
    assert done.reports[0].faults == {"refreshed_since": 3}
    assert done.is_whole
    assert bands(company) == dict.fromkeys("ABCDEF", "low")


def test_a_plan_from_before_an_expiry_waits_where_it_touches_the_same_record(
    company: Company,
) -> None:
    """Else we would believe that a value stands which is gone, and never send it again."""
    fields = {
        "Band__c": {"from": "band", "on_edit": "overwrite"},
        "At__c": {"from": "scored_at", "on_edit": "overwrite"},
    }
    mapping = contract_dict()["destinations"]["crm"] | {"fields": fields}
    contract = delivered(company, destinations={"crm": mapping})
    age(company, -SECOND)
    score(company, *KEYS)
    evaluation = plan(company, contract)
    wait(company, 2 * SECOND)
    assert end(company, contract).tally.counts == {"cleared": 5}
    report = send(company, contract)
    assert evaluation.plan is not None
    assert report.plan == evaluation.plan.id
    assert report.faults == {"expired_since_plan": 5}
    go(company, contract)
    assert bands(company) == dict.fromkeys(KEYS, "low")


def test_what_expired_is_no_drift(company: Company) -> None:
    contract = delivered(company)
    company.destination.records["R-A"]["Band__c"] = "by hand"
    age(company, SECOND)
    end(company, contract)
    with company.runtime() as runtime:
        found = reconcile(contract, "crm", runtime, clock=lambda: company.now)
    assert found.counts == {"differs": 1}


def test_undoing_the_last_plan_later_leaves_what_expired_and_never_undoes_the_expiry(
    company: Company,
) -> None:
    contract = delivered(company)
    wait(company, timedelta(hours=2))
    refresh(company, contract, "A", band="high")
    with company.runtime() as runtime:
        last = runtime.ledger.incidents.last_sent(contract.name, "crm")
    age(company, SECOND)
    done = end(company, contract)
    with company.runtime() as runtime:
        assert runtime.ledger.incidents.last_sent(contract.name, "crm") == last
        assert not runtime.ledger.incidents.is_undone(str(last))
    assert undo(company, contract).tally.counts == {"changed_since": 1}
    assert bands(company) == dict.fromkeys(KEYS)
    with pytest.raises(RefusedError, match="an expiry"):
        undo(company, contract, plan=done.plan)


@dataclass
class Interrupted(MemoryDestination):
    """Lets something else happen after it was read for the first time."""

    meanwhile: Callable[[], object] | None = None

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        found = super().read(target, addresses, fields)
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        return found


@pytest.mark.parametrize("other", [end, lambda *both: refresh(*both, *KEYS, band="high")])
def test_what_was_done_while_it_looked_is_not_done_over(
    company: Company, other: Callable[..., object]
) -> None:
    company.destination = destination = Interrupted()
    contract = delivered(company)
    age(company, SECOND)
    destination.meanwhile = lambda: other(company, contract)
    with pytest.raises(RetryableError, match="ask again"):
        end(company, contract)
    assert sorted(received(company)) == list(KEYS)
    assert end(company, contract).is_whole
    assert sorted(received(company)) == list(KEYS)


def test_a_record_that_got_another_key_is_refreshed_under_that_one(company: Company) -> None:
    contract = make_contract(audience_dict(gates=EVERY_CHANGE), definition=company.definition())
    stock(company, "AB")
    go(company, contract)
    wait(company, timedelta(days=4))
    company.sql(
        "update mart set id = 'A2' where id = 'A'",
        "update identity set key = 'A2', destination_key = 'A2' where key = 'A'",
    )
    refresh(company, contract, "A2")
    age(company, -timedelta(days=4) + SECOND)
    end(company, contract)
    assert company.destination.members == {"R-A"}


def test_a_record_that_we_made_is_emptied_under_its_new_id_unless_that_is_refreshed(
    company: Company,
) -> None:
    company.destination = destination = Strict()
    mapping = contract_dict()["destinations"]["crm"] | {"behavior": "upsert"}
    contract = delivered(company, "AB", destinations={"crm": mapping})
    assert set(destination.records) == {"NEW-A", "NEW-B"}
    wait(company, timedelta(days=4))
    company.sql("update identity set destination_id = 'NEW-A' where key = 'A'")
    refresh(company, contract, "A")
    age(company, -timedelta(days=4) + SECOND)
    done = end(company, contract)
    assert done.tally.counts == {"cleared": 1, "under_another_id": 1}
    assert {key: each["Band__c"] for key, each in destination.records.items()} == {
        "NEW-A": "low",
        "NEW-B": None,
    }
    assert held(company, contract)["B"] is None


def test_what_an_undo_put_back_and_was_never_ours_stays(company: Company) -> None:
    """A week after a rollback its values are old, and a person's all the same."""
    fields = {
        "Band__c": {"from": "band", "on_edit": "overwrite"},
        "At__c": {"from": "scored_at", "on_edit": "overwrite"},
    }
    mapping = contract_dict()["destinations"]["crm"] | {"fields": fields}
    company.destination.records = {f"R-{key}": {"Band__c": "by hand"} for key in "AB"}
    contract = delivered(company, "ABC", destinations={"crm": mapping})
    for key in "ABC":
        company.destination.records[f"R-{key}"]["At__c"] = "changed since"
    done = undo(company, contract)
    assert done.tally.counts == {"cleared": 1, "restored": 2, "changed_since": 3}
    age(company, timedelta(days=30))
    end(company, contract)
    assert bands(company) == {"A": "by hand", "B": "by hand", "C": None}


def test_what_an_undo_put_back_and_was_ours_before_ends_as_old_as_it_is(company: Company) -> None:
    contract = delivered(company)
    wait(company, timedelta(days=4))
    refresh(company, contract, *KEYS, band="high")
    undo(company, contract)
    assert bands(company) == dict.fromkeys(KEYS, "low")
    age(company, -timedelta(days=4) + SECOND)
    assert end(company, contract).tally.counts == {"cleared": 5}
