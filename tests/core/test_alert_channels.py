"""Alerts on their way: each once, to every channel, and a channel that fails is shown."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from alert_channel import TOKEN, alert_channel
from alert_story import CONTRACT, HOUR, LINKS, MINUTE, look, pause, send
from company import NOW
from told_ledger import judged, stop

from activation_pipeline.alerts import due, read_channels, tell
from activation_pipeline.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alert_channel import AlertChannel
    from company import Company

    from activation_pipeline.runtime import Runtime


@pytest.fixture
def runtime(company: Company) -> Iterator[Runtime]:
    with company.runtime() as opened:
        yield opened


@pytest.fixture
def chat() -> Iterator[AlertChannel]:
    with alert_channel() as channel:
        yield channel


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
