"""Several batches at once: one alone first, every answer noted, nothing sent twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Barrier, BrokenBarrierError, Lock
from typing import TYPE_CHECKING

import pytest
from company import MemoryDestination
from desk import build, plan, received, send, sign, stock

from activation_pipeline.destinations import BatchOutcome, RecordFault
from activation_pipeline.errors import PermanentError, RetryableError
from activation_pipeline.notation import masked_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import OutgoingRecord, Target

KEYS = [f"K{n:02}" for n in range(13)]  # one alone, and four times three


@dataclass
class Together(MemoryDestination):
    """A destination whose batches, but for the first, wait until ``at_once`` of them are there."""

    size: int = 1
    at_once: int = 3
    dead: bool = False
    error_at: dict[str, Exception] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    met: int = 0

    def __post_init__(self) -> None:
        self.barrier, self.lock, self.calls = Barrier(self.at_once), Lock(), 0

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        with self.lock:
            self.calls += 1
            is_first = self.calls == 1
        if self.dead:
            raise RetryableError("nobody there")
        if not is_first:
            self._meet()
        error = self.error_at.get(records[0].key)
        if error is not None:
            raise error
        with self.lock:
            outcome = super().send(target, records)
        gone = [r.key for r in records if r.key in self.lost]
        return BatchOutcome(
            (*outcome.faults, *(RecordFault(k, "unknown", "LOST", None, "") for k in gone))
        )

    def _meet(self) -> None:
        try:
            self.barrier.wait(timeout=2)
        except BrokenBarrierError:
            return
        with self.lock:
            self.met += 1


def ready(company: Company, destination: MemoryDestination) -> Contract:
    company.destination = destination
    stock(company, KEYS)
    contract = build(company)
    sign(company, contract, plan(company, contract))
    return contract


def test_batches_are_on_their_way_together_after_the_first_one_was_answered(
    company: Company,
) -> None:
    destination = Together()
    contract = ready(company, destination)
    assert send(company, contract).totals.accepted == 13
    assert sorted(received(company)) == KEYS
    assert destination.met == 12


def test_a_destination_that_is_down_hears_of_one_batch(company: Company) -> None:
    destination = Together(dead=True, at_once=8)
    contract = ready(company, destination)
    with pytest.raises(RetryableError, match="nobody there"):
        send(company, contract)
    assert destination.calls == 1


@pytest.mark.parametrize("error", [RetryableError("busy"), PermanentError("no permission")])
def test_what_was_answered_beside_a_failing_batch_is_noted_and_not_sent_again(
    company: Company, error: Exception
) -> None:
    destination = Together(error_at={"K02": error})
    contract = ready(company, destination)
    with pytest.raises(type(error), match=str(error)):
        send(company, contract)
    answered = received(company)
    assert {"K00", "K01", "K03"} <= set(answered), "they were on their way together"
    assert len(answered) <= 6, "nothing new went out after the error"
    company.destination = Together(records=destination.records, received=destination.received)
    assert send(company, contract).totals.accepted == 13
    assert sorted(received(company)) == KEYS


def test_an_answer_that_was_lost_is_settled_by_reading_back(company: Company) -> None:
    """K01 and K05 were written, only their answers were lost; K07 was never written."""
    destination = Together(lost={"K01", "K05"}, unanswered={"K07"})
    contract = ready(company, destination)
    report = send(company, contract)
    assert (report.totals.accepted, report.totals.unknown) == (12, 1)
    assert report.outcome == "delivered_in_part"
    assert report.first == (masked_key("K07"),)
    assert "the first: …7" in report.headline


class CannotRead(Together):
    """A destination that takes writes and cannot be read back."""

    def read(self, *_: object) -> tuple[()]:
        raise RetryableError("not now")


def test_what_cannot_be_read_back_stays_unknown(company: Company) -> None:
    contract = ready(company, Together())
    company.destination = CannotRead(lost={"K01"})
    report = send(company, contract)
    assert (report.totals.accepted, report.totals.unknown) == (12, 1)


@pytest.mark.parametrize(
    ("key", "shown"),
    [("A-10422", "…22"), ("B", "…"), ("", "…"), ("K07", "…7"), ("somebody@example.com", "….com")],
)
def test_a_key_is_shown_by_its_end_and_never_whole(key: str, shown: str) -> None:
    assert masked_key(key) == shown
