"""Stopping and restarting by hand: at once, for everyone to see, also when files are broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import typer
from installation import NAME

from activation_pipeline.cli.pauses import moment

if TYPE_CHECKING:
    from installation import Installation

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
STOP = ("--by", "a test", "--reason", "wrong bands")
AGAIN = ("--as", "cs_director", "--by", "a test", "--reason", "bands checked")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("4h", NOW + timedelta(hours=4)),
        ("2d", NOW + timedelta(days=2)),
        ("2026-11-20T12:00Z", NOW + timedelta(hours=3)),
        ("2026-11-20T12:00+02:00", NOW + timedelta(hours=1)),
    ],
)
def test_the_end_of_a_pause_is_a_duration_or_a_moment(written: str, expected: datetime) -> None:
    assert moment(written, now=NOW) == expected


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("2026-11-20T12:00", "write 2026-11-20T12:00Z"),
        ("2026-11-20T08:00Z", "not in the future"),
        ("2026-11-20T09:00Z", "not in the future"),
        ("tomorrow", "is no time"),
        ("0h", "is no time"),
    ],
)
def test_an_end_that_is_in_doubt_is_refused(written: str, hint: str) -> None:
    with pytest.raises(typer.BadParameter, match=hint):
        moment(written, now=NOW)


def test_a_paused_contract_sends_nothing_until_it_is_resumed(place: Installation) -> None:
    place.launched()
    assert place.run("pause", NAME, *STOP, "--until", "4h").exit_code == 0
    refused = place.run("sync", NAME)
    assert refused.exit_code == 3
    assert place.writes() == 0
    shown = place.run("status", NAME).stdout
    assert "wrong bands" in shown
    assert "cs_director may restart" in shown
    assert place.run("resume", NAME, *AGAIN).exit_code == 0
    assert place.run("sync", NAME).exit_code == 0


def test_one_destination_is_paused_and_resumed_by_itself(place: Installation) -> None:
    place.run("pause", NAME, *STOP, "--destination", "salesforce")
    left = place.run("resume", NAME, *AGAIN)
    assert "was not paused" in left.stdout
    assert "still paused (salesforce)" in left.stdout
    done = place.report("resume", NAME, *AGAIN, "--destination", "salesforce")
    assert done == {"contract": NAME, "pauses": [], "resumed": True}


def test_a_contract_whose_file_is_broken_can_be_paused(place: Installation) -> None:
    place.write(text="version: [")
    assert place.run("pause", NAME, *STOP).exit_code == 0
    assert place.run("pause", "nobody_knows_it", *STOP).exit_code == 1


def test_only_the_role_that_the_contract_names_may_resume(place: Installation) -> None:
    place.launched()
    place.run("pause", NAME, *STOP)
    refused = place.run("resume", NAME, "--as", "cs_ops", *AGAIN[2:])
    assert refused.exit_code == 3
    assert "cs_ops may not restart it, cs_director may" in refused.stderr
    assert place.run("sync", NAME).exit_code == 3
    assert place.writes() == 0


def test_a_pause_with_an_end_shortens_no_other(place: Installation) -> None:
    place.run("pause", NAME, *STOP)
    stopped = place.report("pause", NAME, *STOP, "--until", "1h")
    assert [each["until"] is None for each in stopped["pauses"]] == [True, False]
