"""Which values every destination keeps as they are, and which it holds back."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    "text",
    ["=cmd()", "\u202eabc\u202c", "naïve 名前 🙂", 'a"b\\c', "a;b", "x" * 80, "O'Brien", "#N/A"],
)
def test_hostile_text_arrives_unchanged(case: Any, text: str) -> None:
    assert case.client.send(case.target, [case.record(0, {case.text: text})]).faults == ()
    assert case.values(0)[case.text] == text


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "half \ud800 a pair", "x" * 1_048_576])
def test_text_that_would_be_altered_is_held_back(case: Any, text: str) -> None:
    """Empty text would clear a field that the contract says to preserve."""
    good = case.record(1, {case.band: "hot"})
    outcome = case.client.send(case.target, [case.record(0, {case.text: text}), good])
    (found,) = outcome.faults
    assert (found.key, found.state, found.code, found.field) == (
        "k0",
        "rejected",
        "not_exact",
        case.text,
    )
    assert case.values(1)[case.band] == "hot"


@pytest.mark.parametrize(
    "value", [2**53 + 1, -(2**53) - 1, float("nan"), float("inf"), True, "seven"]
)
def test_numbers_that_would_be_altered_are_held_back(case: Any, value: Any) -> None:
    name = list(case.target.fields)[3]
    (found,) = case.client.send(case.target, [case.record(0, {name: value})]).faults
    assert (found.state, found.code, found.field) == ("rejected", "not_exact", name)
    assert case.box.writes(case.kind) == []


@pytest.mark.parametrize("value", [0, -7, 12.5, 9_007_199_254_740, 1e3])
def test_numbers_come_back_as_they_were(case: Any, value: float) -> None:
    name = list(case.target.fields)[3]
    assert case.client.send(case.target, [case.record(0, {name: value})]).faults == ()
    assert case.live(0, fields=[name])[0].values[name] == value


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2026-11-21T06:00:00Z", "2026-11-21T06:00:00.000Z"),
        ("2026-11-21 08:00:00.250+02:00", "2026-11-21T06:00:00.250Z"),
        ("2026-11-21T06:00:00", "2026-11-21T06:00:00.000Z"),
    ],
)
def test_times_come_back_in_one_form(case: Any, sent: str, read: str) -> None:
    name = list(case.target.fields)[2]
    assert case.client.send(case.target, [case.record(0, {name: sent})]).faults == ()
    assert case.live(0, fields=[name])[0].values[name] == read
    assert case.client.as_read(case.target, {name: sent}) == {name: read}


@pytest.mark.parametrize("sent", ["2026-11-21T06:00:00.123456Z", "10000-01-01T00:00:00Z", "soon"])
def test_times_that_would_be_altered_are_held_back(case: Any, sent: str) -> None:
    name = list(case.target.fields)[2]
    (found,) = case.client.send(case.target, [case.record(0, {name: sent})]).faults
    assert (found.state, found.code) == ("rejected", "not_exact")
