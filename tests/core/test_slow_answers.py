"""A destination that takes its time gets every batch, and the first one alone until it answers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from company import MemoryDestination
from desk import build, plan, send, sign, stock

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from company import Company

    from activation_pipeline.destinations import BatchOutcome, OutgoingRecord, Target


@dataclass
class Slow(MemoryDestination):
    """Answers each batch after several heartbeats of its sender."""

    at_once: int = 2
    most: int = 0
    before_first_answer: int = 0
    under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        threading.Event().wait(0.05)
        with self.lock:
            if not self.received:
                self.before_first_answer = self.most
            self.under_way -= 1
            return super().send(target, records)


def test_waiting_longer_than_a_heartbeat_loses_no_batch(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activation_pipeline.sending._HEARTBEAT_S", 0.005)
    stock(company, "ABCDEFGHIJKLMNOP")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    slow = company.destination = Slow()
    report = send(company, contract)
    assert (report.outcome, report.totals.accepted) == ("delivered", 16)
    assert len(slow.received) == 6
    assert (slow.before_first_answer, slow.most) == (1, 2)
