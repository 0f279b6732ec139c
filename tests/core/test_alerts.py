"""Alerts: each change once, to each role, and a channel that fails is shown and tried again."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from alert_channel import TOKEN, alert_channel
from company import NOW, contract_dict, make_contract
from told_ledger import judged, stop

from activation_pipeline.alerts import Links, due, notice, read_channels, tell
from activation_pipeline.alerts.message import plain
from activation_pipeline.contract import Contract
from activation_pipeline.evidence import Pause
from activation_pipeline.ledger import Ledger
from activation_pipeline.loading import Checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alert_channel import AlertChannel
    from company import Company

    from activation_pipeline.runtime import Runtime
    from activation_pipeline.transition import Transition

CONTRACT = make_contract(contract_dict())
OURS = CONTRACT.name
FILE = Checked(f"contracts/{OURS}.yaml", CONTRACT, ())
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LINKS = Links(runbook="https://wiki.example.com/runbook", board="https://board.example.com/")


@pytest.fixture
def runtime(company: Company) -> Iterator[Runtime]:
    with company.runtime() as opened:
        yield opened


@pytest.fixture
def chat() -> Iterator[AlertChannel]:
    with alert_channel() as channel:
        yield channel


def look(runtime: Runtime, *, at: datetime = NOW, file: Checked = FILE) -> list[str]:
    return [each.kind for each in notice(OURS, file, runtime, now=at)]


def send(runtime: Runtime, *addresses: str, at: datetime = NOW) -> Any:
    channels = read_channels({"ACTIVATION_ALERT_CS_OPS": " ".join(addresses)})
    return tell(runtime, channels, LINKS, clock=lambda: at)


def pause(runtime: Runtime, reason: str, *, at: datetime = NOW, **more: Any) -> None:
    word = {"destination": None, "by": "demo_cs_director", "until": None} | more
    runtime.ledger.pause(Pause(OURS, reason=reason, since=at, **word))


def resume(runtime: Runtime, *, at: datetime) -> None:
    runtime.ledger.resume(Pause(OURS, None, "demo_cs_director", "mended", at, None))


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


def test_two_that_send_at_once_send_once(
    company: Company, ledger_url: str, chat: AlertChannel
) -> None:
    with company.runtime() as runtime:
        own, runtime.ledger = runtime.ledger, Ledger(ledger_url)
        judged(runtime.ledger, CONTRACT, stop())
        look(runtime)
        start = threading.Barrier(2)
        channels = read_channels({"ACTIVATION_ALERT_CS_OPS": chat.address})

        def go() -> None:
            start.wait()
            tell(runtime, channels, LINKS, clock=lambda: NOW)

        threads = [threading.Thread(target=go) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        runtime.ledger.close()
        runtime.ledger = own
    assert len(chat.got) == 1


def test_a_channel_that_fails_is_shown_and_tried_again_ever_more_rarely(
    runtime: Runtime, chat: AlertChannel
) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    look(runtime)
    chat.status = 503
    for minute in range(16):
        found = send(runtime, chat.address, at=NOW + minute * MINUTE)
    assert len(chat.got) == 5  # after 0, 1, 3, 7 and 15 minutes
    (fails,) = found.failing
    assert (fails.role, fails.since, fails.waiting) == ("cs_ops", NOW, 1)
    assert fails.channel.startswith("json-")
    chat.status = 200
    assert send(runtime, chat.address, at=NOW + HOUR).failing == ()
    assert len(chat.got) == 6
    assert send(runtime, chat.address, at=NOW + 2 * HOUR).sent == 0


def test_a_dead_channel_costs_one_try_and_keeps_no_other_from_being_told(
    runtime: Runtime, chat: AlertChannel
) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    pause(runtime, "wrong bands")
    look(runtime)
    nobody = "json://127.0.0.1:9/x"
    done = send(runtime, nobody, chat.address)
    assert (done.sent, [each.waiting for each in done.failing]) == (2, [2])
    tries = runtime.ledger.transitions.notices(since=NOW - HOUR)
    assert sum(a.outcome == "failed" for each in tries for a in each.attempts) == 1


def test_who_died_while_sending_is_made_up_for(runtime: Runtime, chat: AlertChannel) -> None:
    """A doubled alert is better than none."""
    judged(runtime.ledger, CONTRACT, stop())
    look(runtime)
    channels = read_channels({"ACTIVATION_ALERT_CS_OPS": chat.address})
    ((waiting, channel),) = due(runtime, channels, now=NOW)
    assert runtime.ledger.transitions.claim(waiting, channel.name, lambda _: True, now=NOW)
    assert send(runtime, chat.address, at=NOW + MINUTE).sent == 0
    assert send(runtime, chat.address, at=NOW + 3 * MINUTE).sent == 1


def test_a_role_without_an_address_is_named_and_told_once_it_has_one(
    runtime: Runtime, chat: AlertChannel
) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    look(runtime)
    assert send(runtime).without_address == {"cs_ops": 1}
    assert send(runtime, chat.address, at=NOW + HOUR).without_address == {}
    assert len(chat.got) == 1


def test_a_new_channel_does_not_hear_old_news_that_another_one_heard(
    runtime: Runtime, chat: AlertChannel
) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    look(runtime)
    send(runtime, chat.address)
    with alert_channel() as second:
        send(runtime, chat.address, second.address, at=NOW + HOUR)
        assert second.got == []
        pause(runtime, "wrong bands", at=NOW + 2 * HOUR)
        look(runtime, at=NOW + 2 * HOUR)
        send(runtime, chat.address, second.address, at=NOW + 2 * HOUR)
        assert len(second.got) == 1
    assert len(chat.got) == 2


def test_no_address_and_no_token_shows_anywhere(
    runtime: Runtime, chat: AlertChannel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    chat.status = 500
    judged(runtime.ledger, CONTRACT, stop())
    look(runtime)
    channels = read_channels({"ACTIVATION_ALERT_CS_OPS": f"{chat.address}, nonsense://{TOKEN}"})
    done = tell(runtime, channels, LINKS, clock=lambda: NOW)
    assert len(done.failing) == 2
    kept = runtime.ledger.transitions.notices(since=NOW - HOUR)
    assert TOKEN not in f"{channels} {done} {kept}"
    ours = [each for each in caplog.records if not each.name.startswith("urllib3")]
    assert all(TOKEN not in each.getMessage() for each in ours)


def test_addresses_are_separated_by_spaces_or_commas_and_may_hold_commas() -> None:
    value = " mailto://a:b@example.com?to=x,y , slack://A/B/C\njson://h/p, "
    found = read_channels({"ACTIVATION_ALERT_CS_OPS": value, "ACTIVATION_ALERT_REVOPS": " "})
    assert [each.name.partition("-")[0] for each in found["cs_ops"]] == ["mailto", "slack", "json"]
    assert found["cs_ops"][0].reveal() == "mailto://a:b@example.com?to=x,y"
    assert "revops" not in found


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
