"""The file of a bulk job says what was meant, and a result file that was cut is not believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation_pipeline.destinations import BatchOutcome, OutgoingRecord
from activation_pipeline.destinations._batch import Ready
from activation_pipeline.destinations._salesforce_csv import csv_of, fits, rows_of
from activation_pipeline.destinations._salesforce_results import Results, account


def row(key: str, **wire: Any) -> tuple[str, Ready]:
    return key, Ready(OutgoingRecord(f"k-{key}", "", key, "update", {}), wire)


def test_a_field_that_nobody_writes_has_no_column_and_one_that_somebody_does_is_empty() -> None:
    rows = [row("1", a="x", b=None), row("2", c=True), row("3", a=1.5, c=False), row("4", b=7)]
    assert csv_of("Ext__c", rows).decode().split("\n") == [
        "Ext__c,a,b,c",
        "1,x,#N/A,",
        "2,,,true",
        "3,1.5,,false",
        "4,,7,",
        "",
    ]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda text: not text.isspace()
)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_whatever_fits_comes_back_as_it_was(pairs: list[tuple[str, str]]) -> None:
    rows = [one for key, value in pairs if fits(*(one := row(key, a=value)))]
    body = csv_of("Ext__c", rows)
    assert rows_of(body) == [{"Ext__c": key, "a": item.wire["a"]} for key, item in rows]


@pytest.mark.parametrize("text", ["#N/A", "#n/a", "two\rlines", "two\r\nlines"])
def test_a_text_that_the_file_would_change_does_not_fit(text: str) -> None:
    assert not fits(*row("1", a=text))
    assert not fits(*row(text, a="x"))
    assert fits(*row("1", a=f"{text.strip('#')}.".replace("\r", "")))


RESULT = b'"sf__Id","sf__Created","Ext__c"\n"001","true","A-1"\n"002","false","A-12"\n'


@given(st.integers(0, len(RESULT)))
def test_a_file_cut_anywhere_never_tells_another_record(length: int) -> None:
    """Half of A-12 is A-1, and A-1 was perhaps refused."""
    found = {one["Ext__c"]: one["sf__Id"] for one in rows_of(RESULT[:length])}
    assert found.items() <= {"A-1": "001", "A-12": "002"}.items()
    assert (length == len(RESULT)) == (len(found) == 2)


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"<html><body>busy</body></html>\n", b"\xff\xfe\n\xff\n", b'[{"errorCode": 1}]'],
)
def test_what_is_no_result_file_has_no_rows_that_count(body: bytes) -> None:
    files = Results(rows_of(body), rows_of(body), rows_of(body), "over")
    outcome = account([row("A-1")], "Ext__c", files)
    assert [(one.state, one.code) for one in outcome.faults] == [("unknown", "no_results")]


def test_a_row_of_another_width_is_left_out_alone() -> None:
    """Quotes inside an error's text are not always doubled."""
    body = (
        b'"sf__Id","sf__Error","Ext__c"\n'
        b'"","RULE:Formula "A" is wrong, ask:--","A-1"\n'
        b'"","RULE:Formula "B" is wrong:--","A-2"\n'
        b'"","TOO_LONG:x:Name --","A-3"\n'
    )
    assert [one["Ext__c"] for one in rows_of(body)] == ["A-2", "A-3"]


@pytest.mark.parametrize(
    ("error", "code", "field", "message"),
    [
        (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:Band: bad value for picklist: x:Band__c --",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Band__c",
            "the value is not in the restricted picklist",
        ),
        ("SOME_RULE:Ask: RevOps:--", "SOME_RULE", None, "Ask: RevOps"),
        ("SOME_RULE:ask RevOps:A__c B__c --", "SOME_RULE", "A__c", "ask RevOps"),
        ("SOME_RULE", "SOME_RULE", None, "refused without a reason"),
        ("SOME_RULE:no end", "SOME_RULE", None, "no end"),
        ("", "NO_CODE", None, "refused without a reason"),
        ("?!", "NO_CODE", None, "refused without a reason"),
    ],
)
def test_an_error_cell_is_read_as_code_message_and_field(
    error: str, code: str, field: str | None, message: str
) -> None:
    files = Results([], [{"sf__Id": "", "sf__Error": error, "Ext__c": "A-1"}], [], "over")
    (found,) = account([row("A-1")], "Ext__c", files).faults
    assert (found.state, found.code, found.field, found.message) == (
        "rejected",
        code,
        field,
        message,
    )


def test_files_that_contradict_each_other_tell_nothing() -> None:
    done = {"sf__Id": "001", "sf__Created": "true", "Ext__c": "A-1"}
    failed = {"sf__Id": "", "sf__Error": "X:y:--", "Ext__c": "A-1"}
    outcome = account([row("A-1")], "Ext__c", Results([done], [failed], [], "over"))
    assert [(one.state, one.code) for one in outcome.faults] == [("unknown", "no_results")]


cells = st.sampled_from(["A-1", "A-2", "a-1", "", "001", "true", "X:y:--"])
result_rows = st.lists(
    st.dictionaries(st.sampled_from(["sf__Id", "sf__Created", "sf__Error", "Ext__c"]), cells),
    max_size=4,
)


@given(result_rows, result_rows, result_rows)
def test_any_files_account_for_each_record_once(done: Any, failed: Any, left: Any) -> None:
    part = [row("A-1"), row("A-2"), row("A-3")]
    outcome = account(part, "Ext__c", Results(done, failed, left, "over"))
    assert isinstance(outcome, BatchOutcome)
    faulty = [one.key for one in outcome.faults]
    assert len(faulty) == len(set(faulty))
    assert "k-A-3" in faulty
    written = {one.get("Ext__c") for one in done if one.get("sf__Id")}
    assert {"k-A-1", "k-A-2", "k-A-3"} - set(faulty) <= {f"k-{key}" for key in written}
    assert not set(faulty) & set(outcome.created)
