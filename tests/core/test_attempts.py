"""Attempts as the ledger remembers them, on each database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from company import NOW

from activation_pipeline.ledger import Ledger
from activation_pipeline.ledger.attempts import AnsweredRows
from activation_pipeline.ledger.records import Attempt, BatchResult

if TYPE_CHECKING:
    from activation_pipeline.ledger.attempts import WholeAttempt

LATER = NOW + timedelta(seconds=5)


def begin(ledger: Ledger, destination: str) -> Attempt:
    return ledger.deliveries.begin(
        "p", contract="c", destination=destination, batch_size=3, holder="host:1:7", now=NOW,
        is_gone=lambda *_: False,
    )  # fmt: skip


def intend(ledger: Ledger, attempt: Attempt, first: int, last: int) -> int:
    (intent,) = ledger.deliveries.intend(
        attempt, ranges=[(first, last)], now=NOW, ended=(), check=lambda _: None
    )
    return intent


def read(ledger: Ledger, *, gone: bool = False) -> list[WholeAttempt]:
    return ledger.attempts.read(ledger.attempts.begun(), is_gone=lambda *_: gone)


def test_an_attempt_is_read_whole(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    attempt = begin(ledger, "crm")
    first = intend(ledger, attempt, 0, 3)
    intend(ledger, attempt, 3, 5)
    result = BatchResult(accepted=1, rejected=1, held=0, unknown=1)
    ledger.deliveries.record_results([(first, result)], now=LATER)
    (running,) = read(ledger)
    assert (running.outcome, running.ended, running.started) == ("running", None, NOW)
    assert (running.sent, running.unanswered, running.planned) == (5, 2, None)
    assert (running.accepted, running.rejected, running.held, running.unknown) == (1, 1, 0, 1)
    assert running.batches == (AnsweredRows(0, 3, LATER), AnsweredRows(3, 5, None))
    (cut,) = read(ledger, gone=True)
    assert cut.outcome == "interrupted"
    ledger.deliveries.end(attempt, outcome="failed", message="", now=LATER)
    (ended,) = read(ledger, gone=True)
    assert (ended.outcome, ended.ended) == ("failed", LATER)
    ledger.close()


def test_attempts_come_in_their_order_and_only_those_asked_for(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    made = [begin(ledger, f"crm{number}") for number in range(3)]
    assert ledger.attempts.begun() == {each.id: NOW for each in made}
    some = ledger.attempts.read({made[2].id, made[0].id}, is_gone=lambda *_: False)
    assert [each.attempt for each in some] == [made[0], made[2]]
    ledger.close()
