"""Salesforce's bulk jobs: whatever breaks at whichever step, each record is told once and truly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from salesforce_job_cases import (
    CLOSE,
    CREATE,
    LOOK,
    REASON,
    RESULTS,
    THREE,
    TYPE,
    UPLOAD,
    UPSERT,
    fault,
    reasons,
    record,
    states,
    told,
)

from activation_pipeline.destinations import OutgoingRecord
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from destination_cases import Box, Waits

    from activation_pipeline.destinations import salesforce as module

SOON_OVER = ["cut_before", "cut_after", "html_error", "unauthorized"]
NO_ANSWER = [("empty_body", {}), ("truncated_json", {}), ("html_error", {"status": 200})]


@pytest.mark.parametrize("step", [CREATE, UPLOAD, CLOSE, LOOK, RESULTS])
@pytest.mark.parametrize("kind", SOON_OVER)
def test_what_breaks_once_at_any_step_is_made_good(
    jobs: module.Salesforce, box: Box, step: tuple[str, str], kind: str
) -> None:
    fault(box, step, kind)
    outcome = jobs.send(UPSERT, THREE)
    assert (outcome.faults, outcome.created) == ((), ())
    assert reasons(jobs) == ["secret-ish 1", "secret-ish 2", "secret-ish 3"]
    assert states(jobs, box).count("JobComplete") == 1


@pytest.mark.parametrize("step", [CREATE, UPLOAD, CLOSE, LOOK])
@pytest.mark.parametrize(("kind", "options"), NO_ANSWER)
def test_an_answer_that_cannot_be_read_is_asked_again(
    jobs: module.Salesforce,
    box: Box,
    step: tuple[str, str],
    kind: str,
    options: dict[str, Any],
) -> None:
    fault(box, step, kind, **options)
    assert jobs.send(UPSERT, THREE).faults == ()
    assert states(jobs, box).count("JobComplete") == 1


@pytest.mark.parametrize("step", [CREATE, UPLOAD, CLOSE])
def test_before_a_job_runs_a_used_up_quota_means_that_nothing_was_written(
    jobs: module.Salesforce, box: Box, step: tuple[str, str]
) -> None:
    fault(box, step, "request_limit")
    with pytest.raises(RetryableError, match="REQUEST_LIMIT_EXCEEDED"):
        jobs.send(UPSERT, THREE)
    assert reasons(jobs) == [None, None, None]
    assert set(states(jobs, box)) <= {"Aborted"}


@pytest.mark.parametrize("step", [CREATE, UPLOAD, CLOSE])
def test_a_missing_permission_is_told_from_a_used_up_quota(
    jobs: module.Salesforce, box: Box, step: tuple[str, str]
) -> None:
    fault(box, step, "forbidden")
    with pytest.raises(PermanentError, match="INSUFFICIENT_ACCESS"):
        jobs.send(UPSERT, THREE)
    assert reasons(jobs) == [None, None, None]


def test_a_file_that_never_arrives_is_worth_another_try_later(
    jobs: module.Salesforce, box: Box
) -> None:
    fault(box, UPLOAD, "cut_after", times=None)
    with pytest.raises(RetryableError) as error:
        jobs.send(UPSERT, THREE)
    assert type(error.value).__name__ != "UnansweredError"
    assert len(box.writes("salesforce")) == 4
    assert states(jobs, box) == ["Aborted"] * 4


@pytest.mark.parametrize(
    ("step", "kind"), [(CLOSE, "cut_before"), (LOOK, "request_limit"), (LOOK, "html_error")]
)
def test_without_a_word_of_a_closed_job_its_records_are_unknown(
    jobs: module.Salesforce, box: Box, step: tuple[str, str], kind: str
) -> None:
    fault(box, step, kind, times=None)
    outcome = jobs.send(UPSERT, THREE)
    assert told(outcome) == [("unknown", "unanswered")] * 3


@pytest.mark.parametrize(("kind", "options"), NO_ANSWER)
def test_without_the_file_of_the_successful_nothing_is_accepted(
    jobs: module.Salesforce, box: Box, kind: str, options: dict[str, Any]
) -> None:
    fault(box, ("GET", "successfulResults"), kind, **options)
    outcome = jobs.send(UPSERT, THREE)
    assert told(outcome) == [("unknown", "no_results")] * 3


def test_a_job_that_is_complete_is_not_one_that_succeeded(
    jobs: module.Salesforce, box: Box
) -> None:
    bad = record(2, **{REASON: "x" * 80, TYPE: "Partner", "Name": None})
    ghost = OutgoingRecord("ghost", "", "A-NEW", "add", {REASON: "x"})
    outcome = jobs.send(UPSERT, [THREE[0], bad, ghost])
    assert [(one.key, one.state, one.code, one.field) for one in outcome.faults] == [
        ("k2", "rejected", "REQUIRED_FIELD_MISSING", "Name"),
        ("ghost", "rejected", "REQUIRED_FIELD_MISSING", "Name"),
    ]
    assert states(jobs, box) == ["JobComplete"]
    assert reasons(jobs)[:2] == ["secret-ish 1", None]


def test_an_admins_message_is_shown_without_the_records_values(
    jobs: module.Salesforce, box: Box
) -> None:
    fault(box, CREATE, "refuse_records", keys=["A-2"])
    (found,) = jobs.send(UPSERT, THREE).faults
    assert (found.key, found.code) == ("k2", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert found.message == "Ask RevOps before you save ***"


@pytest.mark.parametrize("kind", ["job_failed", "job_aborted"])
def test_rows_that_a_job_did_not_come_to_are_unknown_and_the_others_stand(
    jobs: module.Salesforce, box: Box, kind: str
) -> None:
    message = "InternalError : 'secret-ish 2' broke"
    fault(box, CREATE, kind, processed=1, message=message)
    outcome = jobs.send(UPSERT, THREE)
    assert told(outcome) == [("unknown", "UNPROCESSED")] * 2
    assert "secret-ish" not in outcome.faults[0].message
    assert ("InternalError" in outcome.faults[0].message) == (kind == "job_failed")
    written = [reason is not None for reason in reasons(jobs)]
    assert written == [key not in {one.key for one in outcome.faults} for key in ("k1", "k2", "k3")]


def test_a_row_in_none_of_the_files_is_unknown(jobs: module.Salesforce, box: Box) -> None:
    fault(box, CREATE, "drop_records", keys=["A-2"])
    (found,) = jobs.send(UPSERT, THREE).faults
    assert (found.key, found.state, found.code) == ("k2", "unknown", "no_results")
    assert "JobComplete" in found.message


def test_a_field_that_is_gone_fails_the_job_and_writes_nothing(
    jobs: module.Salesforce, box: Box
) -> None:
    box.fault("salesforce", "field_deleted", object="Account", field=TYPE)
    outcome = jobs.send(UPSERT, [THREE[0], record(2, **{TYPE: "Partner"})])
    assert told(outcome) == [("unknown", "UNPROCESSED")] * 2
    assert "Field name not found" in outcome.faults[0].message
    assert reasons(jobs)[0] is None


def test_a_job_that_does_not_end_is_stopped_after_half_an_hour(
    jobs: module.Salesforce, box: Box, waits: Waits
) -> None:
    fault(box, CREATE, "job_stuck")
    outcome = jobs.send(UPSERT, THREE)
    assert told(outcome) == [("unknown", "UNPROCESSED")] * 3
    assert states(jobs, box) == ["Aborted"]
    assert 1_800 < waits.now < 1_900
    assert max(waits.slept) == 30
    assert len(waits.slept) < 80


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "html_error"])
@pytest.mark.parametrize("answered", range(7))
def test_a_host_that_dies_at_any_step_hears_of_ten_calls_at_most(
    jobs: module.Salesforce, box: Box, waits: Waits, kind: str, answered: int
) -> None:
    before = len(box.requests("salesforce"))
    box.fault("salesforce", kind, after=answered, times=None)
    if answered < 3:  # the list, the job, its file: it was not closed
        with pytest.raises(RetryableError) as error:
            jobs.send(UPSERT, THREE)
        assert "Unanswered" not in error.type.__name__
    else:
        assert {state for state, _ in told(jobs.send(UPSERT, THREE))} == {"unknown"}
    assert len(box.requests("salesforce")) - before <= answered + 10
    assert waits.now <= 60
