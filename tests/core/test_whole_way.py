"""Plan, gate and deliver a tiny company's records: the whole way, and what cuts it short."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from company import audience_dict, contract_dict, make_contract
from desk import build, go, plan, received, send, sign, stock

from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Pause
from activation_pipeline.reconcile import reconcile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger import Evaluation


@pytest.fixture(autouse=True)
def _no_leftovers(company: Company) -> Iterator[None]:
    yield
    work = company.folder / "home" / "work"
    assert not work.exists() or not list(work.iterdir())


def test_the_first_plan_waits_for_a_signature_and_is_sent_after_it(company: Company) -> None:
    stock(company, "A")
    contract = build(company)
    evaluation = plan(company, contract)
    assert evaluation.decision == "pause"
    with pytest.raises(RefusedError, match=r"paused by change_volume .*no baseline"):
        send(company, contract)
    assert company.destination.received == []
    assert sign(company, contract, evaluation).decision == "launch"
    assert send(company, contract).outcome == "delivered"
    assert company.destination.records == {"R-A": {"Band__c": "low"}}


def test_who_is_suppressed_between_plan_and_send_is_held_back_and_newcomers_wait(
    company: Company,
) -> None:
    """Mail to somebody who unsubscribed an hour ago is the accident that this exists for."""
    stock(company, "ABC")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    company.sql("insert into suppress_b values ('B', 'unsubscribed', null)")
    company.add("D")
    report = send(company, contract)
    assert sorted(received(company)) == ["A", "C"]
    assert (report.totals.accepted, report.totals.held) == (2, 1)
    assert report.faults == {"suppress_b": 1}


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ("update identity set destination_id = 'other' where key = 'A'", "other_record"),
        ("insert into identity values ('A', 'R2', 'A', 'billing_id', false)", "ambiguous:crm"),
        ("insert into mart select 'Z', band, scored_at from mart where id = 'A'", None),
        ("delete from mart where id = 'A'", "gone"),
        ("delete from identity where key = 'A'", "unmatched:crm"),
    ],
)
def test_a_record_that_is_no_longer_the_same_one_is_held_back(
    company: Company, change: str, clause: str | None
) -> None:
    stock(company, "AB")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    if clause is None:
        company.sql("insert into identity values ('Z', 'R-A', 'Z', 'billing_id', false)")
        clause = "colliding:crm"
    company.sql(change)
    report = send(company, contract)
    assert received(company) == ["B"]
    assert report.faults == {clause: 1}


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("newer_plan", "paused by"),
        ("too_old", "decision_window"),
        ("clock_back", "decision_window"),
        ("stale_source", "was last seen"),
        ("contract", "the contract changed"),
        ("logic", "models' logic changed"),
        ("snapshot", "not what was gated"),
        ("pause", "paused since"),
        ("interrupted", "no finished plan"),
    ],
)
def test_a_plan_that_no_longer_holds_is_refused(company: Company, how: str, message: str) -> None:
    stock(company, "A")
    contract = build(company)
    evaluation = sign(company, contract, plan(company, contract))
    assert evaluation.plan is not None
    undo = spoil(company, contract, evaluation, how)
    with pytest.raises(RefusedError, match=message):
        send(company, undo)
    assert company.destination.received == []


def spoil(company: Company, contract: Contract, evaluation: Evaluation, how: str) -> Contract:
    assert evaluation.plan is not None
    if how == "newer_plan":
        company.sql("update mart set scored_at = scored_at - interval 3 day")
        plan(company, contract)
    elif how == "too_old":
        company.now += timedelta(hours=24, seconds=1)
    elif how == "clock_back":
        company.now -= timedelta(seconds=1)
    elif how == "stale_source":
        company.sql("update mart set scored_at = scored_at - interval 3 day")
    elif how == "contract":
        return build(company, version=2)
    elif how == "logic":
        company.manifest["nodes"]["model.t.suppress_a"]["raw_code"] = "select 1"
    elif how == "snapshot":
        with company.runtime() as runtime:
            path = runtime.snapshots.part(contract.name, evaluation.plan.id, "crm")
            path.write_bytes(path.read_bytes() + b" ")
    elif how == "pause":
        with company.runtime() as runtime:
            runtime.ledger.pause(Pause(contract.name, None, "ops", "look", company.now, None))
    elif how == "interrupted":
        with company.runtime() as runtime:
            runtime.ledger.start_preparation(contract.name, now=company.now)
    return contract


def test_a_delivery_that_was_cut_off_goes_on_at_the_first_unanswered_batch(
    company: Company,
) -> None:
    stock(company, [f"K{number}" for number in range(10)])
    contract = build(company)
    sign(company, contract, plan(company, contract))
    company.destination.fail_after = 2
    with pytest.raises(KeyboardInterrupt):
        send(company, contract)
    company.destination.fail_after = None
    with company.runtime() as runtime:
        # The process that held the lease is this one, which is alive: say that it died.
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    report = send(company, contract)
    assert sorted(received(company)) == sorted(f"K{n}" for n in range(10))
    assert report.totals.accepted == 10


def test_a_second_sender_is_refused_while_the_first_one_is_at_work(company: Company) -> None:
    stock(company, "A")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    company.destination.fail_after = 0
    with pytest.raises(KeyboardInterrupt):
        send(company, contract)
    with pytest.raises(RefusedError, match="is sending since"):
        send(company, contract)


def test_a_rejected_record_makes_the_run_partial_and_is_sent_again_once_it_changed(
    company: Company,
) -> None:
    stock(company, "ABC")
    contract = build(company)
    company.destination.reject = {"B"}
    report = go(company, contract)
    assert (report.outcome, report.totals.rejected) == ("delivered_in_part", 1)
    company.destination.reject = set()
    company.sql("update mart set band = 'medium' where id = 'B'")
    evaluation = plan(company, contract)
    sign(company, contract, evaluation) if evaluation.decision == "pause" else None
    assert send(company, contract).rows == 1
    assert received(company)[-1] == "B"


def test_a_cap_holds_over_runs_and_alert_only_sends_nothing(company: Company) -> None:
    stock(company, [f"K{number}" for number in range(9)])
    capped = {"decision": "launch_with_caveats", "caveats": {"at_most": 4}}
    contract = build(company, launch=capped)
    assert go(company, contract).totals.accepted == 4
    assert plan(company, contract).decision == "launch_with_caveats"
    assert send(company, contract).rows == 0
    alert = {"decision": "launch_with_caveats", "caveats": {"alert_only": True}}
    silent = build(company, name="alert", launch=alert)
    assert go(company, silent).outcome == "alert_only"
    assert len(received(company)) == 4


def test_a_value_that_a_person_changed_is_kept_or_overwritten_as_the_contract_says(
    company: Company,
) -> None:
    stock(company, "A")
    for policy, expected in (("overwrite", "high"), ("keep", "by hand"), ("flag", "by hand")):
        body = contract_dict(name=f"policy_{policy}")
        body["destinations"]["crm"]["fields"]["Band__c"]["on_edit"] = policy
        body["gates"] = [{"change_volume": {"update": 1.0}}]
        contract = make_contract(body, definition=company.definition())
        company.destination.records.clear()
        company.sql("update mart set band = 'low'")
        go(company, contract)
        company.destination.records["R-A"]["Band__c"] = "by hand"
        company.sql("update mart set band = 'high'")
        evaluation = plan(company, contract)
        assert evaluation.decision == "launch", evaluation.message
        send(company, contract)
        assert company.destination.records["R-A"]["Band__c"] == expected


def test_members_leave_a_list_for_every_reason_there_is(company: Company) -> None:
    stock(company, "ABCDEFGHIJ")
    body = audience_dict(gates=[{"change_volume": {"remove": 1.0}}])
    contract = make_contract(body, definition=company.definition())
    go(company, contract)
    assert len(company.destination.members) == 10
    company.sql(
        "insert into suppress_a values ('A', 'x', null)",
        "delete from mart where id = 'B'",
        "delete from identity where key = 'C'",
        "insert into identity values ('D', 'R-X', 'D', 'billing_id', false)",
        "update mart set scored_at = scored_at - interval 2 day where id = 'E'",
    )
    assert plan(company, contract).decision == "launch"
    send(company, contract)
    assert company.destination.members == {f"R-{key}" for key in "FGHIJ"}
    with company.runtime() as runtime:
        found = reconcile(contract, "crm", runtime, clock=lambda: company.now)
    assert (found.counts, found.drift) == ({"agrees": 5}, 0.0)
