"""``activation verify``: sound, tampered with, and an end that only a kept head gives away."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from installation import NAME

if TYPE_CHECKING:
    from installation import Installation

REASON = "bands of the old model"


def paused(place: Installation) -> str:
    """Say two words; give the chain's head."""
    for reason in (REASON, "once more"):
        done = place.run("pause", NAME, "--by", "dana@example.com", "--reason", reason)
        assert done.exit_code == 0, done.output
    head: str = place.report("verify")["head"]
    return head


def tampered(place: Installation, *statements: str) -> None:
    connection = sqlite3.connect(place.folder / "home" / "ledger.sqlite")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_ledger_that_nobody_touched_is_sound_and_its_head_can_be_kept(
    place: Installation,
) -> None:
    head = paused(place)
    result = place.run("verify", "--head", head.upper())
    assert result.exit_code == 0, result.output
    assert "pauses 2" in result.stdout
    assert "the kept head is on the chain" in result.stdout
    assert f"head: {head}" in result.stdout


def test_a_changed_word_ends_with_three_and_is_named_without_its_content(
    place: Installation,
) -> None:
    paused(place)
    tampered(place, "update pauses set reason = 'nothing' where id = 1")
    result = place.run("verify")
    assert result.exit_code == 3
    assert "first: pauses 1 of " in result.stdout
    assert "docs/runbook.md#ledger" in result.stdout
    assert REASON not in result.output
    assert "dana" not in result.output
    document = json.loads(place.run("verify", "--json").stdout)
    assert document["sound"] is False
    assert document["intact"]["pauses"] == 1
    (finding,) = document["findings"]
    assert (finding["fault"], finding["kind"], finding["id"]) == ("changed", "pauses", 1)


def test_a_cut_off_end_needs_a_kept_head(place: Installation) -> None:
    head = paused(place)
    tampered(
        place,
        "delete from pauses where id = 2",
        "delete from chain where kind = 'pauses' and word = 2",
    )
    assert place.run("verify").exit_code == 0
    result = place.run("verify", "--head", head)
    assert result.exit_code == 3
    assert f"the kept head {head} is not on the chain" in result.stdout


def test_what_is_no_head_is_wrong_usage(place: Installation) -> None:
    assert place.run("verify", "--head", "4f0c").exit_code == 2
