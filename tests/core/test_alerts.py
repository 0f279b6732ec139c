"""Alerts: each change in how a contract stands once, and nothing that is none."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from alert_channel import alert_channel
from alert_story import CONTRACT, FILE, HOUR, MINUTE, OURS, look, pause, resume, send
from company import NOW, contract_dict
from told_ledger import judged, stop

from activation_pipeline.alerts import notice
from activation_pipeline.alerts.message import plain
from activation_pipeline.contract import Contract
from activation_pipeline.incident import Incident
from activation_pipeline.ledger import Ledger
from activation_pipeline.loading import Checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alert_channel import AlertChannel
    from company import Company

    from activation_pipeline.runtime import Runtime
    from activation_pipeline.transition import Transition


@pytest.fixture
def runtime(company: Company) -> Iterator[Runtime]:
    with company.runtime() as opened:
        yield opened


@pytest.fixture
def chat() -> Iterator[AlertChannel]:
    with alert_channel() as channel:
        yield channel


def test_a_change_is_told_once_however_often_somebody_looks(
    runtime: Runtime, chat: AlertChannel
) -> None:
    judged(runtime.ledger, CONTRACT, at=NOW - HOUR)
    assert look(runtime) == []
    judged(runtime.ledger, CONTRACT, stop())
    for tick in range(10):
        look(runtime, at=NOW + tick * MINUTE)
        send(runtime, chat.address, at=NOW + tick * MINUTE)
    judged(runtime.ledger, CONTRACT, at=NOW + HOUR)
    for tick in range(10):
        look(runtime, at=NOW + HOUR + tick * MINUTE)
        send(runtime, chat.address, at=NOW + HOUR + tick * MINUTE)
    assert chat.titles == [
        "renewal_risk: blocked by freshness (newest event is 72 h old, at most 30 h)",
        "renewal_risk: recovered (was blocked by freshness)",
    ]


def test_an_alert_says_what_the_one_on_call_needs(runtime: Runtime, chat: AlertChannel) -> None:
    plan = judged(runtime.ledger, CONTRACT, stop())
    look(runtime)
    send(runtime, chat.address)
    lines = chat.got[0]["message"].splitlines()
    for expected in (
        "what: newest event is 72 h old, at most 30 h",
        "clause: freshness",
        "since: 2026-11-20 09:00 UTC",
        f"plan: {plan.id}",
        "owner: analytics_engineering",
        "may restart: cs_director",
        "what to do: https://wiki.example.com/runbook#freshness",
        "board: https://board.example.com/contracts/renewal_risk",
    ):
        assert expected in lines
    assert any(line.startswith("next: analytics_engineering: mend freshness") for line in lines)


def test_a_new_contract_and_one_that_works_are_no_news(runtime: Runtime) -> None:
    draft = Checked(FILE.file, Contract.model_validate(contract_dict()), ())
    assert look(runtime, file=draft) == []
    judged(runtime.ledger, CONTRACT)
    assert look(runtime, at=NOW + MINUTE) == []


def test_what_is_wrong_already_at_the_first_look_is_told_and_what_is_over_is_not(
    runtime: Runtime,
) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    pause(runtime, "long ago", at=NOW - HOUR)
    resume(runtime, at=NOW - MINUTE)
    pause(runtime, "now")
    assert look(runtime) == ["paused", "blocked"]
    assert look(runtime, at=NOW + MINUTE) == []


def test_a_pause_and_a_resume_between_two_looks_are_both_told(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT)
    look(runtime)
    pause(runtime, "a look at it", at=NOW + timedelta(seconds=2))
    resume(runtime, at=NOW + timedelta(seconds=5))
    resume(runtime, at=NOW + timedelta(seconds=6))
    assert look(runtime, at=NOW + MINUTE) == ["paused", "resumed"]
    assert look(runtime, at=NOW + 2 * MINUTE) == []


def test_a_pause_that_ended_by_itself_is_told_once_and_a_lifted_one_is_not(
    runtime: Runtime,
) -> None:
    judged(runtime.ledger, CONTRACT)
    look(runtime)
    pause(runtime, "until ten", until=NOW + HOUR)
    assert look(runtime, at=NOW + MINUTE) == ["paused"]
    assert look(runtime, at=NOW + HOUR) == ["pause_ended"]
    pause(runtime, "until twelve", at=NOW + 2 * HOUR, until=NOW + 4 * HOUR)
    resume(runtime, at=NOW + 3 * HOUR)
    assert look(runtime, at=NOW + 5 * HOUR) == ["paused", "resumed"]
    assert look(runtime, at=NOW + 6 * HOUR) == []


def test_a_rule_that_paused_is_named_with_what_it_found(
    runtime: Runtime, chat: AlertChannel
) -> None:
    judged(runtime.ledger, CONTRACT)
    look(runtime)
    reason = "rejected_above: 3% of 1,200 rejected, at most 2%"
    pause(runtime, reason, by="activation", destination="crm")
    look(runtime, at=NOW + MINUTE)
    send(runtime, chat.address, at=NOW + MINUTE)
    assert chat.titles == [
        "renewal_risk: paused (crm) by rejected_above (3% of 1,200 rejected, at most 2%)"
    ]


def test_an_expiry_is_told_once_though_the_next_sync_restores_at_once(
    runtime: Runtime, chat: AlertChannel
) -> None:
    judged(runtime.ledger, CONTRACT)
    look(runtime)
    reason = "expire_after: 2 records over since 2026-11-20 08:00 UTC, 1 h before; at most 7d"
    gone = Incident(
        OURS, "crm", "freshness", "expire", None, None, "activation", reason, {"cleared": 2}, NOW
    )
    runtime.ledger.incidents.record(gone)
    judged(runtime.ledger, CONTRACT, at=NOW + timedelta(seconds=1))
    assert look(runtime, at=NOW + MINUTE) == ["expired"]
    assert look(runtime, at=NOW + 2 * MINUTE) == []
    send(runtime, chat.address, at=NOW + 2 * MINUTE)
    (title,) = chat.titles
    assert title == (
        "renewal_risk: expired (crm) by expire_after (2 records over since 2026-11-20 08:00 UTC, "
        "1 h before; at most 7d (cleared 2))"
    )


def test_a_run_that_was_due_and_did_not_come_is_told_without_any_scheduler(
    runtime: Runtime,
) -> None:
    judged(runtime.ledger, CONTRACT)
    look(runtime)
    due_at = NOW.replace(hour=6) + timedelta(days=1)
    assert look(runtime, at=due_at + HOUR) == []
    assert look(runtime, at=due_at + HOUR + MINUTE) == ["overdue"]
    assert look(runtime, at=due_at + 2 * HOUR) == []
    judged(runtime.ledger, CONTRACT, at=due_at + 3 * HOUR)
    assert look(runtime, at=due_at + 3 * HOUR) == ["recovered"]


def test_another_clause_is_news_and_the_same_one_again_is_not(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT, at=NOW - HOUR)
    look(runtime, at=NOW - HOUR)
    judged(runtime.ledger, CONTRACT, stop())
    assert look(runtime) == ["blocked"]
    judged(runtime.ledger, CONTRACT, stop(message="newest event is 96 h old"), at=NOW + MINUTE)
    assert look(runtime, at=NOW + MINUTE) == []
    judged(runtime.ledger, CONTRACT, stop("match_rate"), at=NOW + 2 * MINUTE)
    assert look(runtime, at=NOW + 2 * MINUTE) == ["blocked"]


def test_nothing_is_called_mended_while_a_plan_is_being_made(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    look(runtime)
    due_at = NOW.replace(hour=6) + timedelta(days=1)
    assert look(runtime, at=due_at + 2 * HOUR) == ["overdue"]
    runtime.ledger.start_preparation(OURS, now=due_at + 2 * HOUR)
    assert look(runtime, at=due_at + 2 * HOUR + MINUTE) == []
    judged(runtime.ledger, CONTRACT, stop(), at=due_at + 2 * HOUR + 2 * MINUTE)
    assert look(runtime, at=due_at + 3 * HOUR) == []


def test_an_older_look_never_overrules_a_newer_one(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    look(runtime, at=NOW + HOUR)
    judged(runtime.ledger, CONTRACT, at=NOW + HOUR)
    assert look(runtime, at=NOW) == []
    assert look(runtime, at=NOW + 2 * HOUR) == ["recovered"]


def test_a_malformed_file_is_told_to_whoever_was_told_before(
    runtime: Runtime, chat: AlertChannel
) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    look(runtime)
    broken = Checked(FILE.file, None, ())
    assert look(runtime, at=NOW + MINUTE, file=broken) == ["blocked"]
    send(runtime, chat.address, at=NOW + MINUTE)
    assert chat.titles[1] == "renewal_risk: blocked by contract (malformed)"


def test_two_that_look_at_once_note_a_change_once(company: Company, ledger_url: str) -> None:
    ledgers = [Ledger(ledger_url) for _ in range(4)]
    judged(ledgers[0], CONTRACT, at=NOW - HOUR)
    with company.runtime() as runtime:
        first, runtime.ledger = runtime.ledger, ledgers[0]
        look(runtime)
        judged(ledgers[0], CONTRACT, stop())
        pause(runtime, "wrong bands")
        found: list[Transition] = []
        start = threading.Barrier(len(ledgers))

        def watch(ledger: Ledger) -> None:
            own = type(runtime)(**{**vars(runtime), "ledger": ledger})
            start.wait()
            found.extend(notice(OURS, FILE, own, now=NOW + MINUTE))

        threads = [threading.Thread(target=watch, args=[each]) for each in ledgers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        runtime.ledger = first
        assert sorted(each.kind for each in found) == ["blocked", "paused"]
        told = ledgers[0].transitions.notices(since=NOW - HOUR)
        assert [each.role for each in told] == ["cs_ops", "cs_ops"]
    for ledger in ledgers:
        ledger.close()


def test_a_reason_steers_no_chat(runtime: Runtime, chat: AlertChannel) -> None:
    judged(runtime.ledger, CONTRACT)
    look(runtime)
    hostile = (
        "<!channel> @everyone\n\nowner: *me* [click](https://evil.example/x) `rm` dana@example.com"
        " \u202e\x1b[31m|a|"
    )
    pause(runtime, hostile, by="eve@example.com")
    look(runtime, at=NOW + MINUTE)
    send(runtime, chat.address, at=NOW + MINUTE)
    said = chat.got[0]["title"] + "\n" + chat.got[0]["message"]
    for sign in ("<", "@", "*", "[", "`", "://evil", "\u202e", "\x1b", "|", "dana", "eve@"):
        assert sign not in said
    lines = chat.got[0]["message"].splitlines()
    assert lines.count("owner: cs_director") == 1
    assert not any(line.startswith("owner: #me") for line in lines)


def test_a_long_reason_is_cut() -> None:
    assert len(plain("x" * 5000)) == 400
