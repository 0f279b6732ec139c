"""The ledger's sending side: one sender at a time, batches, outcomes, positions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from company import NOW

from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Pause
from activation_pipeline.ledger import Ledger
from activation_pipeline.ledger.records import Attempt, BatchResult, RecordOutcome, Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from postgres_place import PostgresServer

SECOND = timedelta(seconds=1)
STOP = Pause("c", None, "demo_ops", "look", NOW, None)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def begin(ledger: Ledger, plan: str = "p", *, holder: str = "me", gone: bool = False) -> Attempt:
    return ledger.deliveries.begin(
        plan,
        contract="c",
        destination="crm",
        batch_size=3,
        holder=holder,
        now=NOW,
        is_gone=lambda _holder, _at: gone,
    )


def refuse_pauses(pauses: tuple[Pause, ...]) -> None:
    if pauses:
        raise RefusedError("paused", clause="not_paused")


def intend(
    ledger: Ledger,
    attempt: Attempt,
    first: int,
    last: int,
    *,
    now: datetime = NOW,
    ended: tuple[tuple[int, BatchResult], ...] = (),
) -> int:
    (intent,) = ledger.deliveries.intend(
        attempt, ranges=[(first, last)], now=now, ended=ended, check=refuse_pauses
    )
    return intent


def all_accepted(rows: int) -> BatchResult:
    return BatchResult(rows, 0, 0, 0)


def at_once(count: int, work: Callable[[int], str]) -> list[str]:
    """Let several threads, with a connection each, start the same work at the same moment."""
    ready = Barrier(count)

    def start(number: int) -> str:
        ready.wait(timeout=10)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(start, range(count)))


def test_of_several_senders_that_begin_at_once_one_wins(ledger: Ledger, ledger_url: str) -> None:
    """Two senders of one plan would write everything twice."""
    for gone in (False, True):

        def race(number: int, *, gone: bool = gone) -> str:
            mine = Ledger(ledger_url)
            try:
                begin(mine, holder=f"{number}", gone=gone)
            except RefusedError as error:
                return error.clause
            finally:
                mine.close()
            return "begun"

        assert at_once(4, race).count("begun") >= 1
        if not gone:
            assert len(ledger.deliveries.unfolded("c", "crm")) == 0
            held = at_once(2, race)
            assert held == ["one_sender", "one_sender"]


def test_a_fresh_ledger_is_created_once_however_many_open_it(ledger_url: str) -> None:
    def create(_number: int) -> str:
        Ledger(ledger_url).close()
        return "opened"

    assert at_once(4, create) == ["opened"] * 4


def test_a_second_sender_is_told_who_sends_since_when(ledger: Ledger) -> None:
    begin(ledger, holder="host:1:7")
    with pytest.raises(RefusedError, match=r"c: crm: host:1:7 is sending since 2026-11-20T09:00"):
        begin(ledger, holder="host:2:8")


def test_the_lease_of_a_sender_that_died_is_taken_over_and_the_dead_cannot_go_on(
    ledger: Ledger,
) -> None:
    dead = begin(ledger)
    intend(ledger, dead, 0, 3)
    alive = begin(ledger, gone=True)
    assert intend(ledger, dead, 3, 6) == 2, "renewed a moment ago: not asked again"
    with pytest.raises(RefusedError, match="the lease was taken over; another process sends now"):
        intend(ledger, dead, 6, 9, now=NOW + 5 * SECOND)
    intend(ledger, alive, 3, 6)


def test_a_lease_that_somebody_took_over_meanwhile_is_not_taken_again(
    postgres: PostgresServer,
) -> None:
    """Two processes that find the same sender dead must not both go on in its place."""
    url = postgres.new_database()
    slow, fast = Ledger(url), Ledger(url)
    begin(slow)

    def overtaken(_holder: str, _renewed_at: datetime) -> bool:
        begin(fast, holder="fast", gone=True)
        return True

    with pytest.raises(RefusedError, match="another process has just begun to send"):
        slow.deliveries.begin(
            "p", contract="c", destination="crm", batch_size=3, holder="slow", now=NOW,
            is_gone=overtaken,
        )  # fmt: skip
    with pytest.raises(RefusedError, match="fast is sending since"):
        begin(slow)
    for ledger in (slow, fast):
        ledger.close()


def test_the_end_of_a_delivery_frees_the_destination(ledger: Ledger) -> None:
    attempt = begin(ledger)
    running = ledger.history.last_attempt("c", "crm")
    assert running is not None
    assert (running.outcome, running.ended) == (None, None)
    ledger.deliveries.end(attempt, outcome="delivered", message="3 of 3", now=NOW + SECOND)
    begin(ledger, "later")
    ledger.deliveries.free_dead_lease("c", "crm", is_gone=lambda *_: True)
    found = ledger.history.last_attempt("c", "crm")
    assert found is not None
    assert (found.plan, found.outcome) == ("later", None)
    assert ledger.history.last_attempt("c", "other") is None


def test_only_a_dead_senders_lease_is_freed(ledger: Ledger) -> None:
    log = ledger.deliveries
    assert log.free_dead_lease("c", "crm", is_gone=lambda *_: False)
    begin(ledger)
    assert not log.free_dead_lease("c", "crm", is_gone=lambda *_: False)
    assert log.free_dead_lease("c", "crm", is_gone=lambda *_: True)
    begin(ledger)


def test_a_pause_between_two_batches_keeps_the_next_one_and_the_last_answer_is_kept(
    ledger: Ledger,
) -> None:
    attempt = begin(ledger)
    first = intend(ledger, attempt, 0, 3)
    ledger.pause(STOP)
    with pytest.raises(RefusedError, match="paused"):
        intend(ledger, attempt, 3, 6, ended=((first, all_accepted(3)),))
    assert ledger.deliveries.done("p", "crm") == ((0, 3),)
    assert ledger.deliveries.ranges(attempt) == ((0, 3, True),)


def test_totals_add_up_over_attempts_and_exceptions_are_kept_by_record(ledger: Ledger) -> None:
    log = ledger.deliveries
    assert log.totals("p", "crm") == Totals(0, 0, 0, 0)
    bad = RecordOutcome("B", "R-B", "rejected", "BAD", "Band__c", "refused")
    lost = RecordOutcome("C", "R-C", "unknown", "unanswered", None, "")
    held = RecordOutcome("D", "R-D", "held", "suppress_a", None, "held back at send")
    first = begin(ledger)
    mixed = BatchResult(1, 1, 0, 1, (bad, lost))
    log.record_results([(intend(ledger, first, 0, 3), mixed)], now=NOW)
    log.end(first, outcome="failed", message="", now=NOW)
    second = begin(ledger)
    kept = BatchResult(1, 0, 1, 0, (held,))
    log.record_results([(intend(ledger, second, 3, 5), kept)], now=NOW)
    intend(ledger, second, 5, 6)
    assert log.totals("p", "crm") == Totals(accepted=2, rejected=1, held=1, unknown=1)
    assert log.outcomes("p", "crm") == (bad, lost, held)
    assert log.outcomes("p", "crm", delivery=second.id) == (held,)
    assert ledger.history.outcomes_of("p", "crm", "C") == (lost,)
    assert ledger.history.batches("p", "crm") == ((0, 3, True), (3, 5, True), (5, 6, False))
    assert log.done("p", "other") == ()


def test_a_position_is_one_attempt_and_an_attempt_counts_once(ledger: Ledger) -> None:
    log = ledger.deliveries
    assert log.position("c", "crm") == (0, None)
    first = begin(ledger)
    assert log.unfolded("c", "crm") == (), "nothing was sent"
    intend(ledger, first, 0, 3)
    assert log.unfolded("c", "crm") == (first,)
    log.record_position(first, position=1, records=3, now=NOW)
    log.record_position(first, position=1, records=3, now=NOW)
    assert (log.position("c", "crm"), log.unfolded("c", "crm")) == ((1, 3), ())
    assert ledger.history.plan_at("c", "crm", 1) == "p"
    assert ledger.history.plan_at("c", "crm", 2) is None
