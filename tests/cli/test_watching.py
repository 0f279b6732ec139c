"""What acts by itself, done by one command: what changed, whom it told, what failed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from alert_channel import TOKEN, alert_channel
from installation import NAME

from activation_pipeline.cli.watch import loop
from activation_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from installation import Installation

ROLE = "ACTIVATION_ALERT_CS_OPS"
PAUSE = ("pause", NAME, "--by", "demo_cs_director", "--reason", "wrong bands")


def test_a_watch_tells_what_changed_and_then_nothing_more(place: Installation) -> None:
    with alert_channel() as chat:
        place.environment[ROLE] = chat.address
        first = place.run("watch")
        assert (first.exit_code, chat.got) == (0, [])
        assert first.stdout.startswith("nothing changed: 1 contracts at ")
        place.run("plan", NAME)
        place.run(*PAUSE)
        found = place.report("watch")
        kinds = [(each["kind"], each["clause"]) for each in found["changes"]]
        assert kinds == [("paused", "not_paused"), ("blocked", "approved")]
        assert (found["sent"], len(chat.got), found["exit_code"]) == (2, 2, 0)
        assert chat.titles[0] == f"{NAME}: paused (wrong bands)"
        assert place.report("watch")["changes"] == []
        assert len(chat.got) == 2


def test_a_channel_that_fails_and_a_role_without_address_are_said(place: Installation) -> None:
    place.run("watch")
    place.run(*PAUSE)
    silent = place.run("watch")
    assert silent.exit_code == 1
    assert f"cs_ops has no address, 1 wait; set {ROLE}" in silent.stdout
    with alert_channel() as chat:
        chat.status = 500
        place.environment[ROLE] = chat.address
        failed = place.run("watch")
    assert failed.exit_code == 5
    assert "alerts: cs_ops: json-" in failed.stdout
    assert "1 wait: docs/runbook.md#alert_channel" in failed.stdout
    assert TOKEN not in failed.output
    assert TOKEN not in place.run("watch", "--json").output
    shown = place.run("status", NAME)
    assert "alerts: cs_ops: json-" in shown.stdout
    assert TOKEN not in shown.output
    assert place.report("status")["alerts"]["failing"][0]["waiting"] == 1


def test_a_malformed_file_is_told_and_keeps_no_other_from_being_watched(
    place: Installation,
) -> None:
    place.write("another", text="version: 1\n")
    found = place.report("watch")
    assert {each["contract"]: each["clause"] for each in found["changes"]} == {
        "another": "contract"
    }
    place.run(*PAUSE)
    assert [each["contract"] for each in place.report("watch")["changes"]] == [NAME]


def test_a_loop_goes_on_after_a_look_that_failed() -> None:
    looks, waits = [], []

    def look() -> None:
        looks.append("look")
        raise ConfigurationError("the ledger does not open")

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop(look, timedelta(minutes=1), sleep=sleep)
    assert (looks, waits) == (["look"] * 3, [60.0] * 3)


@pytest.mark.parametrize("text", ["0s", "soon", "-5m", "60"])
def test_an_interval_that_is_none_is_refused(place: Installation, text: str) -> None:
    assert place.run("watch", "--every", text).exit_code == 2
