"""What a rule's pause does with what was delivered: keep it, freeze it, or put back what stood."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from company import MemoryDestination, contract_dict
from desk import build, go, plan, received, send, stock
from ruled_ledger import START
from undoing_company import EVERY_CHANGE, bands, incidents, pauses

from activation_pipeline import pausing
from activation_pipeline.errors import RefusedError, RetryableError
from activation_pipeline.evidence import Pause
from activation_pipeline.ledger import Ledger
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger.rules import Cause
from activation_pipeline.pause_rules import Applied, apply, pause_by_rules, undos_due

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import (
        BatchOutcome,
        LiveRecord,
        OutgoingRecord,
        Target,
    )

HOUR = timedelta(hours=1)
RULES = {"rejected_above": 0.2, "overdue": "1h"}


def ruled(company: Company, on_pause: str) -> Contract:
    monitoring = contract_dict()["monitoring"] | {"pause_when": RULES, "on_pause": on_pause}
    return build(company, monitoring=monitoring, gates=EVERY_CHANGE)


def judge(company: Company, contract: Contract) -> Applied:
    company.now += timedelta(seconds=1)
    with company.runtime() as runtime:
        return apply(contract, runtime, clock=lambda: company.now)


@contextmanager
def wrong_bands(company: Company, on_pause: str) -> Iterator[Contract]:
    """Three of four records were changed for the worse, and the fourth was refused."""
    contract = ruled(company, on_pause)
    stock(company, "ABCD", band="low")
    go(company, contract)
    company.sql("update mart set band = 'high'")
    company.destination.reject = {"D"}
    company.now += HOUR
    company.sql(f"update mart set scored_at = timestamp '{company.now:%Y-%m-%d %H:%M:%S}'")
    go(company, contract)
    assert bands(company) == {"A": "high", "B": "high", "C": "high", "D": "low"}
    company.destination.reject = set()
    yield contract


def test_kept_is_what_was_delivered_and_nothing_more_is_sent(company: Company) -> None:
    with wrong_bands(company, "keep_previous") as contract:
        applied = judge(company, contract)
        assert (applied.pausing, applied.restored) == (("rejected_above",), None)
        assert incidents(company, contract) == ()
        assert bands(company) == {"A": "high", "B": "high", "C": "high", "D": "low"}
        with pytest.raises(RefusedError, match="rejected_above: crm: 1 of 4"):
            send(company, contract)


def test_frozen_is_an_incident_that_holds_until_somebody_resumes(company: Company) -> None:
    with wrong_bands(company, "freeze") as contract:
        judge(company, contract)
        judge(company, contract)
        (incident,) = incidents(company, contract)
        assert (incident.action, incident.incident_class) == ("freeze", "destination_logic")
        assert (incident.by, incident.counts) == ("activation", {"crm": 4})
        assert len(pauses(company, contract)) == 1
        with company.runtime() as runtime:
            held = runtime.ledger.incidents.freeze_in_force(contract.name, "crm", now=company.now)
        assert held == incident


def test_restored_is_what_stood_before_the_plan_that_broke_the_rule(company: Company) -> None:
    with wrong_bands(company, "restore_previous") as contract:
        applied = judge(company, contract)
        assert applied.restored is not None
        assert len(applied.restored.done) == 1
        assert bands(company) == {"A": "low", "B": "low", "C": "low", "D": "low"}
        assert len(pauses(company, contract)) == 1
        (incident,) = incidents(company, contract)
        assert (incident.action, incident.by) == ("rollback", "activation")
        assert judge(company, contract).restored is None


@dataclass
class Reachable(MemoryDestination):
    """A destination that may be down."""

    is_down: bool = False

    def read(self, *asked: Any) -> tuple[LiveRecord, ...]:
        if self.is_down:
            raise RetryableError("crm: does not answer")
        return super().read(*asked)


def test_an_undo_that_fails_is_tried_again_and_never_lifts_the_pause(company: Company) -> None:
    company.destination = destination = Reachable()
    with wrong_bands(company, "restore_previous") as contract:
        destination.is_down = True
        applied = judge(company, contract)
        assert applied.restored is not None
        assert [str(each) for each in applied.restored.failed] == ["crm: does not answer"]
        assert len(pauses(company, contract)) == 1
        destination.is_down = False
        assert judge(company, contract).written == ()
        assert bands(company)["A"] == "low"
        assert len(pauses(company, contract)) == 1


def test_a_missing_run_undoes_nothing(company: Company) -> None:
    """What was delivered is good, and what stood before it is older still."""
    contract = ruled(company, "restore_previous")
    stock(company, "AB")
    go(company, contract)
    company.now += 48 * HOUR
    applied = judge(company, contract)
    assert (applied.pausing, applied.restored) == (("overdue",), None)
    assert bands(company) == {"A": "low", "B": "low"}


def test_after_a_resume_nothing_is_undone_any_more(company: Company) -> None:
    with wrong_bands(company, "restore_previous") as contract, company.runtime() as runtime:
        pause_by_rules(contract, runtime, now=company.now)
        assert len(undos_due(contract, runtime, now=company.now)) == 1
        pausing.resume(
            contract,
            None,
            runtime,
            role="cs_director",
            by="demo_cs_director",
            reason="the bands are right",
            now=company.now,
        )
        assert undos_due(contract, runtime, now=company.now) == ()
        assert judge(company, contract).restored is None
        assert bands(company)["A"] == "high"


def test_a_plan_that_waits_while_its_match_rate_fell_is_not_sent(company: Company) -> None:
    monitoring = contract_dict()["monitoring"] | {"pause_when": {"match_rate_fall": 0.1}}
    contract = build(company, monitoring=monitoring, gates=EVERY_CHANGE)
    stock(company, "ABCD")
    go(company, contract)
    company.sql("delete from identity where key in ('A', 'B')", "update mart set band = 'high'")
    company.now += HOUR / 2
    plan(company, contract)
    assert judge(company, contract).pausing == ("match_rate_fall",)
    with pytest.raises(RefusedError, match="match rate 100% -> 50%"):
        send(company, contract)


@dataclass
class Judged(MemoryDestination):
    """A destination that has somebody judge the rules while it is at work."""

    judge: Callable[[], Any] = print

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        outcome = super().send(target, records)
        self.judge()
        return outcome


def test_a_delivery_at_work_stops_where_a_rule_breaks(company: Company) -> None:
    """Three of twelve are refused, of at most one in five; half of the twelve are not sent."""
    contract = ruled(company, "keep_previous")
    stock(company, "ABCDEFGHIJKL")
    company.destination = Judged(reject=set("ABC"), judge=lambda: judge(company, contract))
    with pytest.raises(RefusedError, match="rejected_above: crm: 3 of 12"):
        go(company, contract)
    assert "".join(received(company)) == "ABCDEF"


WORD = Pause("renewal_risk", None, "activation", "rejected_above: 3%", START, None)
CAUSE = Cause("rejected_above", "crm", "p1", 0.03, 0.02)


def test_of_two_processes_that_look_at_once_one_pauses(ledger_url: str) -> None:
    """Both read that nobody spoke yet; both write at the same moment."""
    ledgers = [Ledger(ledger_url) for _ in range(4)]
    together = threading.Barrier(len(ledgers))

    def write(ledger: Ledger) -> int | None:
        seen = ledger.rules.last_word(WORD.contract).id
        together.wait()
        return ledger.rules.pause(WORD, CAUSE, newest=seen, owned=())

    with ThreadPoolExecutor(len(ledgers)) as pool:
        written = list(pool.map(write, ledgers))
    assert sum(each is not None for each in written) == 1
    assert ledgers[0].rules.pausing(WORD.contract, now=START) == ((WORD, CAUSE),)
    for ledger in ledgers:
        ledger.close()


def test_a_resume_between_look_and_word_is_not_overtaken(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    ledger.pause(WORD)
    seen = ledger.rules.last_word(WORD.contract)
    assert seen.resumed is None
    ledger.resume(Pause(WORD.contract, None, "demo_cs_director", "seen", START + HOUR, None))
    assert ledger.rules.pause(WORD, CAUSE, newest=seen.id, owned=()) is None
    assert ledger.pauses(WORD.contract, now=START + HOUR) == ()
    assert ledger.rules.last_word(WORD.contract).resumed == START + HOUR
    ledger.close()


def test_a_resume_of_one_destination_or_past_the_package_acknowledges_nothing(
    ledger_url: str,
) -> None:
    ledger = Ledger(ledger_url)
    ledger.resume(Pause(WORD.contract, "crm", "demo_cs_director", "seen", START, None))
    forged = {"contract": WORD.contract, "paused": False, "by": "x", "reason": "x", "at": "2027"}
    with ledger._engine.begin() as connection:
        connection.execute(sa.insert(t.pauses).values(**forged))
    assert ledger.rules.last_word(WORD.contract).resumed is None
    ledger.close()
