"""Single values: what goes out, what comes back, and what is refused on the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation_pipeline.destinations._codecs import FieldRule, decoder, encoder
from activation_pipeline.destinations._masking import masked
from activation_pipeline.destinations._values import NotExactError, plain_number

TEXT = FieldRule("text", longest=10)
AS_TEXT = FieldRule("text", as_text=True)
NUMBER = FieldRule("number", digits=6, scale=2)


@pytest.mark.parametrize(
    ("rule", "value", "wire"),
    [
        (TEXT, "abc", "abc"), (TEXT, None, None), (AS_TEXT, None, ""), (TEXT, 5, "5"),
        (TEXT, True, "true"), (TEXT, 0, "0"), (TEXT, False, "false"), (TEXT, "a\nb\t", "a\nb\t"),
        (AS_TEXT, 1e22, "10000000000000000000000"), (AS_TEXT, 1.5e-7, "0.00000015"),
        (NUMBER, 1234.5, 1234.5), (NUMBER, -9999, -9999), (NUMBER, None, None),
        (FieldRule("number", as_text=True), 5.0, "5"), (FieldRule("number", as_text=True), 0, "0"),
        (FieldRule("bool", as_text=True), False, "false"), (FieldRule("bool"), True, True),
        (FieldRule("bool", as_text=True), None, ""),
        (FieldRule("date"), "2026-11-21", "2026-11-21"),
        (FieldRule("date"), "2026-11-21T00:00:00Z", "2026-11-21"), (FieldRule("date"), None, None),
        (FieldRule("datetime"), "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        (FieldRule("datetime"), "2026-11-21T06:00:00.120000Z", "2026-11-21T06:00:00.120Z"),
    ],
)  # fmt: skip
def test_a_value_goes_out_in_one_form(rule: FieldRule, value: Any, wire: Any) -> None:
    encode = encoder(rule)
    assert encode(value) == wire
    assert encode(value) == wire  # also when it is remembered
    assert type(encode(value)) is type(wire)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (TEXT, "x" * 11), (TEXT, ""), (TEXT, "\u00a0"), (TEXT, "\n"), (TEXT, "\udc00"),
        (TEXT, float("nan")), (TEXT, 1 << 300), (NUMBER, 10_000), (NUMBER, 1.001), (NUMBER, "1"),
        (NUMBER, True), (NUMBER, float("-inf")), (FieldRule("number"), 2**53 + 1),
        (FieldRule("bool"), 1), (FieldRule("bool"), "true"), (FieldRule("date"), "2026-02-30"),
        (FieldRule("date"), "2026-11-21T06:00:00Z"), (FieldRule("date"), 20261121),
        (FieldRule("date", years=(1700, 4000)), "1699-12-31"), (FieldRule("datetime"), "now"),
        (FieldRule("datetime", years=(1700, 4000)), "4001-01-01T00:00:00Z"),
        (FieldRule("datetime"), "2026-11-21T06:00:00.0001Z"), (FieldRule("datetime"), 1.0),
        (FieldRule("datetime"), "9999-12-31T23:59:59-05:00"),
    ],
)  # fmt: skip
def test_what_would_be_altered_is_refused_without_showing_it(rule: FieldRule, value: Any) -> None:
    with pytest.raises(NotExactError) as error:
        encoder(rule)(value)
    assert str(value) not in str(error.value) or len(str(value)) < 5


@pytest.mark.parametrize(
    ("rule", "wire", "value"),
    [
        (AS_TEXT, "", None), (TEXT, None, None), (FieldRule("number"), "7", 7),
        (FieldRule("number"), "-7.25", -7.25), (FieldRule("number"), 7.0, 7),
        (FieldRule("number"), "many", "many"), (FieldRule("bool"), "true", True),
        (FieldRule("bool"), "maybe", "maybe"), (FieldRule("date"), "1795219200000", "2026-11-21"),
        (FieldRule("date"), "soon", "soon"), (FieldRule("datetime"), "soon", "soon"),
        (FieldRule("datetime"), "2026-11-21T06:00:00.000+0000", "2026-11-21T06:00:00.000Z"),
        (FieldRule("datetime"), "1795240800000", "2026-11-21T06:00:00.000Z"),
    ],
)  # fmt: skip
def test_an_answer_is_read_into_one_form(rule: FieldRule, wire: Any, value: Any) -> None:
    assert decoder(rule)(wire) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_plainly_is_the_same_number(value: float) -> None:
    text = plain_number(value)
    assert float(text) == value
    assert "e" not in text.lower()


@given(st.text())
def test_text_leaves_unchanged_or_not_at_all(value: str) -> None:
    try:
        assert encoder(FieldRule("text"))(value) == value
    except NotExactError:
        assert not value.strip() or "\0" in value or not value.isascii()


@given(st.datetimes())
def test_a_time_survives_the_way_there_and_back(value: Any) -> None:
    whole = value.replace(microsecond=value.microsecond // 1000 * 1000)
    rule = FieldRule("datetime")
    wire = encoder(rule)(whole.isoformat())
    assert decoder(rule)(wire) == wire
    assert str(wire).startswith(whole.isoformat(timespec="milliseconds"))


@pytest.mark.parametrize(
    "message",
    ["value dana@example.com is bad", 'value "private" is bad', "value [private, x] is bad",
     "value 'private' is bad", f"value {'x' * 40} is bad", "value PRIVATE is bad"],
)  # fmt: skip
def test_a_message_shows_no_value(message: str) -> None:
    assert masked(message, ["private", None, ""]) == "value *** is bad"
