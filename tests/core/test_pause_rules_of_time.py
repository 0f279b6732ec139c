"""The rules about what did not happen: a run that was due, and the first review."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ruled_ledger import HOUR, SECOND, START

from activation_pipeline.errors import RefusedError
from activation_pipeline.first_review import record_first_review

if TYPE_CHECKING:
    from ruled_ledger import Teller, Told


def test_a_missing_run_pauses_though_no_schedule_is_on(tell_anywhere: Told) -> None:
    teller = tell_anywhere({"overdue": "2h"})
    teller.tick()
    teller.prepares()
    day = 24 * HOUR
    teller.now = START + day + 2 * HOUR - SECOND
    assert teller.judges().written == ()
    (pause,) = teller.judges().written
    assert "no run since 2026-11-21 06:00 UTC, when one was due: 2:00:01 late" in pause.reason
    teller.resumes()
    assert teller.judges().written == ()
    teller.now = START + 2 * day + 2 * HOUR + SECOND
    assert len(teller.judges().written) == 1


def test_a_workflow_that_never_ran_is_not_paused_for_it(tell: Told) -> None:
    """It has sent nothing that could grow old; the dead-man check reports it."""
    teller = tell({"overdue": "2h"})
    teller.tick(240 * HOUR)
    assert teller.judges().written == ()


def review_of(teller: Teller, **words: str) -> None:
    said = {"role": "cs_director", "by": "demo_cs_director", "reason": "20 samples are right"}
    record_first_review(teller.contract, teller.runtime, **{**said, **words}, now=teller.tick())


def test_a_first_review_that_nobody_held_pauses_after_its_day_and_its_grace(tell: Told) -> None:
    teller = tell({"first_review_missed": "2d"})  # the review is due on 2026-12-15
    teller.sends(teller.prepares())
    teller.now = START.replace(month=12, day=18, hour=0) - SECOND
    assert teller.judges().written == ()
    (pause,) = teller.judges().written
    assert "the first review of 2026-12-15 is missing: 2 days, 0:00:01 late" in pause.reason
    teller.resumes()
    assert teller.judges().written == ()


def test_a_first_review_that_was_held_pauses_nothing(tell_anywhere: Told) -> None:
    teller = tell_anywhere({"first_review_missed": "2d"})
    teller.sends(teller.prepares())
    review_of(teller)
    teller.now = START.replace(year=2027)
    assert teller.judges().written == ()


def test_a_workflow_that_was_delivered_late_has_its_review_later(tell: Told) -> None:
    teller = tell({"first_review_missed": "2d"})
    teller.now = late = START.replace(year=2027)
    teller.sends(teller.prepares())
    assert teller.judges().written == ()
    teller.now = late + 49 * HOUR
    assert len(teller.judges().written) == 1


def test_nothing_has_to_be_reviewed_before_something_was_delivered(tell: Told) -> None:
    teller = tell({"first_review_missed": "2d"})
    teller.prepares()
    teller.now = START.replace(year=2027)
    assert teller.judges().written == ()
    with pytest.raises(RefusedError, match="nothing was delivered yet"):
        review_of(teller)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"role": "cs_ops"}, "cs_ops does not sign the first review, cs_director does"),
        ({"reason": "  "}, "without a word on what was looked at"),
        ({"by": "somebody_else"}, "not one of the 1 people of this role"),
    ],
)
def test_a_first_review_is_the_workflow_owners_word_with_a_reason(
    tell: Told, words: dict[str, str], why: str
) -> None:
    teller = tell({"first_review_missed": "2d"})
    teller.runtime.people = {"cs_director": frozenset({"demo_cs_director"})}
    teller.sends(teller.prepares())
    with pytest.raises(RefusedError, match=why):
        review_of(teller, **words)
