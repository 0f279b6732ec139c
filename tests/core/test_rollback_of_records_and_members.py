"""Undoing what a plan brought: records that it made, members that it added or took off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from company import audience_dict, contract_dict, make_contract
from desk import build, go, plan, received, send, sign, stock
from undoing_company import EVERY_CHANGE, Club, Store, Strict, held, incidents, undo

from activation_pipeline.destinations import MappingFault
from activation_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.contract import Contract

KEYS = "ABC"


def rules(**changes: str) -> dict[str, Any]:
    return contract_dict()["monitoring"] | {"rollback": changes}


def mapped(**changes: Any) -> dict[str, Any]:
    return {"crm": contract_dict()["destinations"]["crm"] | changes}


def made(company: Company, **changes: str) -> Contract:
    """Deliver to three records, of which the destination had only one."""
    company.destination = Strict(records={"R-A": {"Band__c": "old"}})
    stock(company, KEYS)
    contract = build(
        company,
        gates=EVERY_CHANGE,
        destinations=mapped(behavior="upsert"),
        monitoring=rules(**changes),
    )
    go(company, contract)
    assert set(company.destination.records) == {"R-A", "NEW-B", "NEW-C"}
    return contract


def test_fields_of_a_record_that_we_made_are_emptied_and_the_record_stays(
    company: Company,
) -> None:
    contract = made(company)
    done = undo(company, contract)
    assert company.destination.records == {
        "R-A": {"Band__c": "old"},
        "NEW-B": {"Band__c": None},
        "NEW-C": {"Band__c": None},
    }
    assert done.tally.counts == {"cleared": 2, "restored": 1}
    assert held(company, contract) == {}, "also what we held under the id of before it was made"
    assert undo(company, contract).changes_nothing


def test_an_undo_never_makes_a_record(company: Company) -> None:
    contract = made(company)
    del company.destination.records["NEW-B"]
    assert undo(company, contract).tally.counts == {"cleared": 1, "restored": 1}
    assert "NEW-B" not in company.destination.records
    destination = company.destination
    assert isinstance(destination, Strict)
    assert destination.behaviors[-1] == "update_only"


def test_records_that_we_made_are_kept_where_the_contract_says_so(company: Company) -> None:
    contract = made(company, created="keep")
    done = undo(company, contract)
    assert company.destination.records["NEW-B"] == {"Band__c": "low"}
    assert done.tally.counts == {"restored": 1, "created_kept": 2}


def test_a_record_that_is_gone_or_another_one_now_is_listed(company: Company) -> None:
    company.destination = Strict(records={f"R-{key}": {"Band__c": "old"} for key in KEYS})
    stock(company, KEYS)
    contract = build(company, gates=EVERY_CHANGE)
    go(company, contract)
    del company.destination.records["R-A"]
    company.destination.made["B"] = "R-X"
    company.destination.records["R-X"] = {"Band__c": "low"}
    done = undo(company, contract)
    assert done.tally.counts == {
        "restored": 1,
        "not_in_destination": 1,
        "other_record_in_destination": 1,
    }
    assert not done.is_whole
    assert company.destination.records["R-X"] == {"Band__c": "low"}


def test_fields_are_judged_one_by_one(company: Company) -> None:
    fields = {name: {"from": "band", "on_edit": "overwrite"} for name in ("Band__c", "Copy__c")}
    company.destination.records = {"R-A": {"Band__c": "old", "Copy__c": "older"}}
    stock(company, "A")
    contract = build(company, gates=EVERY_CHANGE, destinations=mapped(fields=fields))
    go(company, contract)
    company.destination.records["R-A"]["Copy__c"] = "by hand"
    done = undo(company, contract)
    assert company.destination.records["R-A"] == {"Band__c": "old", "Copy__c": "by hand"}
    assert done.tally.counts == {"restored": 1, "changed_since": 1}
    assert held(company, contract) == {"A": "old"}, "the other field is still ours"


def test_a_field_that_the_contract_gave_up_since_is_put_back_too(company: Company) -> None:
    fields = {name: {"from": "band", "on_edit": "overwrite"} for name in ("Band__c", "Copy__c")}
    company.destination.records = {"R-A": {"Band__c": "old", "Copy__c": "older"}}
    stock(company, "A")
    go(company, build(company, gates=EVERY_CHANGE, destinations=mapped(fields=fields)))
    undo(company, build(company, gates=EVERY_CHANGE))
    assert company.destination.records["R-A"] == {"Band__c": "old", "Copy__c": "older"}


def test_a_field_that_cannot_be_written_any_more_does_not_keep_the_others(
    company: Company,
) -> None:
    fields = {name: {"from": "band", "on_edit": "overwrite"} for name in ("Band__c", "Copy__c")}
    destination = Strict(records={"R-A": {"Band__c": "old", "Copy__c": "older"}})
    company.destination = destination
    stock(company, "A")
    contract = build(company, gates=EVERY_CHANGE, destinations=mapped(fields=fields))
    go(company, contract)
    destination.faults = (MappingFault("fields.Copy__c", "is read-only"),)
    done = undo(company, contract)
    assert company.destination.records["R-A"] == {"Band__c": "old", "Copy__c": "low"}
    assert done.tally.counts == {"restored": 1, "cannot_restore": 1}
    assert not done.is_whole


def test_values_that_the_contract_does_not_allow_come_back_too(company: Company) -> None:
    company.destination.records = {"R-A": {"Band__c": "a value of former times"}}
    stock(company, "A")
    fields = {"Band__c": {"from": "band", "allowed": ["low", "high"], "on_edit": "overwrite"}}
    contract = build(company, gates=EVERY_CHANGE, destinations=mapped(fields=fields))
    go(company, contract)
    undo(company, contract)
    assert company.destination.records["R-A"] == {"Band__c": "a value of former times"}


def audience(company: Company, **changes: str) -> Contract:
    """A and B join a list on which B was already; then A leaves and C joins."""
    company.destination = Club(members={"R-B", "R-Z"})
    stock(company, "AB")
    body = audience_dict(
        gates=EVERY_CHANGE, monitoring=rules(**changes) if changes else rules(members="restore")
    )
    contract = make_contract(body, definition=company.definition())
    go(company, contract)
    return contract


def moved(company: Company, contract: Contract) -> None:
    company.sql("delete from mart where id = 'A'")
    stock(company, "C")
    go(company, contract)
    assert company.destination.members == {"R-B", "R-C", "R-Z"}
    company.destination.received.clear()


def test_who_was_added_goes_and_who_was_there_before_stays(company: Company) -> None:
    contract = audience(company)
    done = undo(company, contract)
    assert company.destination.members == {"R-B", "R-Z"}
    assert done.tally.counts == {"removed": 1, "was_so_before": 1}
    assert undo(company, contract).changes_nothing


def test_who_was_taken_off_comes_back(company: Company) -> None:
    contract = audience(company)
    moved(company, contract)
    done = undo(company, contract)
    assert company.destination.members == {"R-A", "R-B", "R-Z"}
    assert done.tally.counts == {"rejoined": 1, "removed": 1}
    assert held(company, contract) == {"A": None, "B": None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("insert into suppress_b values ('A', 'unsubscribed', null)", "suppressed"),
        ("delete from identity where key = 'A'", "unmatched"),
        ("update identity set destination_id = 'R-Q' where key = 'A'", "other_record"),
        ("insert into identity values ('A', 'R-Q', 'A', 'billing_id', false)", "ambiguous"),
        ("insert into identity values ('Y', 'R-A', 'Y', 'billing_id', false)", "colliding"),
        ("drop table suppress_a", "not_checked"),
    ],
)
def test_nobody_comes_back_who_may_not_be_reached_now(
    company: Company, change: str, reason: str
) -> None:
    contract = audience(company)
    moved(company, contract)
    company.sql(change)
    done = undo(company, contract)
    assert company.destination.members == {"R-B", "R-Z"}
    assert done.tally.counts == {"removed": 1, reason: 1}


@pytest.mark.parametrize("doubted", ["identity", "suppression"])
def test_nobody_comes_back_on_the_word_of_what_is_in_doubt(company: Company, doubted: str) -> None:
    contract = audience(company)
    moved(company, contract)
    done = undo(company, contract, incident_class=doubted)
    assert company.destination.members == {"R-B", "R-Z"}
    assert done.tally.counts == {"removed": 1, f"{doubted}_in_doubt": 1}


def test_members_are_kept_where_the_contract_says_so(company: Company) -> None:
    contract = audience(company, members="keep")
    moved(company, contract)
    done = undo(company, contract)
    assert company.destination.received == []
    assert done.tally.counts == {"member_kept": 2}
    (incident,) = incidents(company, contract)
    assert incident.counts == {"member_kept": 2}
    with company.runtime() as runtime:
        listed = runtime.snapshots.withheld(contract.name, str(incident.restoring), "crm")
        assert pq.read_table(listed)["reason"].to_pylist() == ["member_kept", "member_kept"]
    assert undo(company, contract).tally.counts == done.tally.counts
    assert len(incidents(company, contract)) == 1


def test_members_are_not_undone_by_a_contract_that_may_mean_another_list(
    company: Company,
) -> None:
    contract = audience(company)
    body = audience_dict(gates=EVERY_CHANGE)
    body["destinations"]["crm"]["list"] = "2002"
    other = make_contract(body, definition=company.definition())
    with pytest.raises(RefusedError, match="may be in another place"):
        undo(company, other)
    assert undo(company, contract).tally.done == {"removed": 1}


def test_who_may_have_been_added_by_somebody_else_is_listed(company: Company) -> None:
    company.destination = Club()
    stock(company, "AB")
    contract = make_contract(audience_dict(gates=EVERY_CHANGE), definition=company.definition())
    company.destination.unanswered = {"A"}
    sign(company, contract, plan(company, contract))
    send(company, contract)
    company.destination.unanswered = set()
    company.destination.members.add("R-A")
    done = undo(company, contract)
    assert company.destination.members == {"R-A"}
    assert done.tally.counts == {"removed": 1, "unanswered": 1}
    assert not done.is_whole


def items(company: Company) -> Contract:
    company.destination = Store()
    stock(company, "AB")
    contract = build(company, gates=EVERY_CHANGE, destinations=mapped(behavior="mirror"))
    go(company, contract)
    assert company.destination.records == {
        "R-A": {"Band__c": "low"},
        "R-B": {"Band__c": "low"},
    }
    return contract


def test_items_that_a_plan_brought_go_unless_somebody_changed_them(company: Company) -> None:
    contract = items(company)
    company.destination.records["R-B"] = {"Band__c": "by hand"}
    done = undo(company, contract)
    assert company.destination.records == {"R-B": {"Band__c": "by hand"}}
    assert done.tally.counts == {"removed": 1, "changed_since": 1}
    assert held(company, contract) == {"B": "low"}


def test_items_are_put_back_and_come_back_as_they_were(company: Company) -> None:
    contract = items(company)
    company.sql("update mart set band = 'high' where id = 'A'", "delete from mart where id = 'B'")
    go(company, contract)
    assert company.destination.records == {"R-A": {"Band__c": "high"}}
    done = undo(company, contract)
    assert company.destination.records == {
        "R-A": {"Band__c": "low"},
        "R-B": {"Band__c": "low"},
    }
    assert done.tally.counts == {"rejoined": 1, "restored": 1}
    assert held(company, contract) == {"A": "low", "B": "low"}
    assert undo(company, contract).changes_nothing
    assert received(company).count("B") == 3
