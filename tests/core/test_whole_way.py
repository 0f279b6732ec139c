"""Plan, gate and deliver on random companies: what holds whatever the data say."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW, Company, audience_dict, contract_dict, make_contract
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activation_pipeline.approve import sign_plan
from activation_pipeline.deliver import deliver
from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Pause
from activation_pipeline.prepare import prepare
from activation_pipeline.reconcile import reconcile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.report import Report

# A ledger commits to disk often; hypothesis runs many ledgers.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a fresh folder in it

keys = st.sampled_from([f"K{number}" for number in range(8)])
rows = st.lists(st.tuples(keys, st.sampled_from(["low", "high", None])), max_size=10)
matches = st.lists(st.tuples(keys, st.sampled_from([f"R{n}" for n in range(6)])), max_size=12)
names = st.lists(keys, max_size=4)


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


def build(company: Company, body: dict[str, Any] | None = None) -> Contract:
    return make_contract(body or contract_dict(), definition=company.definition())


def plan(company: Company, contract: Contract) -> Evaluation:
    with company.runtime() as runtime:
        return prepare(contract, runtime, now=company.now)


def sign(company: Company, contract: Contract, evaluation: Evaluation) -> Evaluation:
    assert evaluation.plan is not None
    with company.runtime() as runtime:
        return sign_plan(
            contract,
            runtime,
            plan=evaluation.plan.id,
            gate=None,
            role=contract.owners.workflow,
            by="a test",
            reason="first plan",
            now=company.now,
        )


def send(company: Company, contract: Contract) -> Report:
    with company.runtime() as runtime:
        return deliver(contract, "crm", runtime, clock=lambda: company.now)


def first_delivery(company: Company, contract: Contract) -> Report:
    evaluation = plan(company, contract)
    if evaluation.decision == "pause":
        sign(company, contract, evaluation)
    return send(company, contract)


def received_keys(company: Company) -> list[str]:
    return [record.key for batch in company.destination.received for record in batch]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows, matches, names, names, st.booleans())
def test_no_excluded_key_is_planned_equal_input_gives_an_equal_plan_and_twice_writes_once(
    candidates: Any, identity: Any, first: Any, second: Any, audience: bool
) -> None:
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    try:
        company = Company(folder)
        fill(company, candidates, identity, first, second)
        contract = build(company, audience_dict() if audience else None)
        one, two = plan(company, contract), plan(company, contract)
        assert one.plan == two.plan
        assert sum(one.measures["dispositions"].values()) == len(candidates)
        if two.decision == "pause" and all(r.signer for r in two.results if r.stops):
            sign(company, contract, two)
            send(company, contract)
        sent = received_keys(company)
        assert len(sent) == len(set(sent))
        assert set(sent) <= allowed(candidates, identity, first, second)
        before = len(company.destination.received)
        plan(company, contract)
        with company.runtime() as runtime:
            newest = runtime.ledger.newest(contract.name)
        if newest and newest.decision != "pause":
            assert send(company, contract).rows == 0
        assert len(company.destination.received) == before
    finally:
        shutil.rmtree(folder)


def fill(company: Company, candidates: Any, identity: Any, first: Any, second: Any) -> None:
    scored = (NOW - timedelta(hours=1)).replace(tzinfo=None)
    with company.changing() as connection:
        for key, band in candidates:
            connection.execute("insert into mart values (?, ?, ?)", [key, band, scored])
        for key, record in identity:
            row = [key, record, key, "billing_id", False]
            connection.execute("insert into identity values (?, ?, ?, ?, ?)", row)
        for table, listed in (("suppress_a", first), ("suppress_b", second)):
            for key in listed:
                connection.execute(f"insert into {table} values (?, 'why', null)", [key])


def allowed(candidates: Any, identity: Any, first: Any, second: Any) -> set[str]:
    """Name the keys that come once, match one record of their own, and are on no list."""
    records: dict[str, set[str]] = {}
    for key, record in identity:
        records.setdefault(key, set()).add(record)
    once = [key for key, _ in candidates if [k for k, _ in candidates].count(key) == 1]
    aimed = [next(iter(records[key])) for key, _ in candidates if len(records.get(key, set())) == 1]
    return {
        key
        for key in once
        if len(records.get(key, set())) == 1
        and aimed.count(next(iter(records[key]))) == 1
        and key not in {*first, *second}
    }


def test_the_first_plan_waits_for_a_signature_and_is_sent_after_it(company: Company) -> None:
    company.add("A")
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
    for key in "ABC":
        company.add(key)
    contract = build(company)
    sign(company, contract, plan(company, contract))
    company.sql("insert into suppress_b values ('B', 'unsubscribed', null)")
    company.add("D")
    report = send(company, contract)
    assert sorted(received_keys(company)) == ["A", "C"]
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
    company.add("A")
    company.add("B")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    if clause is None:
        company.sql("insert into identity values ('Z', 'R-A', 'Z', 'billing_id', false)")
        clause = "colliding:crm"
    company.sql(change)
    report = send(company, contract)
    assert received_keys(company) == ["B"]
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
    company.add("A")
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
        return build(company, contract_dict(version=2))
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
    for number in range(10):
        company.add(f"K{number}")
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
    assert sorted(received_keys(company)) == sorted(f"K{n}" for n in range(10))
    assert report.totals.accepted == 10


def test_a_second_sender_is_refused_while_the_first_one_is_at_work(company: Company) -> None:
    company.add("A")
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
    for key in "ABC":
        company.add(key)
    contract = build(company)
    company.destination.reject = {"B"}
    report = first_delivery(company, contract)
    assert (report.outcome, report.totals.rejected) == ("delivered_in_part", 1)
    company.destination.reject = set()
    company.sql("update mart set band = 'medium' where id = 'B'")
    evaluation = plan(company, contract)
    sign(company, contract, evaluation) if evaluation.decision == "pause" else None
    assert send(company, contract).rows == 1
    assert received_keys(company)[-1] == "B"


def test_a_cap_holds_over_runs_and_alert_only_sends_nothing(company: Company) -> None:
    for number in range(9):
        company.add(f"K{number}")
    capped = {"decision": "launch_with_caveats", "caveats": {"at_most": 4}}
    contract = build(company, contract_dict(launch=capped))
    assert first_delivery(company, contract).totals.accepted == 4
    assert plan(company, contract).decision == "launch_with_caveats"
    assert send(company, contract).rows == 0
    alert = {"decision": "launch_with_caveats", "caveats": {"alert_only": True}}
    silent = build(company, contract_dict(name="alert", launch=alert))
    assert first_delivery(company, silent).outcome == "alert_only"
    assert len(received_keys(company)) == 4


def test_a_value_that_a_person_changed_is_kept_or_overwritten_as_the_contract_says(
    company: Company,
) -> None:
    company.add("A")
    for policy, expected in (("overwrite", "high"), ("keep", "by hand"), ("flag", "by hand")):
        body = contract_dict(name=f"policy_{policy}")
        body["destinations"]["crm"]["fields"]["Band__c"]["on_edit"] = policy
        body["gates"] = [{"change_volume": {"update": 1.0}}]
        contract = build(company, body)
        company.destination.records.clear()
        company.sql("update mart set band = 'low'")
        first_delivery(company, contract)
        company.destination.records["R-A"]["Band__c"] = "by hand"
        company.sql("update mart set band = 'high'")
        evaluation = plan(company, contract)
        assert evaluation.decision == "launch", evaluation.message
        send(company, contract)
        assert company.destination.records["R-A"]["Band__c"] == expected


def test_members_leave_a_list_for_every_reason_there_is(company: Company) -> None:
    for key in "ABCDEFGHIJ":
        company.add(key)
    body = audience_dict(gates=[{"change_volume": {"remove": 1.0}}])
    contract = build(company, body)
    first_delivery(company, contract)
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


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    work = tmp_path / "home" / "work"
    assert not work.exists() or not list(work.iterdir())
