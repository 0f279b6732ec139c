"""How a contract stands: one word, its clause, what was found, since when, who may act."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from company import NOW, contract_dict, make_contract
from told_ledger import DEFINITION, failed_plan, judged, sent, stop

from activation_pipeline.evidence import Pause
from activation_pipeline.incident import Incident
from activation_pipeline.loading import check_all
from activation_pipeline.standing import standing, standings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from company import Company

    from activation_pipeline.runtime import Runtime

CONTRACT = make_contract(contract_dict(), definition=DEFINITION)
CAPPED = make_contract(
    contract_dict(launch={"decision": "launch_with_caveats", "caveats": {"at_most": 50}})
)
OURS = CONTRACT.name
HOUR = timedelta(hours=1)
RULE = "rejected_above: 3% of 1,200 rejected, at most 2%"
NOBODY: dict[str, object] = {"approvals": ()}


@pytest.fixture
def runtime(company: Company) -> Iterator[Runtime]:
    with company.runtime() as opened:
        yield opened


def pause(runtime: Runtime, by: str, reason: str, destination: str | None = None) -> None:
    runtime.ledger.pause(Pause(OURS, destination, by, reason, NOW, NOW + 8 * HOUR))


def test_a_plan_that_may_go_is_live_and_with_caveats_it_says_which(runtime: Runtime) -> None:
    judged(runtime.ledger, CAPPED)
    found = standing(CAPPED, runtime, now=NOW)
    assert (found.state, found.clause, found.also) == ("caveats", None, ())
    assert found.message == "launched with caveats: at_most 50"
    judged(runtime.ledger, CONTRACT)
    assert standing(CONTRACT, runtime, now=NOW).state == "live"


def test_a_stopped_plan_is_blocked_by_its_first_gate_since_that_gate_stops(
    runtime: Runtime,
) -> None:
    judged(runtime.ledger, CONTRACT, at=NOW - 9 * HOUR)
    judged(runtime.ledger, CONTRACT, stop("match_rate"), at=NOW - 6 * HOUR)
    judged(runtime.ledger, CONTRACT, stop(), at=NOW - 3 * HOUR)
    plan = judged(runtime.ledger, CONTRACT, stop(), stop("match_rate"))
    found = standing(CONTRACT, runtime, now=NOW)
    assert (found.state, found.clause, found.since) == ("blocked", "freshness", NOW - 3 * HOUR)
    assert (found.observed, found.limit, found.plan) == (72.0, 30.0, plan.id)
    assert found.message == "newest event is 72 h old, at most 30 h (and 1 more)"
    assert found.owner == "analytics_engineering"
    assert found.next_step is not None
    assert found.next_step.role == "analytics_engineering"


def test_a_contract_that_says_pause_is_blocked_by_its_own_launch(runtime: Runtime) -> None:
    stopped = make_contract(contract_dict(launch={"decision": "pause"}))
    judged(runtime.ledger, stopped)
    found = standing(stopped, runtime, now=NOW)
    assert (found.state, found.clause, found.since) == ("blocked", "launch", NOW)


def test_a_plan_that_could_not_be_made_blocks(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT, at=NOW - HOUR)
    failed_plan(runtime.ledger, CONTRACT, "warehouse: no relation mart")
    found = standing(CONTRACT, runtime, now=NOW + HOUR)
    assert (found.state, found.clause, found.since) == ("blocked", "plan", NOW)
    assert found.message == "no plan could be made: warehouse: no relation mart"


def test_a_plan_in_the_making_changes_nothing_until_it_has_surely_died(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT, at=NOW - HOUR)
    runtime.ledger.start_preparation(OURS, now=NOW)
    assert standing(CONTRACT, runtime, now=NOW + HOUR).state == "live"
    late = standing(CONTRACT, runtime, now=NOW + HOUR + timedelta(seconds=1))
    assert (late.state, late.clause, late.since) == ("blocked", "plan", NOW)
    assert "never finished" in late.message


def test_a_contract_without_any_plan_is_blocked_and_the_first_plan_is_next(
    runtime: Runtime,
) -> None:
    found = standing(CONTRACT, runtime, now=NOW)
    assert (found.state, found.clause, found.message) == ("blocked", "plan", "no plan yet")
    assert found.next_step is not None
    assert found.next_step.command == f"activation plan {OURS}"


def test_a_pause_comes_before_what_blocks_and_names_who_may_restart(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT, stop())
    pause(runtime, "dana@example.com", "wrong bands, ask dana@example.com")
    found = standing(CONTRACT, runtime, now=NOW + HOUR)
    assert (found.state, found.clause, found.since) == ("paused", "not_paused", NOW)
    assert (found.until, found.restarted_by) == (NOW + 8 * HOUR, "cs_director")
    assert "dana" not in f"{found.by} {found.message}"
    assert [each.clause for each in found.also] == ["freshness"]
    assert found.next_step is not None
    assert str(found.next_step.command).startswith(f"activation resume {OURS} --as cs_director")
    assert standing(CONTRACT, runtime, now=NOW + 8 * HOUR).state == "blocked"


def test_a_pause_of_a_contract_that_writes_the_same_holds_this_one_too(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT)
    word = Pause("old_name", None, "demo_cs_director", "wrong bands", NOW, None)
    runtime.ledger.pause(word, owned=CONTRACT.owned(None))
    found = standing(CONTRACT, runtime, now=NOW)
    assert (found.contract, found.state) == (OURS, "paused")
    assert found.message == "old_name, which writes the same, is paused: wrong bands"
    assert found.next_step is not None
    assert str(found.next_step.command).startswith("activation resume old_name ")


def test_what_paused_by_itself_names_its_rule(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT)
    pause(runtime, "activation", f"{RULE}; owner: salesforce_admin", "crm")
    found = standing(CONTRACT, runtime, now=NOW)
    assert (found.state, found.clause, found.destination) == ("paused", "rejected_above", "crm")
    assert found.message == "3% of 1,200 rejected, at most 2%"
    assert (found.owner, found.restarted_by) == ("salesforce_admin", "cs_director")
    assert found.headline == (
        "renewal_risk: paused (crm) by rejected_above: 3% of 1,200 rejected, at most 2%"
    )


@pytest.mark.parametrize("outcome", ["failed", "refused"])
def test_a_delivery_that_broke_off_blocks_while_records_wait(
    runtime: Runtime, outcome: str
) -> None:
    plan = judged(runtime.ledger, CONTRACT, rows=5)
    sent(runtime.ledger, plan, outcome=outcome, message="crm: no answer")
    found = standing(CONTRACT, runtime, now=NOW + HOUR)
    expected = ("blocked", "failed", "crm") if outcome == "failed" else ("live", None, None)
    assert (found.state, found.clause, found.destination) == expected


def test_an_allowed_plan_that_would_be_refused_all_the_same_is_blocked(runtime: Runtime) -> None:
    plan = judged(runtime.ledger, CONTRACT, rows=5)
    assert standing(CONTRACT, runtime, now=NOW).state == "live"
    other = CONTRACT.model_copy(update={"launch": CONTRACT.launch.model_copy(update=NOBODY)})
    lapsed = standing(other, runtime, now=NOW)
    assert (lapsed.state, lapsed.clause) == ("blocked", "approved")
    assert lapsed.message == "the newest plan is not approved any more by cs_director"
    undo = Incident(
        OURS, "crm", "freshness", "rollback", plan.id, None, "demo_cs_director", "old", {}, NOW
    )
    runtime.ledger.incidents.record(undo)
    undone = standing(CONTRACT, runtime, now=NOW)
    assert (undone.state, undone.clause) == ("blocked", "plan")


def test_a_decision_that_somebody_wrote_past_the_package_is_blocked(
    runtime: Runtime, company: Company
) -> None:
    judged(runtime.ledger, CONTRACT, stop(), rows=5)
    with sqlite3.connect(company.folder / "home" / "ledger.sqlite") as ledger:
        ledger.execute("update decisions set decision = 'launch', causes = '[]'")
        ledger.execute("update evaluations set results = '[]'")
    ledger.close()
    found = standing(CONTRACT, runtime, now=NOW)
    assert (found.state, found.clause) == ("blocked", "ledger")


def test_an_allowed_plan_that_nobody_sent_in_time_blocks(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT, rows=5)
    window = CONTRACT.workflow.decision_window
    assert standing(CONTRACT, runtime, now=NOW + window).state == "overdue"
    late = standing(CONTRACT, runtime, now=NOW + window + timedelta(seconds=1))
    assert (late.state, late.clause, late.since) == ("blocked", "freshness", NOW + window)
    assert late.message == "5 planned records were not sent within 1d"


def test_a_run_that_nobody_started_is_overdue_whatever_a_scheduler_says(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT)
    due = NOW.replace(hour=6) + timedelta(days=1)
    assert standing(CONTRACT, runtime, now=due + HOUR).state == "live"
    late = standing(CONTRACT, runtime, now=due + HOUR + timedelta(seconds=1))
    assert (late.state, late.clause, late.since) == ("overdue", "overdue", due)
    assert late.message == "due at 2026-11-21 06:00 UTC and not begun, at most 1h later"
    judged(runtime.ledger, CONTRACT, stop(), at=due - HOUR)
    both = standing(CONTRACT, runtime, now=due + 2 * HOUR)
    assert [both.state, *(each.state for each in both.also)] == ["blocked", "overdue"]


def test_after_a_pause_has_ended_by_itself_a_new_plan_is_next(runtime: Runtime) -> None:
    pause(runtime, "demo_cs_director", "a look at it")
    judged(runtime.ledger, CONTRACT, stop("not_paused"))
    assert standing(CONTRACT, runtime, now=NOW + HOUR).also == ()
    over = standing(CONTRACT, runtime, now=NOW + 8 * HOUR)
    assert (over.state, over.clause) == ("blocked", "not_paused")
    assert over.next_step is not None
    assert over.next_step.command == f"activation plan {OURS}"


def test_work_under_way_is_told_since_what_stands_may_change(runtime: Runtime) -> None:
    judged(runtime.ledger, CONTRACT, at=NOW - HOUR)
    assert not standing(CONTRACT, runtime, now=NOW).busy
    runtime.ledger.start_preparation(OURS, now=NOW)
    assert standing(CONTRACT, runtime, now=NOW).busy
    assert not standing(CONTRACT, runtime, now=NOW + 2 * HOUR).busy


def test_a_malformed_file_is_blocked_and_may_be_paused_as_well(
    runtime: Runtime, tmp_path: Path
) -> None:
    (tmp_path / f"{OURS}.yaml").write_text("version: 1\n", encoding="utf-8")
    every = check_all(tmp_path, today=NOW.date())
    found = standings(every, runtime, now=NOW)[OURS]
    assert (found.state, found.clause) == ("blocked", "contract")
    assert f"{OURS}.yaml:1:1" in found.message
    pause(runtime, "demo_cs_director", "stop it")
    both = standings(every, runtime, now=NOW)[OURS]
    assert (both.state, [each.clause for each in both.also]) == ("paused", ["contract"])
