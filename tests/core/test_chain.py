"""The chain over the ledger's words: what it finds, and what it needs a kept head for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from company import NOW
from desk import build, plan, send, sign
from sound_evidence import evidence, review

from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Pause
from activation_pipeline.incident import Incident
from activation_pipeline.judgement import evaluate
from activation_pipeline.ledger import Evaluation, Ledger
from activation_pipeline.ledger import tables as t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from company import Company
    from sqlalchemy.engine import Connection

    from activation_pipeline.ledger.chain import Verification

SOUND = evidence()
HOUR = timedelta(hours=1)
EACH = {"evaluations": 1, "decisions": 1, "reviews": 2, "pauses": 2, "incidents": 1}


def say_everything(ledger: Ledger) -> None:
    """Write words of every kind, an hour apart: nine links with the chain's beginning."""
    name = SOUND.plan.contract
    number = ledger.start_preparation(name, now=NOW)
    results = evaluate(SOUND)
    ledger.record_evaluation(Evaluation(number, name, SOUND.plan, results, {}, "launch", "", NOW))
    for hours, reason in ((1, "looked at it"), (2, "and again")):
        word = review(gate="change_volume", at=NOW + hours * HOUR)
        ledger.record_review(name, word, by="demo_cs_director", reason=reason)
    ledger.pause(Pause(name, None, "demo_ops", "wrong bands", NOW + 3 * HOUR, None))
    ledger.resume(Pause(name, None, "demo_ops", "mended", NOW + 4 * HOUR, None))
    ledger.incidents.record(
        Incident(
            contract=name,
            destination=None,
            incident_class="freshness",
            action="freeze",
            plan=None,
            restoring=None,
            by="demo_ops",
            reason="old bands",
            counts={},
            at=NOW + 5 * HOUR,
        )
    )


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    say_everything(opened)
    yield opened
    opened.close()


def tamper(ledger: Ledger, *statements: sa.Executable) -> Verification:
    """Do to the database what nobody may, and walk the chain."""
    with ledger._engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    return ledger.chain.verify()


def told(found: Verification) -> list[tuple[str, str, int]]:
    return [(each.fault, each.kind, each.id) for each in found.findings]


def test_words_that_nobody_touched_are_intact(ledger: Ledger) -> None:
    found = ledger.chain.verify()
    assert found.is_sound
    assert (found.intact, found.links, found.older) == (EACH, 1 + sum(EACH.values()), 0)


def test_a_changed_reason_is_found_and_named_by_kind_id_and_time(ledger: Ledger) -> None:
    found = tamper(ledger, sa.update(t.reviews).where(t.reviews.c.id == 1).values(reason="fine"))
    assert told(found) == [("changed", "reviews", 1)]
    assert found.findings[0].told == (
        "reviews 1 of 2026-11-20 10:00:00 UTC was changed after it was written"
    )
    assert found.intact == EACH | {"reviews": 1}


def test_a_resume_that_was_turned_into_nothing_is_found(ledger: Ledger) -> None:
    found = tamper(ledger, sa.update(t.pauses).where(t.pauses.c.id == 1).values(paused=False))
    assert told(found) == [("changed", "pauses", 1)]


def test_a_value_that_was_emptied_is_found(ledger: Ledger) -> None:
    found = tamper(ledger, sa.update(t.decisions).values(plan=""))
    assert told(found) == [("changed", "decisions", 1)]


def test_a_removed_word_is_found(ledger: Ledger) -> None:
    found = tamper(ledger, sa.delete(t.incidents))
    assert told(found) == [("removed", "incidents", 1)]


def test_a_word_that_was_removed_with_its_link_leaves_a_gap(ledger: Ledger) -> None:
    link = sa.and_(t.chain.c.kind == "reviews", t.chain.c.word == 1)
    found = tamper(
        ledger, sa.delete(t.reviews).where(t.reviews.c.id == 1), sa.delete(t.chain).where(link)
    )
    assert told(found) == [("gap", "reviews", 2)]


def test_words_in_another_order_are_found(ledger: Ledger) -> None:
    """The order is what says that a resume came after the pause."""
    place = t.chain.c.id
    swap = [
        sa.update(t.chain).where(place == old).values(id=new)
        for old, new in ((6, 99), (7, 6), (99, 7))
    ]
    found = tamper(ledger, *swap)
    assert told(found)[0] == ("reordered", "pauses", 2)
    assert not found.is_sound


def test_a_link_that_was_mended_to_fit_its_word_is_found(ledger: Ledger) -> None:
    found = tamper(ledger, sa.update(t.chain).where(t.chain.c.id == 4).values(digest="0" * 64))
    assert told(found) == [("changed", "reviews", 1)]


def test_a_word_that_was_slipped_in_is_found(ledger: Ledger) -> None:
    found = tamper(ledger, sa.insert(t.reviews).values(**forged("some plan")))
    assert told(found) == [("added", "reviews", 3)]
    assert found.intact == EACH


def test_a_chain_that_was_thrown_away_is_found(ledger: Ledger, ledger_url: str) -> None:
    tamper(ledger, sa.delete(t.chain))
    again = Ledger(ledger_url)
    found = again.chain.verify()
    again.close()
    assert told(found)[0] == ("gap", "beginning", 0)
    assert len(found.findings) == 1 + sum(EACH.values())


def test_a_cut_off_end_is_found_only_by_a_head_that_was_kept(ledger: Ledger) -> None:
    kept = ledger.chain.verify().head
    last = sa.select(sa.func.max(t.chain.c.id)).scalar_subquery()
    found = tamper(ledger, sa.delete(t.incidents), sa.delete(t.chain).where(t.chain.c.id == last))
    assert found.is_sound, "nothing within the chain tells"
    kept_found = ledger.chain.verify(kept)
    assert kept_found.has_kept is False
    assert not kept_found.is_sound


def test_an_older_head_stays_on_the_chain(ledger: Ledger) -> None:
    kept = ledger.chain.verify().head
    ledger.pause(Pause("c", None, "demo_ops", "once more", NOW, None))
    found = ledger.chain.verify(kept)
    assert found.has_kept
    assert found.is_sound
    assert found.head != kept


def test_a_beginning_that_was_made_longer_or_cut_off_is_found(ledger: Ledger) -> None:
    """It says how many words are older, so that nobody adds to them afterwards."""
    first = t.chain.c.kind == "beginning"
    assert told(tamper(ledger, sa.update(t.chain).where(first).values(word=9))) == [
        ("changed", "beginning", 9)
    ]
    found = tamper(ledger, sa.delete(t.chain).where(first))
    assert told(found)[0][:2] == ("gap", "evaluations")


def test_a_kind_that_no_table_has_is_found(ledger: Ledger) -> None:
    last = sa.select(sa.func.max(t.chain.c.id)).scalar_subquery()
    found = tamper(ledger, sa.update(t.chain).where(t.chain.c.id == last).values(kind="notes"))
    assert told(found) == [("removed", "notes", 1), ("added", "incidents", 1)]


def test_words_older_than_the_chain_are_sealed_when_it_begins(
    ledger: Ledger, ledger_url: str
) -> None:
    with ledger._engine.begin() as connection:
        t.chain.drop(connection)
    again = Ledger(ledger_url)
    found = again.chain.verify()
    assert found.is_sound
    assert (found.older, found.intact) == (sum(EACH.values()), EACH)
    assert len(again.reviews(SOUND.plan.contract)) == EACH["reviews"], "they count as signed"
    again.close()


def test_a_broken_chain_never_keeps_anybody_from_pausing(ledger: Ledger) -> None:
    tamper(ledger, sa.delete(t.chain).where(t.chain.c.id > 3), sa.delete(t.reviews))
    ledger.pause(Pause(SOUND.plan.contract, None, "demo_ops", "stop", NOW, None))
    assert ledger.pauses(SOUND.plan.contract, now=NOW)


def test_writers_at_once_do_not_fork_the_chain(ledger: Ledger, ledger_url: str) -> None:
    def write(number: int) -> None:
        own = Ledger(ledger_url)
        for turn in range(5):
            own.pause(Pause(f"c{number}", None, "demo_ops", f"{turn}", NOW, None))
        own.close()

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, number) for number in range(4)]
        while not all(each.done() for each in writing):
            assert ledger.chain.verify().is_sound, "what is written meanwhile is no finding"
    assert [each.result() for each in writing] == [None] * 4
    found = ledger.chain.verify()
    assert found.is_sound
    assert found.intact["pauses"] == EACH["pauses"] + 20


def test_a_word_costs_one_insert_more_and_an_intent_none(ledger: Ledger) -> None:
    inserted: list[str] = []

    def count(_connection: Connection, _cursor: object, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT"):
            inserted.append(statement.split()[2])

    sa.event.listen(ledger._engine, "before_cursor_execute", count)
    ledger.pause(Pause("c", None, "demo_ops", "x", NOW, None))
    assert inserted == ["pauses", "chain"]
    inserted.clear()
    attempt = ledger.deliveries.begin(
        "plan",
        contract="other",
        destination="crm",
        batch_size=3,
        holder="h",
        now=NOW,
        is_gone=lambda *_: False,
    )
    ledger.deliveries.intend(
        attempt, ranges=[(0, 3), (3, 6)], now=NOW, ended=(), check=lambda _: None
    )
    assert "chain" not in inserted


def forged(plan_id: str, **changes: str) -> dict[str, str]:
    """A signature as somebody would write it straight into the database."""
    row = {
        "contract": SOUND.plan.contract,
        "plan": plan_id,
        "gate": "change_volume",
        "role": "cs_director",
        "by": "demo_cs_director",
        "reason": "trust me",
        "fingerprint": SOUND.plan.fingerprint,
        "definition": SOUND.plan.definition,
        "at": "2026-11-20T09:00:00.000000+00:00",
    }
    return row | changes


def test_a_forged_signature_lets_no_plan_go(company: Company) -> None:
    company.add("A")
    contract = build(company)
    first = plan(company, contract)
    assert first.plan is not None
    with company.runtime() as runtime:
        row = forged(first.plan.id, contract=contract.name)
        tamper(runtime.ledger, sa.insert(t.reviews).values(**row))
    again = plan(company, contract)
    assert again.plan == first.plan
    assert again.decision == "pause"
    with pytest.raises(RefusedError, match="paused by change_volume"):
        send(company, contract)


FORGERIES: dict[str, sa.Executable] = {
    "a resume that was added": sa.insert(t.pauses).values(
        contract="c", paused=False, by="demo_ops", reason="", at="2026-11-20T10:00:00.000000+00:00"
    ),
    "a pause that was made a resume": sa.update(t.pauses).values(paused=False),
    "a pause that was made to end": sa.update(t.pauses).values(
        until="2026-11-20T09:30:00.000000+00:00"
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_word_ends_no_pause(ledger: Ledger, forgery: str) -> None:
    ledger.pause(Pause("c", None, "demo_ops", "stop", NOW, None))
    tamper(ledger, FORGERIES[forgery])
    assert ledger.pauses("c", now=NOW + HOUR)
    ledger.resume(Pause("c", None, "demo_ops", "mended", NOW + HOUR, None))
    assert ledger.pauses("c", now=NOW + HOUR) == (), "a resume as it should be ends them all"


@pytest.mark.parametrize("forgery", ["changed", "added"])
def test_a_forged_decision_lets_no_plan_go(company: Company, forgery: str) -> None:
    company.add("A")
    contract = build(company)
    first = plan(company, contract)
    assert first.plan is not None
    go = {"decision": "launch", "causes": "[]"}
    decision = {
        "preparation": first.preparation,
        "contract": contract.name,
        "plan": first.plan.id,
        "at": "2026-11-20T09:00:00.000000+00:00",
    }
    forgeries = {
        "changed": sa.update(t.decisions).values(**go),
        "added": sa.insert(t.decisions).values(**decision, **go),
    }
    with company.runtime() as runtime:
        tamper(runtime.ledger, forgeries[forgery])
    with pytest.raises(RefusedError, match="activation verify") as refused:
        send(company, contract)
    assert refused.value.clause == "ledger"
    assert company.destination.received == []
    sign(company, contract, plan(company, contract))
    assert send(company, contract).outcome == "delivered"


def test_gate_results_that_were_changed_let_no_plan_go_though_somebody_signs(
    company: Company,
) -> None:
    """Whoever signs in good faith would sum up results that no gate gave."""
    company.add("A")
    company.add("B")
    company.add("B")
    contract = build(company)
    first = plan(company, contract)
    assert {each.gate for each in first.results if each.stops} == {"grain_unique", "change_volume"}
    better = [replace(each, passed=each.gate != "change_volume") for each in first.results]
    results = json.dumps([asdict(each) for each in better])
    with company.runtime() as runtime:
        tamper(runtime.ledger, sa.update(t.evaluations).values(results=results))
    assert sign(company, contract, first).decision == "launch"
    with pytest.raises(RefusedError, match=r"gate results or the decision .* activation verify"):
        send(company, contract)
