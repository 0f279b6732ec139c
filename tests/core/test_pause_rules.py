"""A workflow pauses by its own rules: that workflow only, once, and until somebody speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from company import contract_dict
from ruled_ledger import DEAD, HOUR, SECOND, START, Teller, ruled

from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Pause
from activation_pipeline.incident import Incident
from activation_pipeline.recheck import check_pauses

if TYPE_CHECKING:
    from ruled_ledger import Told

    from activation_pipeline.plan import Plan


def test_a_rule_pauses_its_own_workflow_and_no_other(tell: Told) -> None:
    teller = tell({"rejected_above": 0.02})
    other = Teller(teller.runtime, ruled({"rejected_above": 0.02}, name="other"))
    other.sends(other.prepares())
    teller.sends(teller.prepares(), accepted=97, rejected=3)
    (pause,) = teller.judges().written
    assert (pause.destination, pause.by, pause.until) == (None, "activation", None)
    assert pause.reason == (
        "rejected_above: crm: 3 of 100 records rejected: 3%, at most 2%; owner: salesforce_admin"
    )
    pauses = teller.runtime.ledger.pauses("renewal_risk", now=teller.now)
    with pytest.raises(RefusedError, match="cs_director may restart"):
        check_pauses(teller.contract, "crm", pauses)
    assert (other.judges().written, other.rules) == ((), [])


def test_a_paused_workflow_stays_so_until_somebody_resumes_and_then_not_for_the_same_again(
    tell_anywhere: Told,
) -> None:
    teller = tell_anywhere({"rejected_above": 0.02})
    teller.sends(teller.prepares(), accepted=97, rejected=3)
    assert len(teller.judges().written) == 1
    assert teller.judges().written == ()
    assert teller.rules == ["rejected_above"]
    teller.resumes()
    assert teller.judges().written == ()
    teller.sends(teller.prepares(), accepted=97, rejected=3)
    assert len(teller.judges().written) == 1


def test_what_was_rejected_before_a_resume_does_not_count_when_the_rest_is_sent(tell: Told) -> None:
    teller = tell({"rejected_above": 0.02})
    plan = teller.prepares()
    first = teller.begins(plan)
    teller.answers(first, 0, accepted=37, rejected=3)
    teller.ends(first, "refused")
    assert len(teller.judges().written) == 1
    teller.resumes()
    second = teller.begins(plan)
    teller.answers(second, 40, accepted=59, rejected=1)
    teller.ends(second)
    assert teller.judges().written == ()
    (found,) = teller.judges().readings
    assert found.observed == pytest.approx(1 / 60, abs=1e-6)


def test_a_running_delivery_is_stopped_when_too_much_is_surely_rejected(
    tell_anywhere: Told,
) -> None:
    teller = tell_anywhere({"rejected_above": 0.02})
    attempt = teller.begins(teller.prepares())
    teller.answers(attempt, 0, accepted=18, rejected=2)
    assert teller.judges().written == ()
    teller.answers(attempt, 20, accepted=19, rejected=1)
    assert len(teller.judges().written) == 1


def test_held_and_unknown_records_are_not_rejected_ones(tell: Told) -> None:
    teller = tell({"rejected_above": 0.02})
    teller.sends(teller.prepares(), accepted=48, rejected=1, unknown=1, held=50)
    (found,) = teller.judges().readings
    assert (found.observed, found.breaks) == (0.02, False)


def test_what_an_undo_could_not_write_is_not_the_workflows_rejection(tell: Told) -> None:
    teller = tell({"rejected_above": 0.02})
    teller.sends(teller.prepares())
    undo = teller.prepares()
    _note_undo(teller, undo)
    teller.sends(undo, rejected=100)
    (found,) = teller.judges().readings
    assert found.observed == 0


def _note_undo(teller: Teller, undo: Plan, *, undone: str = "an earlier plan") -> None:
    teller.runtime.ledger.incidents.record(
        Incident(
            contract=teller.contract.name,
            destination="crm",
            incident_class="destination_logic",
            action="rollback",
            plan=undone,
            restoring=undo.id,
            by="demo_on_call",
            reason="wrong bands",
            counts={},
            at=teller.tick(),
        )
    )


def test_drift_pauses_until_it_is_read_back_again(tell_anywhere: Told) -> None:
    teller = tell_anywhere({"drift_above": 0.01})
    plan = teller.prepares()
    teller.sends(plan)
    teller.reads_back(plan, agrees=95, differs=3, missing=2)
    (pause,) = teller.judges().written
    assert "5 of 100 records are not as delivered: 5%, at most 1%" in pause.reason
    teller.resumes()
    assert teller.judges().written == ()
    teller.reads_back(plan, agrees=95, differs=5)
    assert len(teller.judges().written) == 1


@pytest.mark.parametrize(
    ("story", "failed"),
    [
        ("", 0),
        ("unmade", 1),
        ("down unmade", 2),
        ("unmade good unmade", 1),
        ("unmade blocked unmade", 2),
        ("down unsent down", 2),
        ("unmade unchanged unmade", 1),
        ("cut cut", 2),
        ("down again", 0),
        ("refused down", 1),
        ("dying", 0),
        ("dead", 1),
    ],
)
def test_failed_runs_in_a_row_are_plans_not_made_and_deliveries_that_broke_off(
    tell: Told, story: str, failed: int
) -> None:
    """``story`` is told oldest first."""
    teller = tell({"failed_runs": 5})
    for word in story.split():
        _tell_run(teller, word)
    (found,) = teller.judges().readings
    assert found.observed == failed


def _tell_run(teller: Teller, word: str) -> None:
    name = teller.contract.name
    if word == "unmade":
        teller.makes_no_plan()
    elif word in {"dying", "dead"}:
        teller.runtime.ledger.start_preparation(name, now=teller.tick())
        teller.tick(HOUR if word == "dead" else SECOND)
    elif word == "again":
        teller.sends(teller.plans[-1])
    elif word == "unchanged":
        teller.prepares(rows=0)
    else:
        plan = teller.prepares(decision="pause" if word == "blocked" else None)
        if word == "down":
            teller.fails(plan)
        elif word == "good":
            teller.sends(plan)
        elif word == "refused":
            teller.ends(teller.begins(plan), "refused")
        elif word == "cut":
            teller.begins(plan, holder=DEAD)
            teller.tick(HOUR)


def test_failed_runs_pause_with_the_last_failure_and_count_anew_after_a_resume(
    tell_anywhere: Told,
) -> None:
    teller = tell_anywhere({"failed_runs": 2})
    teller.makes_no_plan("the warehouse is locked")
    assert teller.judges().written == ()
    teller.fails(teller.prepares(), message="crm does not answer")
    (pause,) = teller.judges().written
    assert "2 failed runs in a row, at most 1; the last one: crm: crm does not" in pause.reason
    teller.resumes()
    teller.fails(teller.plans[-1])
    assert teller.judges().written == ()
    teller.makes_no_plan()
    assert len(teller.judges().written) == 1


def test_a_fall_of_the_match_rate_is_measured_from_the_last_delivered_plan(tell: Told) -> None:
    teller = tell({"match_rate_fall": 0.03})
    teller.sends(teller.prepares(matched=98))
    teller.prepares(matched=50, decision="pause")
    teller.tick(HOUR)
    plan = teller.prepares(matched=95)
    assert teller.judges().written == ()
    teller.prepares(matched=94)
    (pause,) = teller.judges().written
    assert "match rate 98% -> 94%" in pause.reason
    assert plan.id not in pause.reason


def test_a_fall_is_seen_also_where_its_plan_was_sent_before_anybody_looked(tell: Told) -> None:
    teller = tell({"match_rate_fall": 0.03})
    teller.sends(teller.prepares(matched=98))
    teller.sends(teller.prepares(matched=90))
    assert len(teller.judges().written) == 1


def test_a_plan_that_was_undone_is_nothing_to_compare_with(tell_anywhere: Told) -> None:
    teller = tell_anywhere({"match_rate_fall": 0.03})
    teller.sends(teller.prepares(matched=90))
    wrong = teller.prepares(matched=100)
    teller.sends(wrong)
    _note_undo(teller, teller.prepares(matched=100), undone=wrong.id)
    teller.prepares(matched=89)
    (found,) = teller.judges().readings
    assert found.observed == 0.01


def test_a_suppression_count_that_falls_pauses(tell: Told) -> None:
    teller = tell({"suppression_change": 0.5})
    teller.sends(teller.prepares(suppressed=10))
    teller.prepares(suppressed=4)
    (pause,) = teller.judges().written
    assert "suppress_a held back 10, now 4: a change of 60%, at most 50%; owner: cs_ops" in (
        pause.reason
    )


def test_rules_that_break_together_each_say_so_once(tell_anywhere: Told) -> None:
    teller = tell_anywhere({"rejected_above": 0.02, "drift_above": 0.01}, "freeze")
    plan = teller.prepares()
    teller.sends(plan, accepted=90, rejected=10)
    teller.reads_back(plan, agrees=50, differs=50)
    assert len(teller.judges().written) == 2
    assert teller.rules == ["rejected_above", "drift_above"]
    assert len(teller.runtime.ledger.incidents.all(teller.contract.name)) == 1


def test_a_pause_with_an_end_by_a_person_does_not_end_a_rules_pause(tell: Told) -> None:
    teller = tell({"rejected_above": 0.02})
    name = teller.contract.name
    teller.runtime.ledger.pause(Pause(name, None, "demo_on_call", "x", START, START + HOUR))
    teller.sends(teller.prepares(), accepted=97, rejected=3)
    assert len(teller.judges().written) == 1
    teller.now = START + 2 * HOUR
    assert teller.rules == ["rejected_above"]


def test_two_destinations_are_judged_each_by_itself(tell: Told) -> None:
    """97 % of one cannot hide what 3 % of the other would show alone."""
    crm = contract_dict()["destinations"]["crm"]
    matching = {"identity": {"crm": "identity", "crm2": "identity"}, "rules": ["billing_id"]}
    teller = tell(
        {"rejected_above": 0.02}, destinations={"crm": crm, "crm2": crm}, matching=matching
    )
    plan = teller.prepares()
    teller.sends(plan, "crm")
    teller.sends(plan, "crm2", accepted=97, rejected=3)
    (pause,) = teller.judges().written
    assert pause.reason.startswith("rejected_above: crm2: 3 of 100")
    assert pause.destination is None
