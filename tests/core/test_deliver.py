"""What a delivery does when something goes wrong in the middle of it, and when nothing may go."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from company import MemoryDestination, audience_dict, contract_dict, make_contract
from desk import build, go, plan, received, send, sign, stock

from activation_pipeline.approve import definition_now
from activation_pipeline.batches import waiting_pieces
from activation_pipeline.destinations import BatchOutcome
from activation_pipeline.errors import ActivationError, RefusedError, RetryableError
from activation_pipeline.evidence import Pause
from activation_pipeline.ledger.records import BatchResult
from activation_pipeline.recheck import permitted_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import OutgoingRecord, Target

KEYS = "ABCDEFGH"  # three batches: ABC, DEF, GH
FEEDS = {
    "model": "mart", "systems": ["billing"], "feeds": {"consent": "24h"}, "feeds_model": "feeds",
}  # fmt: skip


@dataclass
class Interrupted(MemoryDestination):
    """A destination that lets a test act before the n-th batch, counted from 0."""

    before: dict[int, Callable[[], None]] = field(default_factory=dict)
    created: tuple[str, ...] = ()

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        self.before.get(len(self.received), lambda: None)()
        outcome = super().send(target, records)
        mine = tuple(record.key for record in records if record.key in self.created)
        return BatchOutcome(outcome.faults, created=mine)


def ready(company: Company) -> tuple[Contract, Interrupted]:
    """A signed plan of three batches."""
    stock(company, KEYS)
    contract = build(company)
    sign(company, contract, plan(company, contract))
    company.destination = Interrupted()
    return contract, company.destination


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RetryableError("busy", retry_after=1), "failed"),
        (RefusedError("no", clause="x"), "refused"),
    ],
)
def test_a_delivery_that_fails_is_noted_and_goes_on_at_the_first_unanswered_batch(
    company: Company, error: ActivationError, outcome: str
) -> None:
    contract, destination = ready(company)
    destination.before = {1: failing(error)}
    with pytest.raises(type(error)):
        send(company, contract)
    with company.runtime() as runtime:
        attempt = runtime.ledger.history.last_attempt(contract.name, "crm")
    assert attempt is not None
    assert (attempt.outcome, attempt.message) == (outcome, str(error))
    destination.before = {}
    report = send(company, contract)
    assert received(company) == list(KEYS)
    assert (report.outcome, report.totals.accepted) == ("delivered", 8)


def test_a_pause_takes_hold_before_the_next_batch(company: Company) -> None:
    contract, destination = ready(company)

    def pause() -> None:
        with company.runtime() as runtime:
            runtime.ledger.pause(
                Pause(contract.name, "crm", "demo_ops", "looks odd", company.now, None)
            )

    destination.before = {0: pause}
    with pytest.raises(RefusedError, match=r"crm: not delivered: paused since .* by demo_ops: l"):
        send(company, contract)
    assert received(company) == list("ABC")
    with company.runtime() as runtime:
        runtime.ledger.resume(Pause(contract.name, "crm", "demo_ops", "fine", company.now, None))
    destination.before = {}
    assert send(company, contract).totals.accepted == 8
    assert received(company) == list(KEYS)


def test_a_pause_of_another_destination_stops_nothing_here(company: Company) -> None:
    contract, _ = ready(company)
    until = company.now + timedelta(hours=1)
    with company.runtime() as runtime:
        runtime.ledger.pause(Pause(contract.name, "mail", "demo_ops", "x", company.now, until))
    assert send(company, contract).totals.accepted == 8
    with company.runtime() as runtime:
        runtime.ledger.pause(Pause(contract.name, None, "demo_ops", "x", company.now, until))
    with pytest.raises(RefusedError, match="until 2026-11-20 10:00 UTC by demo_ops"):
        send(company, contract)


def test_rows_that_have_an_answer_are_never_sent_again_wherever_they_stand(
    company: Company,
) -> None:
    contract, _ = ready(company)
    with company.runtime() as runtime:
        log = runtime.ledger.deliveries
        newest = runtime.ledger.newest(contract.name)
        assert newest is not None
        assert newest.plan is not None
        attempt = log.begin(
            newest.plan.id, contract=contract.name, destination="crm", batch_size=3,
            holder="x", now=company.now, is_gone=lambda *_: False,
        )  # fmt: skip
        (intent,) = log.intend(
            attempt, ranges=[(2, 5)], now=company.now, ended=(), check=lambda _: None
        )
        log.record_results([(intent, BatchResult(3, 0, 0, 0))], now=company.now)
        log.end(attempt, outcome="failed", message="", now=company.now)
    assert send(company, contract).totals.accepted == 8
    assert received(company) == ["A", "B", "F", "G", "H"]


def test_rows_wait_in_as_many_pieces_as_the_snapshot_is_read_in(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    pq.write_table(pa.table({"row": list(range(10))}), path)
    with pq.ParquetFile(path) as file:
        pieces = [
            (first, piece.column("row").to_pylist())
            for first, piece in waiting_pieces(file, [(1, 2), (3, 7), (9, 10)], 4)
        ]
    assert pieces == [(1, [1]), (3, [3]), (4, [4, 5, 6]), (9, [9])]


def test_a_batch_of_which_nobody_may_be_reached_is_not_sent_at_all(company: Company) -> None:
    contract, destination = ready(company)
    company.sql(
        "insert into suppress_a values ('D', 'x', null), ('E', 'x', null), ('F', 'x', null)"
    )
    report = send(company, contract)
    assert [len(batch) for batch in destination.received] == [3, 2]
    assert (report.outcome, report.totals.held, report.faults) == (
        "delivered",
        3,
        {"suppress_a": 3},
    )


def test_a_run_that_wrote_nothing_is_rejected_and_never_simply_delivered(company: Company) -> None:
    contract, destination = ready(company)
    destination.reject, destination.unanswered = set("ABCDEFG"), {"H"}
    report = send(company, contract)
    assert report.outcome == "rejected"
    assert report.headline.endswith(
        ": rejected: 0 of 8 accepted, 7 rejected, 0 held back, 1 unknown: BAD (7), LOST (1); "
        "the first: …, …, …"
    )


def test_records_that_the_destination_created_are_noted_and_are_no_fault(company: Company) -> None:
    contract, destination = ready(company)
    destination.created = ("B",)
    report = send(company, contract)
    assert (report.outcome, report.faults) == ("delivered", {})
    with company.runtime() as runtime:
        assert [o.code for o in runtime.ledger.deliveries.outcomes(report.plan, "crm")] == [
            "CREATED"
        ]


def test_a_ledger_that_does_not_add_up_is_refused_and_never_guessed_at(company: Company) -> None:
    contract, _ = ready(company)
    send(company, contract)
    with company.runtime() as runtime, runtime.ledger._engine.begin() as connection:
        connection.exec_driver_sql("update batch_results set accepted = accepted + 1")
    with pytest.raises(RefusedError, match="accounts for 11 of 8 planned records") as caught:
        send(company, contract)
    assert caught.value.clause == "ledger"


def test_a_finished_plan_sends_nothing_the_second_time(company: Company) -> None:
    contract, _ = ready(company)
    first, second = send(company, contract), send(company, contract)
    assert (second.totals, second.outcome) == (first.totals, "delivered")
    assert received(company) == list(KEYS)


def test_a_plan_that_could_not_be_made_is_refused_with_its_reason(company: Company) -> None:
    contract, _ = ready(company)
    company.sql("drop table suppress_b")
    with pytest.raises(ActivationError, match="suppress_b"):
        plan(company, contract)
    with pytest.raises(RefusedError, match=r"could not be made: .*suppress_b") as caught:
        send(company, contract)
    assert caught.value.clause == "plan"


def test_a_contract_that_was_never_planned_is_refused(company: Company) -> None:
    with pytest.raises(RefusedError, match=r"no finished plan \(none yet"):
        permitted_plan(build(company), None, now=company.now)


def test_a_launch_decision_of_pause_sends_nothing(company: Company) -> None:
    stock(company, "A")
    contract = build(company, launch={"decision": "pause"})
    sign(company, contract, plan(company, contract))
    with pytest.raises(RefusedError, match="launch: the contract's decision is pause") as caught:
        send(company, contract)
    assert caught.value.clause == "launch"


STALE_FEED = {
    "update feeds set as_of = as_of - interval 24 hour": "feed consent was last seen 2026-11-19",
    "update feeds set as_of = as_of + interval 9 day": "feed consent was last seen 2026-11-28",
    "delete from feeds": "feed consent has no event",
    "delete from mart": "scored_at has no event",
}


def test_a_feed_that_went_stale_after_the_plan_stops_the_delivery(company: Company) -> None:
    """A suppression list that is no longer fed lets everybody through who left since."""
    stock(company, "A")
    company.sql("insert into feeds values ('consent', timestamp '2026-11-20 08:59')")
    contract = build_approved(company)
    sign(company, contract, plan(company, contract))
    for change, said in STALE_FEED.items():
        company.sql(change)
        with pytest.raises(RefusedError, match=said) as caught:
            send(company, contract)
        assert caught.value.clause == "freshness"
    assert received(company) == []


def build_approved(company: Company) -> Contract:
    body = contract_dict(source=FEEDS)
    with company.runtime() as runtime:
        return make_contract(body, definition=definition_now(make_contract(body), runtime))


def test_leavers_are_removed_even_when_their_candidate_is_gone(company: Company) -> None:
    stock(company, "AB")
    gates = [{"change_volume": {"add": 1.0, "remove": 1.0}}]
    contract = make_contract(audience_dict(gates=gates), definition=company.definition())
    go(company, contract)
    company.sql("insert into suppress_a values ('A', 'x', null)")
    assert plan(company, contract).decision == "launch"
    company.sql("delete from mart where id = 'A'", "delete from identity where key = 'A'")
    assert send(company, contract).totals.accepted == 1
    assert company.destination.members == {"R-B"}


def test_a_fault_of_our_own_gives_the_lease_back(company: Company) -> None:
    """A code server lives for weeks; a claim that nobody frees would stop its contract for ever."""

    def break_down() -> None:
        raise ZeroDivisionError

    stock(company, KEYS)
    company.destination = Interrupted(before={1: break_down})
    contract = build(company)
    sign(company, contract, plan(company, contract))
    with pytest.raises(ZeroDivisionError):
        send(company, contract)
    company.destination.before.clear()
    assert send(company, contract).totals.accepted == len(KEYS)
