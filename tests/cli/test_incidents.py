"""At three in the morning: undo what was delivered, or keep it as it is, and know what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from installation import NAME, record_id

if TYPE_CHECKING:
    from installation import Installation

WORD = ("--by", "demo_on_call", "--reason", "wrong bands", "--class", "freshness")


def edit(place: Installation, key: str, value: str) -> None:
    """Change a band by hand."""
    asked = {"vendor": "salesforce", "object": "Account", "id": record_id(key)}
    answer = requests.post(
        f"{place.vendor}/_sandbox/edit",
        json={**asked, "field": "Churn_Risk_Band__c", "value": value},
        timeout=10,
    )
    answer.raise_for_status()


def delivered(place: Installation) -> None:
    place.launched()
    assert place.run("sync", NAME).exit_code == 0


def test_a_dry_run_says_what_would_happen_and_writes_nothing(place: Installation) -> None:
    delivered(place)
    writes = place.writes()
    found = place.run("rollback", NAME, *WORD, "--dry-run")
    assert found.exit_code == 0
    assert "would be undone: 6 cleared" in found.stdout
    assert "next:" not in found.stdout
    assert place.writes() == writes
    assert "paused" not in place.run("status", NAME).stdout


def test_an_undo_is_told_with_masked_keys_and_with_what_is_next(place: Installation) -> None:
    delivered(place)
    edit(place, "A-2", "medium")
    done = place.run("rollback", NAME, *WORD)
    assert done.exit_code == 0
    assert "undone: 5 cleared; left alone: 1 changed_since" in done.stdout
    assert "changed_since: …2" in done.stdout
    assert "A-2" not in done.stdout
    assert "medium" not in done.stdout
    assert f"activation resume {NAME} --as cs_director --by WHO" in done.stdout
    assert f"activation export {NAME}" in done.stdout
    shown = place.run("status", NAME).stdout
    assert "wrong bands" in shown
    assert "undone" in shown
    assert place.run("sync", NAME).exit_code == 3
    again = place.run("rollback", NAME, *WORD)
    assert (again.exit_code, "nothing of ours is left" in again.stdout) == (0, True)


def test_one_record_tells_what_stood_what_we_wrote_and_what_came_back(place: Installation) -> None:
    delivered(place)
    edit(place, "A-2", "medium")
    place.run("rollback", NAME, *WORD)
    path = place.run("explain", NAME, "A-1").stdout
    assert "low -> -" in path
    assert "demo_on_call" in path
    assert "changed_since:Churn_Risk_Band__c" in place.run("explain", NAME, "A-2").stdout


def test_the_json_report_says_all_of_it(place: Installation) -> None:
    delivered(place)
    report = place.report("rollback", NAME, *WORD)
    (found,) = report["destinations"]
    assert found["undone"] == {"cleared": 6}
    assert found["left_alone"] == {}
    assert found["sent"][0]["accepted"] == 6
    assert (report["exit_code"], found["restoring"] is None) == (0, False)
    assert place.report("status", NAME)["contracts"][0]["incident"]["action"] == "rollback"


def test_an_undo_needs_its_class_and_a_destination_that_is_there(place: Installation) -> None:
    assert place.run("rollback", NAME, "--by", "x", "--reason", "y").exit_code == 2
    assert place.run("rollback", NAME, *WORD[:-1], "bad luck").exit_code == 2
    assert place.run("rollback", NAME, *WORD, "--destination", "nowhere").exit_code == 2
    refused = place.run("rollback", NAME, *WORD, "--plan", "0" * 16)
    assert refused.exit_code == 3
    assert "there is no plan" in refused.stderr
    untouched = place.run("rollback", NAME, *WORD)
    assert (untouched.exit_code, "nothing was ever delivered" in untouched.stdout) == (0, True)


def test_a_freeze_stops_everything_until_a_resume(place: Installation) -> None:
    delivered(place)
    writes = place.writes()
    found = place.run("freeze", NAME, *WORD)
    assert found.exit_code == 0
    assert "frozen (freshness)" in found.stdout
    assert "ours there: salesforce 6" in found.stdout
    place.sql("update mart set band = 'high'")
    place.launched()
    assert place.run("sync", NAME).exit_code == 3
    assert place.writes() == writes
    assert "frozen" in place.run("status", NAME).stdout
    assert place.report("freeze", NAME, *WORD)["action"] == "freeze"
    assert place.run("freeze", NAME, *WORD, "--destination", "nowhere").exit_code == 2


def disturbed(place: Installation, kind: str, **options: object) -> None:
    asked = {"vendor": "salesforce", "kind": kind, **options}
    url = f"{place.vendor}/_sandbox/faults"
    requests.post(url, json=asked, timeout=10).raise_for_status()


def test_a_destination_that_refuses_us_ends_with_five_and_the_next_undo_goes_on(
    place: Installation,
) -> None:
    delivered(place)
    secret = place.environment["SALESFORCE_CLIENT_SECRET"]
    place.environment["SALESFORCE_CLIENT_SECRET"] = "another"  # noqa: S105 - it is wrong
    failed = place.run("rollback", NAME, *WORD)
    assert failed.exit_code == 5
    assert "salesforce" in failed.stderr
    report = place.report("rollback", NAME, *WORD)
    assert (report["exit_code"], report["destinations"][0]["error"]["kind"]) == (5, "permanent")
    place.environment["SALESFORCE_CLIENT_SECRET"] = secret
    assert place.run("rollback", NAME, *WORD).exit_code == 0


def test_a_record_that_is_refused_ends_with_four(place: Installation) -> None:
    delivered(place)
    disturbed(place, "refuse_records", path_regex="composite/sobjects")
    done = place.run("rollback", NAME, *WORD)
    assert done.exit_code == 4, done.stdout
    assert "1 did not arrive" in done.stdout
    assert place.run("rollback", NAME, *WORD).exit_code == 0


def test_a_field_that_became_read_only_is_left_to_a_person(place: Installation) -> None:
    delivered(place)
    disturbed(place, "field_read_only", object="Account", field="Churn_Risk_Band__c")
    left = place.run("rollback", NAME, *WORD)
    assert left.exit_code == 4, left.stdout
    assert "left alone: 6 cannot_restore" in left.stdout
