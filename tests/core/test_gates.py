"""Every gate at its limit, one step beyond it, and with nothing to judge by."""

from __future__ import annotations

import pytest
from gate_cases import FRESHNESS, LISTS, SOURCE, Case
from gate_cases_of_people import PEOPLE, VOLUME
from sound_evidence import evidence

from activation_pipeline.gates import GATES
from activation_pipeline.judgement import check_params
from activation_pipeline.verdict import percent

CASES = (*FRESHNESS, *SOURCE, *LISTS, *VOLUME, *PEOPLE)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_gate_passes_at_its_limit_and_blocks_beyond_it_or_without_data(case: Case) -> None:
    found = GATES[case.gate].judge(case.evidence, **case.params)
    assert (found.passed, case.says in found.message) == (case.passes, True), found.message


@pytest.mark.parametrize("name", GATES)
def test_every_gate_has_rows_in_the_table_that_pass_and_that_block(name: str) -> None:
    assert {case.passes for case in CASES if case.gate == name} == {True, False}


@pytest.mark.parametrize("name", GATES)
def test_a_gate_is_described_by_the_first_line_of_its_docstring(name: str) -> None:
    gate = GATES[name]
    assert gate.judge.__doc__ is not None
    assert gate.description == gate.judge.__doc__.splitlines()[0]
    assert gate.description.endswith(".")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_failing_gate_never_shows_the_same_number_as_its_limit(case: Case) -> None:
    """A reader who sees "98%, at least 98%: failed" stops believing the gates."""
    found = GATES[case.gate].judge(case.evidence, **case.params)
    number, between, limit = found.message.partition("%, at ")
    if not found.passed and between:
        assert number.split()[-1] + "%" != limit.split()[-1]


def test_a_share_is_written_with_as_many_digits_as_it_takes_to_tell_it_from_the_limit() -> None:
    assert percent(1 / 3) == "33.33%"
    assert percent(0.97996, 0.98) == "97.996%"
    assert percent(0.98, 0.98) == "98%"
    assert percent(0.02 + 1e-9, 0.02) == "2.0000001%"
    assert percent(0.98 - 1e-14, 0.98).startswith("97.99999999999")


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"at_least": 98}, ("at_least", "not_a_ratio")),
        ({"at_last": 0.98, "at_least": 0.98}, ("at_last", "unknown_parameter")),
        ({}, ("at_least", "missing_parameter")),
    ],
)
def test_limits_that_a_gate_does_not_take_are_named(
    params: dict[str, object], problem: tuple[str, str]
) -> None:
    assert [found[:2] for found in check_params("match_rate", params)] == [problem]


def test_a_gate_without_limits_says_that_it_takes_none() -> None:
    assert check_params("freshness", {"at_most": 1}) == [
        ("at_most", "unknown_parameter", "unknown limit; freshness takes none")
    ]


def test_every_gate_passes_on_the_evidence_that_the_table_starts_from() -> None:
    """Else a row that blocks could block for another reason than the one it names."""
    sound = evidence()
    params = {case.gate: case.params for case in CASES if case.passes}
    blocked = {
        name: found.message
        for name, gate in GATES.items()
        if not (found := gate.judge(sound, **params[name])).passed
    }
    assert blocked == {}
