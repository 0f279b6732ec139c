"""A list's member whose key changes is one record, and stays or leaves once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from company import audience_dict, make_contract
from desk import plan, send, sign

from activation_pipeline.batches import cuts

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.contract import Contract

ANY_CHANGE = [{"change_volume": {"add": 1.0, "remove": 1.0}}]


@pytest.fixture
def audience(company: Company) -> Contract:
    """OLD and B are members; OLD then comes back as NEW, the same record under another key."""
    company.add("OLD", record="R-1")
    company.add("B")
    contract = make_contract(audience_dict(gates=ANY_CHANGE), definition=company.definition())
    sign(company, contract, plan(company, contract))
    send(company, contract)
    assert company.destination.members == {"R-1", "R-B"}
    company.sql("delete from mart where id = 'OLD'", "delete from identity where key = 'OLD'")
    company.add("NEW", record="R-1")
    return contract


def withheld(company: Company, contract: Contract) -> dict[str, int]:
    found = plan(company, contract)
    assert found.plan is not None
    return dict(found.plan.part("crm").withheld)


def test_a_member_with_a_new_key_stays(company: Company, audience: Contract) -> None:
    assert withheld(company, audience) == {"stays_under_another_key": 1}
    assert send(company, audience).outcome == "delivered"
    assert company.destination.members == {"R-1", "R-B"}


def test_a_key_that_moved_to_another_member_takes_both_ways(
    company: Company, audience: Contract
) -> None:
    """The old record leaves and the new one joins, under one key, and each is accounted for."""
    company.sql("update identity set destination_id = 'R-2' where key = 'B'")
    company.destination.size = 10
    company.destination.received.clear()
    plan(company, audience)
    company.destination.unanswered = {"B"}
    assert send(company, audience).totals.unknown == 2
    assert [len(batch) for batch in company.destination.received] == [1, 2]
    company.destination.unanswered = set()
    plan(company, audience)
    assert send(company, audience).outcome == "delivered"
    assert company.destination.members == {"R-1", "R-2"}


@pytest.mark.parametrize(
    ("keys", "size", "expected"),
    [
        ("", 2, []),
        ("ABCD", 2, ["AB", "CD"]),
        ("AAB", 3, ["A", "AB"]),
        ("ABBBC", 2, ["AB", "B", "BC"]),
        ("ABC", 5, ["ABC"]),
    ],
)
def test_no_batch_has_a_key_twice(keys: str, size: int, expected: list[str]) -> None:
    assert [keys[rows.start : rows.stop] for rows in cuts(keys, size)] == expected


def test_a_member_of_two_keys_leaves_once(company: Company, audience: Contract) -> None:
    plan(company, audience)
    send(company, audience)
    company.sql("delete from mart where id = 'NEW'")
    assert withheld(company, audience) == {"leaves_under_another_key": 1}
    assert send(company, audience).totals.accepted == 1
    assert company.destination.members == {"R-B"}
    plan(company, audience)
    assert send(company, audience).totals.accepted == 1, "the other key leaves what we hold"
    assert withheld(company, audience) == {}
