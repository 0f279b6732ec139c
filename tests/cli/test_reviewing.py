"""``activation review``: the pack for the launch review, in the form that was asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from installation import NAME, body

if TYPE_CHECKING:
    from pathlib import Path

    from installation import Installation

HIDDEN = "a secret reason"


@pytest.fixture
def planned(place: Installation) -> Installation:
    """A plan of six, one of which a list holds back."""
    place.sql(f"insert into suppress_a values ('A-2', '{HIDDEN}', null)")
    assert place.run("plan", NAME).exit_code == 0
    return place


def test_the_review_is_the_same_when_shown_again_and_hides_values(planned: Installation) -> None:
    first = planned.run("review", NAME).stdout
    assert planned.run("review", NAME).stdout == first
    assert "| A-2 | out | suppressed: suppress_a | set |" in first
    assert HIDDEN not in first
    assert len(first.splitlines()) < 130  # two pages
    for number in range(1, 7):
        assert f"## {number}. " in first
    assert "a signed renewal" in first
    asked = planned.run("review", NAME, "--show-values").stdout
    assert f"({HIDDEN}) | low |" in asked
    assert "personal data" in asked


@pytest.mark.parametrize("options", [(), ("--show-values",)])
def test_the_page_is_a_file_of_its_owner_alone(
    planned: Installation, tmp_path: Path, options: tuple[str, ...]
) -> None:
    page = tmp_path / "review.html"
    page.write_text("what was there before", encoding="utf-8")
    page.chmod(0o644)
    said = planned.run("review", NAME, "--html", str(page), *options)
    assert said.exit_code == 0
    assert page.stat().st_mode & 0o777 == 0o600
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert (HIDDEN in text) == ("Personal data." in text) == bool(options)
    assert HIDDEN not in said.stdout
    assert ("values are hidden" in said.stdout) == (not options)
    assert [each.name for each in tmp_path.iterdir() if "review" in each.name] == ["review.html"]


def test_a_page_that_cannot_be_written_is_named(planned: Installation, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "review.html", tmp_path):
        result = planned.run("review", NAME, "--html", str(path))
        assert result.exit_code == 1
        assert "cannot be written" in result.stderr


def test_the_review_works_before_the_first_plan(place: Installation, tmp_path: Path) -> None:
    assert "No plan" in place.run("review", NAME).stdout
    assert place.run("review", NAME, "--html", str(tmp_path / "a.html")).exit_code == 0


def test_an_older_plan_is_reviewed_by_its_id(planned: Installation) -> None:
    older = planned.report("review", NAME)["plan"]
    planned.sql("delete from suppress_a")
    newest = planned.report("plan", NAME)["plan"]
    assert newest != older
    found = planned.report("review", NAME, "--plan", older)
    assert found["plan"] == older
    assert [one["key"] for one in found["sample"] if one["disposition"] != "eligible"] == ["A-2"]
    assert planned.run("review", NAME, "--plan", "of-another").exit_code == 1


def test_the_review_as_json_is_the_whole_pack(planned: Installation) -> None:
    text = planned.run("review", NAME, "--json").stdout
    found = json.loads(text)
    assert HIDDEN not in text
    assert (found["contract"], found["shows_values"]) == (NAME, False)
    assert [len(found[name]) for name in ("answers", "sample", "blanks")] == [6, 6, 1]
    assert {condition["name"] for condition in found["conditions"]} >= {"matching", "lineage"}


def test_the_review_marks_what_travels_beside_the_values(place: Installation) -> None:
    fields = {
        "suggestion": {"from": "band", "on_edit": "overwrite"},
        "reason_code": {"from": "band", "role": "meta", "on_edit": "overwrite"},
    }
    parts = {"kind": "webhook", "object": "next_best_action", "key": "opportunity_id"}
    known = body()["destinations"]["salesforce"]
    store = {**known, **parts, "behavior": "mirror", "fields": fields}
    expiry = body()["freshness"] | {"on_expiry": {"suggestion": "clear"}}
    place.write(destinations={"rep_assistant": store}, freshness=expiry)
    result = place.run("review", NAME)
    assert result.exit_code == 0, result.stderr
    text, where = result.stdout, "| rep_assistant next_best_action |"
    assert f"{where} reason_code (meta) | band |" in text
    assert f"{where} suggestion | band |" in text


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({}, ("the fields that we wrote on it are emptied", "comes back")),
        ({"created": "keep", "members": "keep"}, ("on it keep their values", "added stays")),
    ],
)
def test_the_review_says_what_an_undo_would_do(
    place: Installation, rules: dict[str, str], told: tuple[str, str]
) -> None:
    place.write(monitoring=body()["monitoring"] | {"rollback": rules})
    text = place.run("review", NAME).stdout
    undo = next(line for line in text.splitlines() if line.startswith("- An undo of "))
    assert all(words in undo for words in told)


def test_the_review_names_what_would_catch_an_embarrassment(place: Installation) -> None:
    assert "Name it in workflow.caught" in place.run("review", NAME).stdout
    place.write(workflow=body()["workflow"] | {"caught_by": ["freshness", "suppress_a"]})
    text = place.run("review", NAME).stdout
    assert "It would be caught by freshness, suppress_a." in text
    assert "Name it in workflow.caught" not in text
