"""Undoing a plan: what stood before comes back where ours still stands, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from desk import build, go, plan, received, send, sign, stock
from undoing_company import (
    EVERY_CHANGE,
    WHY,
    bands,
    held,
    incidents,
    ledger_rows,
    pauses,
    undo,
)

from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Pause
from activation_pipeline.reconcile import reconcile
from activation_pipeline.rollback import rollback

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.contract import Contract

KEYS = "ABCDEF"


def twice_delivered(company: Company) -> Contract:
    """Deliver low to all, then high: the plan that the tests undo."""
    stock(company, KEYS)
    contract = build(company, gates=EVERY_CHANGE)
    go(company, contract)
    company.sql("update mart set band = 'high'")
    go(company, contract)
    assert set(bands(company).values()) == {"high"}
    company.destination.received.clear()
    return contract


def test_the_value_before_comes_back_and_is_what_we_hold(company: Company) -> None:
    contract = twice_delivered(company)
    done = undo(company, contract)
    assert bands(company) == dict.fromkeys(KEYS, "low")
    assert held(company, contract) == dict.fromkeys(KEYS, "low")
    assert done.tally.counts == {"restored": 6}
    assert done.is_whole


def test_empty_and_never_set_come_back_as_empty_and_are_ours_no_more(company: Company) -> None:
    stock(company, KEYS)
    company.destination.records = {"R-A": {"Band__c": ""}, "R-B": {"Band__c": "old"}, "R-C": {}}
    contract = build(company, gates=EVERY_CHANGE)
    go(company, contract)
    done = undo(company, contract)
    assert bands(company) == dict.fromkeys("ACDEF") | {"B": "old"}
    assert held(company, contract) == {}
    assert done.tally.counts == {"cleared": 5, "restored": 1}


def test_what_somebody_changed_since_is_listed_and_not_touched(company: Company) -> None:
    contract = twice_delivered(company)
    company.destination.records["R-B"]["Band__c"] = "by hand"
    done = undo(company, contract)
    assert bands(company) == dict.fromkeys("ACDEF", "low") | {"B": "by hand"}
    assert received(company) == ["A", "C", "D", "E", "F"]
    assert done.tally.counts == {"changed_since": 1, "restored": 5}
    assert done.tally.left["changed_since"].keys == ("…",)
    assert done.is_whole, "what a person decided is left on purpose"
    assert held(company, contract)["B"] == "high", "so the next plan sees the edit"


def test_undoing_twice_changes_nothing(company: Company) -> None:
    contract = twice_delivered(company)
    undo(company, contract)
    before, sent = ledger_rows(company), received(company)
    again = undo(company, contract)
    assert again.changes_nothing
    assert "nothing of ours is left" in again.headline
    assert received(company) == sent
    assert ledger_rows(company) == before


def test_a_dry_run_counts_the_same_and_writes_nowhere(company: Company) -> None:
    contract = twice_delivered(company)
    company.destination.records["R-B"]["Band__c"] = "by hand"
    before = ledger_rows(company)
    found = undo(company, contract, dry_run=True)
    assert found.tally.counts == {"changed_since": 1, "restored": 5}
    assert "would be undone: 5 restored" in found.headline
    assert ledger_rows(company) == before
    assert received(company) == []
    done = undo(company, contract)
    assert (done.tally.counts, done.restoring) == (found.tally.counts, found.restoring)


def test_only_what_arrived_is_undone(company: Company) -> None:
    stock(company, KEYS)
    contract = build(company, gates=EVERY_CHANGE)
    company.destination.reject, company.destination.unanswered = {"B"}, {"C"}
    sign(company, contract, plan(company, contract))
    send(company, contract)
    company.destination.reject, company.destination.unanswered = set(), set()
    company.destination.records["R-C"] = {"Band__c": "low"}  # it had arrived after all
    company.destination.received.clear()
    undo(company, contract)
    assert received(company) == ["A", "C", "D", "E", "F"]
    assert set(bands(company).values()) == {None}


def test_an_undo_pauses_first_and_a_pause_does_not_stop_it(company: Company) -> None:
    contract = twice_delivered(company)
    undo(company, contract)
    (pause,) = pauses(company, contract)
    assert pause.destination is None
    assert "rolled back from plan" in pause.reason
    with pytest.raises(RefusedError, match="wrong bands"):
        send(company, contract)
    with company.runtime() as runtime:
        runtime.ledger.resume(Pause(contract.name, None, "x", "", company.now, None))
        until = company.now + timedelta(hours=1)
        runtime.ledger.pause(Pause(contract.name, None, "x", "for an hour", company.now, until))
    company.destination.records["R-A"]["Band__c"] = "high"
    undo(company, contract)
    assert bands(company)["A"] == "low"
    *_, pause = pauses(company, contract)
    assert pause.until is None, "a pause that ends by itself would send the same again"


def test_a_pause_that_is_in_force_already_keeps_its_own_words(company: Company) -> None:
    contract = twice_delivered(company)
    mine = Pause(contract.name, None, "demo_cs_director", "looks wrong", company.now, None)
    with company.runtime() as runtime:
        runtime.ledger.pause(mine)
    undo(company, contract)
    assert pauses(company, contract) == (mine,)


def test_after_a_resume_the_next_plan_sends_what_the_model_says(company: Company) -> None:
    contract = twice_delivered(company)
    undo(company, contract)
    with company.runtime() as runtime:
        runtime.ledger.resume(Pause(contract.name, None, "x", "", company.now, None))
    company.sql("update mart set band = 'medium'")
    go(company, contract)
    assert bands(company) == dict.fromkeys(KEYS, "medium")


def test_what_is_read_back_after_an_undo_is_what_it_put_back(company: Company) -> None:
    contract = twice_delivered(company)
    done = undo(company, contract)
    company.destination.records["R-A"]["Band__c"] = "by hand"
    with company.runtime() as runtime:
        found = reconcile(contract, "crm", runtime, clock=lambda: company.now)
    assert (found.plan, found.counts) == (done.restoring, {"agrees": 5, "differs": 1})


def test_the_incident_says_who_why_what_and_by_which_plan(company: Company) -> None:
    contract = twice_delivered(company)
    done = undo(company, contract)
    (incident,) = incidents(company, contract)
    assert (incident.by, incident.reason) == ("demo_on_call", "wrong bands")
    assert (incident.incident_class, incident.action) == ("destination_logic", "rollback")
    assert (incident.plan, incident.restoring) == (done.plan, done.restoring)
    assert incident.counts == {"restored": 6}
    with company.runtime() as runtime:
        assert runtime.ledger.plan(str(done.restoring)) is not None
        newest = runtime.ledger.newest(contract.name)
        assert newest is not None
        assert newest.plan is not None
        assert newest.plan.id == done.plan, "an undo is never taken for the newest plan"
        with pytest.raises(RefusedError, match="itself an undo"):
            rollback(
                contract,
                "crm",
                runtime,
                replace(WHY, plan=done.restoring),
                clock=lambda: company.now,
            )


def test_an_interrupted_undo_goes_on_and_restores_nothing_twice(company: Company) -> None:
    contract = twice_delivered(company)
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        undo(company, contract)
    company.destination.fail_after = None
    company.destination.records["R-E"]["Band__c"] = "by hand"
    with company.runtime() as runtime:
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    done = undo(company, contract)
    assert bands(company) == dict.fromkeys("ABCDF", "low") | {"E": "by hand"}
    assert sorted(received(company)) == ["A", "B", "C", "D", "F"]
    assert "5 of an interrupted undo" in done.headline
    assert held(company, contract) == dict.fromkeys("ABCDF", "low") | {"E": "high"}
    assert len(incidents(company, contract)) == 1
    assert undo(company, contract).changes_nothing


def test_an_undo_that_is_told_to_wait_for_a_delivery_stops_that_delivery(company: Company) -> None:
    contract = twice_delivered(company)
    company.sql("update mart set band = 'medium'")
    plan(company, contract)
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        send(company, contract)  # the test's own process lives on, and so does its lease
    company.destination.fail_after = None
    with pytest.raises(RefusedError, match="ask again") as refused:
        undo(company, contract)
    assert refused.value.clause == "one_sender"
    assert len(pauses(company, contract)) == 1
    assert incidents(company, contract) == ()


def test_the_rest_of_an_undone_plan_is_never_sent(company: Company) -> None:
    stock(company, KEYS)
    contract = build(company, gates=EVERY_CHANGE)
    sign(company, contract, plan(company, contract))
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        send(company, contract)
    company.destination.fail_after = None
    with company.runtime() as runtime:
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    undo(company, contract)
    with company.runtime() as runtime:
        runtime.ledger.resume(Pause(contract.name, None, "x", "", company.now, None))
    with pytest.raises(RefusedError, match="was undone before all of it was sent"):
        send(company, contract)
    assert set(bands(company).values()) == {None}
    go(company, contract)
    assert bands(company) == dict.fromkeys(KEYS, "low"), "a new plan may go"


def test_a_plan_of_which_nothing_was_sent_may_still_go(company: Company) -> None:
    stock(company, KEYS)
    contract = build(company, gates=EVERY_CHANGE)
    evaluation = sign(company, contract, plan(company, contract))
    assert evaluation.plan is not None
    assert undo(company, contract, plan=evaluation.plan.id).changes_nothing
    assert incidents(company, contract) == ()
    assert send(company, contract).outcome == "delivered"


def test_an_older_plan_can_be_named_and_a_later_ones_values_stand(company: Company) -> None:
    stock(company, KEYS)
    contract = build(company, gates=EVERY_CHANGE)
    go(company, contract)
    with company.runtime() as runtime:
        first = runtime.ledger.incidents.last_sent(contract.name, "crm")
    company.sql("update mart set band = 'high' where id = 'A'")
    go(company, contract)
    done = undo(company, contract, plan=first)
    assert bands(company) == dict.fromkeys("BCDEF") | {"A": "high"}
    assert done.tally.counts == {"changed_since": 1, "cleared": 5}
    assert held(company, contract) == {"A": "high"}


def test_a_plan_of_another_name_is_refused_and_nothing_delivered_is_said(company: Company) -> None:
    stock(company, KEYS)
    contract = build(company, gates=EVERY_CHANGE)
    assert "nothing was ever delivered" in undo(company, contract).headline
    with pytest.raises(RefusedError, match="there is no plan"):
        undo(company, contract, plan="0123456789abcdef")
