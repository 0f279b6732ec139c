"""What a review says of a contract in words: limits, caveats, matches, open questions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from company import audience_dict, contract_dict

from activation_pipeline.contract import Contract
from activation_pipeline.review.agenda import answers, mapping
from activation_pipeline.review.document import Fall, Flow, Waterfall
from activation_pipeline.review.questions import questions
from activation_pipeline.review.writing import caveats, limits, number, shown


def contract_of(**sections: Any) -> Contract:
    return Contract.model_validate(contract_dict(**sections))


def section(name: str, **changes: Any) -> dict[str, Any]:
    return {name: contract_dict()[name] | changes}


def lines(contract: Contract, question: int, *, counted: bool = True) -> str:
    return " ".join(answers(contract, counted=counted)[question - 1].lines)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"at_most": 1500}, "at most 1,500 records"),
        ({"share": 0.05}, "5% of the eligible records"),
        ({"fields": ["Band__c"]}, "only Band__c"),
        ({"alert_only": True}, "nothing is sent, changes are only reported"),
    ],
)
def test_a_caveat_is_told_in_words(given: dict[str, Any], told: str) -> None:
    launch = {"decision": "launch_with_caveats", "caveats": given}
    assert caveats(contract_of(launch=launch)) == told
    assert not caveats(contract_of())


def test_a_field_that_a_caveat_keeps_back_is_marked() -> None:
    crm = contract_dict()["destinations"]["crm"]
    fields = {"Band__c": {"from": "band"}, "Other__c": {"from": "band"}}
    launch = {"decision": "launch_with_caveats", "caveats": {"fields": ["Band__c"]}}
    made = mapping(contract_of(destinations={"crm": crm | {"fields": fields}}, launch=launch))
    assert [(each.field, each.sent) for each in made[0].columns] == [
        ("Band__c", True),
        ("Other__c", False),
    ]


def test_limits_are_told_with_their_units() -> None:
    given = {"rejected_above": 0.02, "failed_runs": 2, "overdue": timedelta(hours=6)}
    assert limits(given) == "rejected above 2%, failed runs 2, overdue 6h"
    assert [number(value) for value in (None, 0.98, 3, 1234567.0)] == [
        "-", "0.98", "3", "1.23457e+06",
    ]  # fmt: skip


def test_a_moment_is_told_in_utc_and_a_number_without_noise() -> None:
    zoned = datetime(2026, 11, 20, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    assert shown(zoned) == shown(datetime(2026, 11, 20, 10, 30, tzinfo=UTC)) == "2026-11-20 10:30"
    assert [shown(value) for value in (0.1 + 0.2, True, 7)] == ["0.3", "True", "7"]


def test_a_match_says_what_becomes_of_the_unsure_and_of_shared_addresses() -> None:
    assert "ambiguous matches are left out." in lines(contract_of(), 2)
    waits = section("matching", ambiguous="review")
    assert "ambiguous matches wait for a person." in lines(contract_of(**waits), 2)
    for choice, told in (("exclude", "so are addresses such as info@"), ("allow", "info@ may go")):
        matching = audience_dict()["matching"] | {"role_based_email": choice}
        contract = Contract.model_validate(audience_dict(matching=matching))
        assert told in lines(contract, 2)


def test_the_holdout_is_told_and_its_absence_asked_about() -> None:
    suppression = contract_dict()["suppression"] | {"holdout": {"share": 0.05, "name": "h"}}
    held = contract_of(suppression=suppression)
    assert "Held out everywhere, to compare with: 5% (h)." in lines(held, 4)
    asked = [each.text for each in questions(contract_of(), None)]
    assert any("Nobody is held out" in text for text in asked)
    assert not any("Nobody is held out" in each.text for each in questions(held, None))


def test_lists_are_named_where_no_waterfall_counts_them() -> None:
    assert "suppress_a (cs_ops)" in lines(contract_of(), 4, counted=False)
    assert "suppress_a" not in lines(contract_of(), 4)


def test_overwriting_what_people_edit_is_asked_about() -> None:
    crm = contract_dict()["destinations"]["crm"]
    edited = contract_of(destinations={"crm": crm | {"edited_by": "CSMs, after a call"}})
    asked = {each.role: each.text for each in questions(edited, None)}
    assert asked["salesforce_admin"].startswith("crm: does anybody edit Band__c?")
    assert "salesforce_admin" not in {each.role for each in questions(contract_of(), None)}


def test_a_contract_that_answers_everything_leaves_nothing_open() -> None:
    sound = contract_of(
        **section("workflow", caught_by=["freshness"]),
        suppression=contract_dict()["suppression"] | {"holdout": {"share": 0.05, "name": "h"}},
        gates=[{"sample_review": {"records": 20, "by": "cs_ops"}}],
    )
    assert questions(sound, Waterfall((), (Flow("crm", {"add": 3}, {}),))) == ()


def test_who_is_unsure_waits_or_is_held_back_is_asked_about() -> None:
    falls = (
        Fall("out", "ambiguous", "ambiguous:crm", 1, 9, 1, "analytics_engineering"),
        Fall("out", "colliding", "colliding:crm", 2, 7, 2, "analytics_engineering"),
        Fall("out", "review", "review_a", 1, 6, 1, "sales_ops"),
        Fall("out", "review", "review_b", 0, 6, 0, "sales_ops"),
    )
    found = questions(contract_of(), Waterfall(falls, (Flow("crm", {"held back: caveat": 4}, {}),)))
    texts = [f"{each.role}: {each.text}" for each in found[-3:]]
    assert texts[0] == "sales_ops: 1 waits for a person (review_a): in or out?"
    assert texts[1].startswith("analytics_engineering: Ambiguous or colliding: 3.")
    assert texts[2].startswith("cs_director: crm: 4 eligible held back by the caveat")
