"""Which plans refreshed a destination, on both databases: allowed, not stopped, all answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from activation_pipeline.evidence import Pause
from activation_pipeline.incident import Incident
from activation_pipeline.ledger import Evaluation, Ledger
from activation_pipeline.ledger.records import BatchResult
from activation_pipeline.plan import Plan, PlanPart

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXPIRY = Incident("c", "crm", "freshness", "expire", None, None, "activation", "why", {}, NOW)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def plan(rows: int, content: str = "0") -> Plan:
    return Plan("c", "f" * 16, "d" * 16, (PlanPart("crm", content, rows, {}, 0, None, {}),))


def evaluated(ledger: Ledger, made: Plan, *, at: datetime = NOW, decision: Any = "launch") -> None:
    number = ledger.start_preparation("c", now=at)
    ledger.record_evaluation(Evaluation(number, "c", made, (), {}, decision, "", at))


def sent(ledger: Ledger, made: Plan, *results: BatchResult) -> None:
    log = ledger.deliveries
    attempt = log.begin(
        made.id, contract="c", destination="crm", batch_size=2, holder="h:1:1", now=NOW,
        is_gone=lambda *_: False,
    )  # fmt: skip
    for number, result in enumerate(results):
        rows = [(2 * number, 2 * number + 2)]
        intents = log.intend(attempt, ranges=rows, now=NOW, ended=(), check=lambda _: None)
        log.record_results([(intents[0], result)], now=NOW)
    log.end(attempt, outcome="delivered", message="", now=NOW)
    log.record_position(attempt, position=1, records=4, now=NOW)


@pytest.mark.parametrize(
    ("results", "is_whole"),
    [
        ([], False),
        ([BatchResult(1, 1, 0, 0)], False),
        ([BatchResult(1, 1, 0, 0), BatchResult(0, 0, 1, 1)], True),
    ],
)
def test_a_plan_is_whole_once_every_row_has_an_answer(
    ledger: Ledger, results: list[BatchResult], is_whole: bool
) -> None:
    made = plan(4)
    evaluated(ledger, made)
    sent(ledger, made, *results)
    (found,) = ledger.refreshes.since("c", "crm", NOW)
    assert (found.plan, found.is_whole, found.positions) == (made.id, is_whole, (1,))


def test_a_plan_with_nothing_to_send_is_whole_unless_it_or_the_destination_was_stopped(
    ledger: Ledger,
) -> None:
    evaluated(ledger, plan(0))
    evaluated(ledger, plan(0, "1"), decision="pause")
    ledger.pause(Pause("c", "crm", "x", "wait", NOW + HOUR, NOW + 3 * HOUR))
    evaluated(ledger, plan(0, "2"), at=NOW + 2 * HOUR)
    evaluated(ledger, plan(0, "3"), at=NOW + 3 * HOUR)
    found = ledger.refreshes.since("c", "crm", NOW)
    assert [each.is_whole for each in found] == [True, False, False, True]
    assert ledger.refreshes.since("c", "crm", NOW + 3 * HOUR) == found[-1:]
    assert not any(each.is_whole for each in ledger.refreshes.since("c", "other", NOW))


def test_an_incident_is_kept_once_for_its_plan(ledger: Ledger) -> None:
    made = plan(4)
    incident = replace(EXPIRY, restoring=made.id)
    assert ledger.incidents.record_once(incident, made)
    assert not ledger.incidents.record_once(incident, made)
    assert ledger.incidents.all("c") == (incident,)
    assert ledger.plan(made.id) == made


def test_the_mark_changes_with_whatever_is_read(ledger: Ledger) -> None:
    seen = {ledger.refreshes.mark("c", "crm")}
    made = plan(2)
    evaluated(ledger, made)
    seen.add(ledger.refreshes.mark("c", "crm"))
    sent(ledger, made, BatchResult(2, 0, 0, 0))
    seen.add(ledger.refreshes.mark("c", "crm"))
    ledger.pause(Pause("c", "crm", "x", "wait", NOW, None))
    seen.add(ledger.refreshes.mark("c", "crm"))
    ledger.incidents.record_once(replace(EXPIRY, restoring=made.id), made)
    seen.add(ledger.refreshes.mark("c", "crm"))
    assert len(seen) == 5
    assert ledger.refreshes.mark("c", "crm") == ledger.refreshes.mark("c", "crm")
    assert ledger.refreshes.positions("c", "crm") == {made.id: [1]}
    assert ledger.refreshes.delivered_at("c", "crm") == {1: NOW}
