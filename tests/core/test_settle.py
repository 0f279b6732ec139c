"""What each destination holds from us: every way an attempt can end, folded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from company import audience_dict, make_contract
from desk import build, go, plan, received, result, send, sign, stock

from activation_pipeline.settle import open_delivered, settle

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.contract import Contract

KEYS = "ABCDEF"
ANY_ADD = [{"change_volume": {"add": 1.0, "update": 1.0}}]


def held_there(company: Company, contract: Contract) -> dict[str, tuple[Any, bool]]:
    """What we believe that the destination holds: the band, and whether that is certain."""
    with company.runtime() as runtime, runtime.snapshots.workspace() as folder:
        settle(runtime, contract.name, "crm", now=company.now)
        with runtime.engine(folder) as engine:
            fields = {"Band__c": "VARCHAR"}
            open_delivered(engine, runtime.snapshots, contract.name, "crm", fields=fields)
            found = engine._run('select * from delivered order by "key"').fetchall()
    return {key: (band, certain) for key, _, _, _, certain, band in found}


def test_nothing_is_held_before_anything_was_sent(company: Company) -> None:
    company.add("A")
    contract = build(company)
    assert held_there(company, contract) == {}
    plan(company, contract)
    assert held_there(company, contract) == {}


def test_accepted_is_held_unknown_is_uncertain_rejected_and_held_back_are_not(
    company: Company,
) -> None:
    """A value that was refused and counted as delivered would never be sent again."""
    stock(company, KEYS)
    contract = build(company, gates=ANY_ADD)
    sign(company, contract, plan(company, contract))
    company.sql("insert into suppress_a values ('D', 'x', null)")
    company.destination.reject, company.destination.unanswered = {"B"}, {"C"}
    report = send(company, contract)
    assert (report.totals.accepted, report.outcome) == (3, "delivered_in_part")
    assert held_there(company, contract) == {
        "A": ("low", True),
        "C": (None, False),
        "E": ("low", True),
        "F": ("low", True),
    }


def test_what_was_unanswered_is_proposed_again_and_what_was_refused_is_not(
    company: Company,
) -> None:
    stock(company, KEYS)
    contract = build(company, gates=ANY_ADD)
    sign(company, contract, plan(company, contract))
    company.sql("insert into suppress_a values ('D', 'x', null)")
    company.destination.reject, company.destination.unanswered = {"B"}, {"C"}
    send(company, contract)
    company.sql("delete from suppress_a")
    company.destination.reject, company.destination.unanswered = set(), set()
    company.destination.received.clear()
    again = plan(company, contract)
    assert again.plan is not None
    assert again.plan.part("crm").operations == {"add": 1, "update": 1}
    assert again.plan.part("crm").withheld == {"rejected_before:BAD": 1}
    assert again.decision == "launch", again.message
    send(company, contract)
    assert received(company) == ["C", "D"]
    assert held_there(company, contract) == dict.fromkeys("ACDEF", ("low", True))


def test_an_unanswered_batch_of_a_dead_sender_is_uncertain_and_is_repeated(
    company: Company,
) -> None:
    stock(company, KEYS)
    contract = build(company, gates=ANY_ADD)
    sign(company, contract, plan(company, contract))
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        send(company, contract)
    company.destination.fail_after = None
    assert held_there(company, contract) == {}, "the sender is alive: left alone"
    with company.runtime() as runtime:
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    found = held_there(company, contract)
    assert found == dict.fromkeys("ABC", ("low", True)) | dict.fromkeys("DEF", (None, False))
    again = plan(company, contract)
    assert again.plan is not None
    assert [row for row in again.plan.parts if row.rows] == [again.plan.part("crm")]
    assert again.plan.part("crm").rows == 3
    assert "no baseline" not in result(again, "change_volume").message


def test_a_value_that_is_kept_stays_what_was_delivered_before(company: Company) -> None:
    company.add("A", band="low")
    contract = build(company, gates=ANY_ADD)
    go(company, contract)
    company.sql("update mart set band = null")
    assert send(company, contract).rows == 1
    assert plan(company, contract).decision == "launch"
    assert send(company, contract).rows == 0
    assert held_there(company, contract) == {"A": ("low", True)}


def test_folding_again_or_after_a_crash_is_the_same(company: Company) -> None:
    stock(company, KEYS)
    contract = build(company, gates=ANY_ADD)
    go(company, contract)
    before = held_there(company, contract)
    folder = company.folder / "home" / "delivered" / contract.name / "crm"
    (delta,) = folder.glob("*.parquet")
    content = delta.read_bytes()
    with company.runtime() as runtime, runtime.ledger._engine.begin() as connection:
        # As after a crash between the file and its row: the file may even be of another folding.
        connection.exec_driver_sql("delete from positions")
    delta.write_bytes(b"half of it")
    assert held_there(company, contract) == before
    assert delta.read_bytes() == content
    assert held_there(company, contract) == before
    assert list(folder.glob("*.parquet")) == [delta]


def test_many_deltas_become_a_base_that_says_the_same(company: Company) -> None:
    """The next plan is compared with it: a record that it lost would be written again."""
    stock(company, KEYS)
    contract = build(company, gates=ANY_ADD)
    go(company, contract)
    company.sql("update mart set band = 'high' where id < 'E'")
    go(company, contract)
    before = held_there(company, contract)
    with company.runtime() as runtime:
        with runtime.ledger._engine.begin() as connection:
            connection.exec_driver_sql("delete from positions where position = 2")
        assert settle(runtime, contract.name, "crm", now=company.now, few_rows=9) == 2
        base, deltas = runtime.snapshots.delivered(contract.name, "crm")
        assert runtime.ledger.deliveries.position(contract.name, "crm") == (2, len(KEYS))
    assert base is not None
    assert (base.name, deltas) == ("000000000002-base.parquet", ())
    assert held_there(company, contract) == before
    company.sql("update mart set band = 'high' where id = 'F'", "delete from mart where id = 'A'")
    assert go(company, contract).rows == 1
    after = held_there(company, contract)
    assert after == before | {"F": ("high", True)}
    assert plan(company, contract).decision == "launch"
    assert send(company, contract).rows == 0


def test_a_member_that_left_and_came_back_is_held_again(company: Company) -> None:
    stock(company, "AB")
    company.sql("insert into suppress_a values ('Z', 'somebody else', null)")
    gates = [{"change_volume": {"add": 1.0, "remove": 1.0}}]
    contract = make_contract(audience_dict(gates=gates), definition=company.definition())
    go(company, contract)
    company.sql("insert into suppress_a values ('A', 'x', null)")
    go(company, contract)
    assert set(members(company, contract)) == {"B"}
    company.sql("delete from suppress_a where key = 'A'")
    go(company, contract)
    assert set(members(company, contract)) == {"A", "B"}
    assert company.destination.members == {"R-A", "R-B"}


def members(company: Company, contract: Contract) -> list[str]:
    with (
        company.runtime() as runtime,
        runtime.snapshots.workspace() as folder,
        runtime.engine(folder) as engine,
    ):
        open_delivered(engine, runtime.snapshots, contract.name, "crm", fields={})
        return [row[0] for row in engine._run("select * from delivered").fetchall()]
