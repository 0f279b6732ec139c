"""What a person sees when something broke: a sender that died, a destination that said no."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from installation import NAME

from activation_pipeline.ledger import Ledger

if TYPE_CHECKING:
    from installation import Installation


def _cut_off(place: Installation, plan: str) -> None:
    """Note what a sender notes before its first batch, and nothing after it."""
    ledger = Ledger(f"sqlite:///{place.folder / 'home' / 'ledger.sqlite'}")
    now = datetime.now(UTC)
    attempt = ledger.deliveries.begin(
        plan,
        contract=NAME,
        destination="salesforce",
        batch_size=4,
        holder=f"{socket.gethostname()}:1:1",  # no process of this machine began then
        now=now,
        is_gone=lambda _holder, _at: True,
    )
    ledger.deliveries.intend(attempt, ranges=[(0, 4)], now=now, ended=(), check=lambda _: None)
    ledger.close()


def test_records_without_an_answer_are_told_as_unknown(place: Installation) -> None:
    _cut_off(place, place.launched())
    sent = place.report("status", NAME)["contracts"][0]["destinations"]["salesforce"]
    assert sent["last_delivery"]["outcome"] == "interrupted"
    assert "interrupted" in place.run("status", NAME).stdout
    there = place.report("explain", NAME, "A-1")["destinations"]["salesforce"]
    assert there["changes"][0]["state"] == "unknown"
    later = place.report("explain", NAME, "A-6")["destinations"]["salesforce"]
    assert later["changes"][0]["state"] == "waiting"
    tables = place.report("export", NAME, "--to", str(place.folder / "out"))["tables"]
    assert tables["not_accepted_salesforce"]["rows"] == 4


def test_a_plan_that_could_not_be_made_is_told_everywhere(place: Installation) -> None:
    right = dict(place.environment)
    place.environment |= {"SALESFORCE_CLIENT_SECRET": "not-the-secret"}
    assert place.run("plan", NAME).exit_code == 5
    place.environment = right
    assert place.run("sync", NAME).exit_code == 3
    assert "could not be made" in place.run("status", NAME).stdout
    assert "no plan could be made" in place.run("explain", NAME, "A-1").stdout
    assert "No plan" in place.run("review", NAME).stdout
    steps = place.report("status", NAME)["contracts"][0]["next"]
    assert steps[-1]["command"] == f"activation plan {NAME}"


def test_a_contract_that_changed_asks_for_a_new_plan(place: Installation) -> None:
    place.launched()
    place.write(version=2)
    assert place.run("sync", NAME).exit_code == 3
    steps = place.report("status", NAME)["contracts"][0]["next"]
    assert "changed since this plan" in steps[0]["what"]


def test_stale_data_is_mended_and_not_signed(place: Installation) -> None:
    place.sql("update mart set scored_at = scored_at - interval 3 days")
    place.run("approve", NAME, "--as", "cs_director", "--by", "x")
    report = place.report("plan", NAME)
    assert report["decision"] == "pause"
    mended = [step for step in report["next"] if "freshness" in step["what"]]
    assert mended[0]["command"] is None
    assert mended[0]["role"] == "analytics_engineering"
    text = place.run("plan", NAME).stdout
    assert "STOPS" in text
    assert "mend freshness, nobody may sign it" in text


@pytest.mark.parametrize(
    ("launch", "state"),
    [({"decision": "launch_with_caveats", "caveats": {"alert_only": True}}, "alert only")],
)
def test_alert_only_sends_nothing_and_says_so(
    place: Installation, launch: dict[str, object], state: str
) -> None:
    place.write(launch=launch)
    place.launched()
    sent = place.report("sync", NAME)
    assert sent["destinations"][0]["outcome"] == "alert_only"
    assert place.writes() == 0
    there = place.report("explain", NAME, "A-1")["destinations"]["salesforce"]
    assert there["changes"][0]["state"] == state


def test_a_launch_that_is_paused_in_the_file_says_where(place: Installation) -> None:
    place.write(launch={"decision": "pause"})
    steps = place.report("plan", NAME)["next"]
    assert any("launch.decision of the contract is pause" in step["what"] for step in steps)
