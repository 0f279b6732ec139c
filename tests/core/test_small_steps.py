"""Many small changes, each within its limit, stop where they have gone far from the last review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from company import audience_dict, make_contract
from desk import plan, received, result, send, sign, stock

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger import Evaluation

REVIEWED = "since cs_director reviewed plan {plan} on 2026-11-20: "


def members(company: Company, count: int) -> tuple[Contract, str]:
    """An audience of so many, reviewed and delivered; gives the reviewed plan."""
    contract = make_contract(audience_dict(), definition=company.definition())
    stock(company, [f"K{number:04}" for number in range(count)])
    first = plan(company, contract)
    sign(company, contract, first)
    company.destination.size = 1000
    assert send(company, contract).totals.accepted == count
    assert first.plan is not None
    return contract, first.plan.id


def shrink(company: Company, contract: Contract, to: int) -> Evaluation:
    """Let whoever is above a number leave the source, and plan."""
    company.sql(f"delete from mart where id >= 'K{to:04}'")
    return plan(company, contract)


def test_ten_shrinks_of_nine_percent_do_not_all_pass(company: Company) -> None:
    """Each passes a limit of 10 %; together they would take 61 % of an audience away unseen."""
    contract, reviewed = members(company, 1000)
    count, said = 1000, []
    for _ in range(10):
        count -= int(count * 0.09)
        found = shrink(company, contract, count)
        said.append(result(found, "change_volume"))
        if found.decision == "pause":
            break
        send(company, contract)
    assert [each.passed for each in said] == [True, True, True, False]
    told = REVIEWED.format(plan=reviewed)
    assert f"{told}1,000 -> 910 eligible, -9%; 1,000 -> 910 records in crm, -9%" in said[0].message
    assert "1,000 -> 688 records in crm, -31.2%, at most 30%" in said[3].message
    assert (said[3].signer, len(company.destination.members)) == ("cs_director", 755)


def test_a_signature_makes_what_it_was_for_the_reviewed_state(company: Company) -> None:
    contract, _ = members(company, 100)
    for to in (91, 83, 76):
        shrink(company, contract, to)
        send(company, contract)
    far = shrink(company, contract, 69)
    assert not result(far, "change_volume").passed
    sign(company, contract, far)
    assert send(company, contract).totals.accepted == 7
    assert far.plan is not None
    near = shrink(company, contract, 63)
    message = result(near, "change_volume").message
    assert f"{REVIEWED.format(plan=far.plan.id)}69 -> 63 eligible, -8.696%" in message
    assert near.decision == "launch"


def test_a_signed_plan_that_never_went_out_is_no_reviewed_state(company: Company) -> None:
    """Else a signature on 100 removals that nobody sent would make room for 100 more."""
    contract, reviewed = members(company, 100)
    sign(company, contract, shrink(company, contract, 60))
    found = shrink(company, contract, 55)
    message = result(found, "change_volume").message
    assert f"{REVIEWED.format(plan=reviewed)}100 -> 55 eligible, -45%, at most 30%" in message
    assert found.decision == "pause"


def test_growth_by_small_steps_stops_as_well(company: Company) -> None:
    contract, _ = members(company, 100)
    for step, size in enumerate((20, 10)):
        stock(company, [f"N{step}{number:03}" for number in range(size)])
        assert plan(company, contract).decision == "launch"
        send(company, contract)
    stock(company, ["Z1"])
    found = result(plan(company, contract), "change_volume")
    assert "100 -> 131 records in crm, +31%, at most 30%" in found.message
    assert not found.passed
    assert len(received(company)) == 130
