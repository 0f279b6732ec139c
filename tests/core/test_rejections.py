"""What a destination refused is offered again when something changed, and not before."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import MemoryDestination
from desk import build, plan, received, send, sign, stock

from activation_pipeline.destinations import LiveRecord
from activation_pipeline.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import Address, Target
    from activation_pipeline.ledger import Evaluation

ANY_CHANGE = [{"change_volume": {"add": 1.0, "update": 1.0, "clear": 1.0}}]
BAND = {"from": "band", "on_edit": "overwrite"}
REFRESHED = {"from": "scored_at", "on_edit": "overwrite"}


class Dated(MemoryDestination):
    """A destination that tells when each record was last changed by anybody."""

    modified: dict[str, datetime]

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        found = super().read(target, addresses, fields)
        return tuple(
            LiveRecord(r.key, r.ids, r.values, modified_at=self.modified.get(r.key)) for r in found
        )


def contract_of(company: Company, **field: Any) -> Contract:
    fields = {"Band__c": BAND | field, "Refreshed_At__c": REFRESHED}
    place = {
        "kind": "crm", "object": "Account", "key": "Billing_ID__c", "behavior": "update_only",
        "fields": fields, "read_by": ["a report"], "edited_by": "nobody",
    }  # fmt: skip
    freshness = {
        "column": "scored_at", "refresh": "0 6 * * *", "stale_after": "24h", "expire_after": "7d",
        "on_expiry": {"Band__c": "clear"},
    }  # fmt: skip
    return build(company, gates=ANY_CHANGE, destinations={"crm": place}, freshness=freshness)


@pytest.fixture
def refused(company: Company) -> Contract:
    """A company whose record B was refused; A and C were accepted."""
    company.destination = Dated(reject={"B"})
    company.destination.modified = {}
    stock(company, "ABC")
    contract = contract_of(company)
    sign(company, contract, plan(company, contract))
    assert send(company, contract).totals.rejected == 1
    return contract


def a_new_score(company: Company) -> None:
    company.sql("update mart set scored_at = scored_at + interval 30 minute")


def offered(evaluation: Evaluation) -> tuple[int, dict[str, int]]:
    assert evaluation.plan is not None
    part = evaluation.plan.part("crm")
    return part.rows, dict(part.withheld)


def test_it_is_not_offered_again_though_the_score_is_newer(
    company: Company, refused: Contract
) -> None:
    """Two accepted records get their new date; the refused one waits, and is counted."""
    a_new_score(company)
    assert offered(plan(company, refused)) == (2, {"rejected_before:BAD": 1})


def another_value(company: Company) -> None:
    company.sql("update mart set band = 'high' where id = 'B'")


def another_catalogue(company: Company) -> None:
    company.destination.described = "the picklist has one more value"


def another_live_value(company: Company) -> None:
    company.destination.records["R-B"] = {"Band__c": "medium"}


def a_record_that_somebody_touched(company: Company) -> None:
    assert isinstance(company.destination, Dated)
    company.destination.modified["B"] = company.now + timedelta(seconds=1)


@pytest.mark.parametrize(
    "change",
    [another_value, another_catalogue, another_live_value, a_record_that_somebody_touched],
)
def test_it_is_offered_again_when_something_changed(
    company: Company, refused: Contract, change: Callable[[Company], None]
) -> None:
    assert offered(plan(company, refused)) == (0, {"rejected_before:BAD": 1})
    change(company)
    assert offered(plan(company, refused)) == (1, {})
    company.destination.reject.clear()
    company.destination.received.clear()
    assert send(company, refused).outcome == "delivered"
    assert received(company) == ["B"]


def test_a_record_that_was_touched_before_it_was_refused_waits(
    company: Company, refused: Contract
) -> None:
    assert isinstance(company.destination, Dated)
    company.destination.modified["B"] = company.now - timedelta(seconds=1)
    assert offered(plan(company, refused)) == (0, {"rejected_before:BAD": 1})


def test_it_is_offered_again_under_another_mapping(company: Company, refused: Contract) -> None:
    changed = contract_of(company, on_null="clear")
    assert changed != refused
    assert offered(plan(company, changed)) == (1, {})


def test_it_is_offered_again_when_somebody_asks_for_it(company: Company, refused: Contract) -> None:
    with company.runtime() as runtime:
        asked = prepare(refused, runtime, now=company.now, retry_rejected=True)
    assert offered(asked) == (1, {})


def test_a_refusal_about_its_neighbour_is_not_held_against_a_record(company: Company) -> None:
    """Of two records with one address none goes; alone, each of them may."""
    company.destination = MemoryDestination(reject={"B"}, code="duplicate_in_batch")
    stock(company, "AB")
    contract = contract_of(company)
    sign(company, contract, plan(company, contract))
    send(company, contract)
    assert offered(plan(company, contract)) == (1, {})
