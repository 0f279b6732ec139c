"""Limits shown in a launch review, pauses that follow from them, and the first review's word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from installation import NAME, body

from activation_pipeline.ledger import Ledger

if TYPE_CHECKING:
    from installation import Installation

LIMITS = {"drift_above": 0.1, "failed_runs": 2, "first_review_missed": "3d"}
WORD = ("--as", "cs_director", "--by", "demo_cs_director", "--reason", "20 samples are right")


def ruled(place: Installation) -> None:
    place.write(monitoring=body()["monitoring"] | {"pause_when": LIMITS})


def drifts(place: Installation) -> None:
    """Somebody read the records back, and half of them are not as delivered."""
    ledger = Ledger(f"sqlite:///{place.folder / 'home' / 'ledger.sqlite'}")
    counts = {"agrees": 3, "differs": 3}
    ledger.record_reconciliation(NAME, "salesforce", "p", counts, now=datetime.now(UTC))
    ledger.close()


def test_a_dry_run_shows_each_limit_with_what_is_left_and_writes_nothing(
    place: Installation,
) -> None:
    ruled(place)
    drifts(place)
    shown = place.run("pause-rules", NAME, "--dry-run").stdout
    assert "broken" in shown
    assert "salesforce: 3 of 6 records are not as delivered: 50%, at most 10%" in shown
    (found,) = place.report("pause-rules", "--dry-run")["contracts"]
    assert [(each["rule"], each["observed"], each["margin"]) for each in found["rules"]] == [
        ("drift_above", 0.5, -0.4),
        ("failed_runs", 0.0, 1.0),
        ("first_review_missed", 0.0, 72.0),
    ]
    assert place.report("status", NAME)["contracts"][0]["pauses"] == []


def test_a_broken_limit_pauses_once_and_says_who_may_restart(place: Installation) -> None:
    ruled(place)
    drifts(place)
    shown = place.run("pause-rules").stdout
    assert "paused by drift_above: salesforce: 3 of 6" in shown
    assert f"activation resume {NAME} --as cs_director" in shown
    (again,) = place.report("pause-rules")["contracts"]
    assert again["paused"] == []
    assert [each["rule"] for each in again["rules"] if each["pauses"]] == ["drift_above"]
    (pause,) = place.report("status", NAME)["contracts"][0]["pauses"]
    assert (pause["by"], pause["until"]) == ("activation", None)


def test_a_malformed_contract_keeps_no_other_from_being_judged(place: Installation) -> None:
    ruled(place)
    place.write("a_broken_one", text="version: [")
    done = place.run("pause-rules")
    assert done.exit_code == 1
    assert "a_broken_one.yaml" in done.stderr
    assert f"{NAME}: pause rules" in done.stdout


def test_the_first_review_is_recorded_in_the_workflow_owners_name(place: Installation) -> None:
    assert place.run("reviewed", NAME, *WORD).exit_code == 3
    plan = place.launched()
    place.run("sync", NAME)
    refused = place.run("reviewed", NAME, "--as", "cs_ops", *WORD[2:])
    assert (refused.exit_code, "cs_director does" in refused.stderr) == (3, True)
    done = place.report("reviewed", NAME, *WORD)
    assert (done["review"]["gate"], done["review"]["plan"]) == ("first_review", plan)
    assert f"held by cs_director, on plan {plan}" in place.run("reviewed", NAME, *WORD).stdout
