"""``activation validate``: every problem at once, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from installation import NAME

if TYPE_CHECKING:
    from installation import Installation


def test_a_valid_folder_says_so(place: Installation) -> None:
    result = place.run("validate")
    assert result.exit_code == 0
    assert "1 of 1 contracts valid, 0 errors" in result.stdout


def test_every_problem_is_told_with_its_place_and_code(place: Installation) -> None:
    path = place.write(launch={"decision": "lanch"}, gates=[{"match_rate": {"at_least": 98}}])
    text = place.run("validate")
    assert text.exit_code == 1
    assert f"{path.relative_to(place.folder)}:" in text.stdout
    report = place.report("validate")
    problems = report["files"][0]["problems"]
    assert {"line", "column", "path", "code", "message", "severity"} < set(problems[0])
    assert {problem["path"] for problem in problems} >= {"launch.decision"}
    assert report["errors"] == len(problems) > 1


def test_a_file_can_be_checked_without_an_installation(place: Installation) -> None:
    path = place.write()
    for name in place.environment:
        place.environment[name] = ""
    result = place.run("validate", str(path))
    assert result.exit_code == 0
    assert "no dbt manifest" in result.stderr
    assert place.run("validate").exit_code == 1


def test_two_owners_of_one_field_are_found_for_a_named_file_too(place: Installation) -> None:
    path = place.write("renewal_risk_again")
    result = place.run("validate", str(path))
    assert result.exit_code == 1
    assert NAME in result.stdout


def test_a_broken_manifest_is_named(place: Installation) -> None:
    (place.folder / "dbt" / "target" / "manifest.json").write_text("{", encoding="utf-8")
    result = place.run("validate")
    assert result.exit_code == 1
    assert "not a dbt manifest" in result.stderr


def test_an_empty_or_missing_folder_is_no_success(place: Installation) -> None:
    (place.folder / "contracts" / f"{NAME}.yaml").unlink()
    assert place.run("validate").exit_code == 1
    place.environment["ACTIVATION_CONTRACTS"] = str(place.folder / "nowhere")
    result = place.run("validate", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["exit_code"] == 1
