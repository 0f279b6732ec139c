"""What the ledger remembers, and what it refuses, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from company import NOW
from hypothesis import given
from hypothesis import strategies as st
from sound_evidence import evidence, review

from activation_pipeline.errors import ConfigurationError
from activation_pipeline.evidence import Pause
from activation_pipeline.judgement import evaluate
from activation_pipeline.ledger import Evaluation, Ledger
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from activation_pipeline.plan import Decision

HOUR = timedelta(hours=1)
SOUND = evidence()
MEASURES = {
    "dispositions": {"eligible": 9, "stale": 1},
    "suppressed": {"suppress_a": 2},
    "lists": {"suppress_a": {"rows": 7, "null_keys": 0}},
}
moments = st.datetimes(
    min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29),  # noqa: DTZ001 - zones come on top
    timezones=st.sampled_from([UTC, timezone(13 * HOUR), timezone(-11 * HOUR)]),
)  # fmt: skip


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def judged(ledger: Ledger, decision: Decision = "launch", version: int = 1) -> Evaluation:
    """Store one preparation's judgement; another version is another plan."""
    parts = tuple(replace(part, rows=3) for part in SOUND.plan.parts)
    plan = replace(SOUND.plan, fingerprint=f"{version:016d}", parts=parts)
    number = ledger.start_preparation(plan.contract, now=NOW)
    results = evaluate(SOUND)
    found = Evaluation(number, plan.contract, plan, results, MEASURES, decision, "", NOW)
    ledger.record_evaluation(found)
    return found


def test_what_was_judged_is_read_back_as_it_was(ledger: Ledger) -> None:
    stored = judged(ledger)
    assert stored.plan is not None
    assert ledger.newest(stored.contract) == stored
    assert ledger.plan(stored.plan.id) == stored.plan
    assert ledger.plan("none of this id") is None
    assert ledger.newest("another contract") is None


def test_an_unfinished_preparation_hides_every_older_judgement(ledger: Ledger) -> None:
    stored = judged(ledger)
    ledger.start_preparation(stored.contract, now=NOW)
    assert ledger.newest(stored.contract) is None


def test_a_failed_preparation_is_stored_without_a_plan(ledger: Ledger) -> None:
    number = ledger.start_preparation("renewal_risk", now=NOW)
    failed = Evaluation(number, "renewal_risk", None, (), {}, "pause", "no such table", NOW)
    ledger.record_evaluation(failed)
    assert ledger.newest("renewal_risk") == failed
    assert ledger.previous("renewal_risk") is None


def test_the_newest_decision_counts_and_older_ones_stay(ledger: Ledger) -> None:
    stored = judged(ledger, "pause")
    failing = replace(stored.results[0], passed=False, overridden_by="cs_director")
    results = (failing, *stored.results[1:])
    allowed = replace(stored, results=results, decision="launch")
    ledger.record_decision(allowed, results, now=NOW + HOUR)
    newest = ledger.newest(stored.contract)
    assert newest is not None
    assert (newest.decision, newest.results[0].overridden_by) == ("launch", "cs_director")
    with ledger._engine.begin() as connection:
        assert connection.execute(sa.select(t.decisions.c.decision)).scalars().all() == [
            "pause",
            "launch",
        ]


def test_the_newest_plan_that_was_allowed_is_the_baseline_where_nothing_is_sent(
    ledger: Ledger,
) -> None:
    assert ledger.previous("renewal_risk") is None
    judged(ledger, "pause", version=1)
    assert ledger.previous("renewal_risk", delivered=False) is None
    judged(ledger, "launch_with_caveats", version=2)
    judged(ledger, "pause", version=3)
    assert ledger.previous("renewal_risk") is None, "allowed, and not delivered yet"
    found = ledger.previous("renewal_risk", delivered=False)
    assert found is not None
    assert (found.eligible, found.suppressed, found.list_rows) == (
        9,
        {"suppress_a": 2},
        {"suppress_a": 7},
    )


def test_an_equal_plan_is_stored_once_and_judged_twice(ledger: Ledger) -> None:
    first, second = judged(ledger), judged(ledger)
    assert first.plan == second.plan
    assert second.preparation == first.preparation + 1


def test_words_are_kept_in_order_with_who_and_why(ledger: Ledger) -> None:
    words = [review(at=NOW + hours * HOUR, plan="p") for hours in (2, 1)]
    for number, word in enumerate(words):
        ledger.record_review("c", word, by="demo_cs_director", reason=f"reason {number}")
    assert ledger.reviews("c") == tuple(words)
    assert ledger.reviews("other") == ()
    assert [s.reason for s in ledger.history.signatures("c", "p")] == ["reason 0", "reason 1"]


def test_a_pause_holds_until_it_is_lifted_or_its_time_has_come(ledger: Ledger) -> None:
    stop = Pause("c", None, "demo_ops", "look", NOW, NOW + HOUR)
    ledger.pause(stop)
    assert ledger.pauses("c", now=NOW) == (stop,)
    assert ledger.pauses("c", now=NOW + HOUR - timedelta(microseconds=1)) == (stop,)
    assert ledger.pauses("c", now=NOW + HOUR) == ()
    assert ledger.pauses("another", now=NOW) == ()
    for_good = replace(stop, until=None, reason="for good")
    ledger.pause(for_good)
    assert ledger.pauses("c", now=NOW + 9999 * HOUR) == (for_good,)
    ledger.resume(replace(stop, by="demo_cs_director"))
    assert ledger.pauses("c", now=NOW) == ()


def test_pauses_of_one_destination_and_of_all_are_told_apart(ledger: Ledger) -> None:
    everywhere = Pause("c", None, "demo_ops", "all", NOW, None)
    here = replace(everywhere, destination="crm", reason="one")
    ledger.pause(everywhere)
    ledger.pause(here)
    ledger.resume(everywhere)
    assert ledger.pauses("c", now=NOW) == (here,)


def test_a_read_back_is_kept_and_the_newest_one_is_found(ledger: Ledger) -> None:
    assert ledger.history.last_read_back("c", "crm") is None
    for count in (1, 2):
        ledger.record_reconciliation("c", "crm", "p", {"agrees": count}, now=NOW)
    found = ledger.history.last_read_back("c", "crm")
    assert found is not None
    assert (found.plan, found.counts, found.at) == ("p", {"agrees": 2}, NOW)


def test_a_ledger_opens_again_with_everything_in_it(ledger: Ledger, ledger_url: str) -> None:
    stored = judged(ledger)
    again = Ledger(ledger_url)
    assert again.newest(stored.contract) == stored
    again.close()


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_is(
    ledger: Ledger, ledger_url: str
) -> None:
    with ledger._engine.begin() as connection:
        connection.execute(sa.update(t.schema_version).values(version=t.SCHEMA_VERSION + 1))
        t.reconciliations.drop(connection)
    with pytest.raises(ConfigurationError, match=r"of version 2, this package writes 1; use the"):
        Ledger(ledger_url)
    with ledger._engine.begin() as connection:
        assert not sa.inspect(connection).has_table("reconciliations")


@given(moments, moments)
def test_moments_sort_as_text_as_they_sort_in_time(one: datetime, other: datetime) -> None:
    assert (written(one) < written(other)) == (one < other)
    assert (written(one) == written(other)) == (one == other)
    assert moment(written(one)) == one


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "oracle://somebody:s3cret@host/x",
        "postgresql+psycopg://somebody:s3cret@host:port/x",
        "postgresql+psycopg://somebody:s3cret@127.0.0.1:1/x",
        "sqlite:////proc/nowhere/ledger.sqlite?s3cret",
        "sqlite:////proc/version?s3cret",
        "sqlite:////?s3cret",
    ],
)
def test_a_wrong_address_is_a_configuration_error_that_shows_no_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^ACTIVATION_LEDGER: ") as caught:
        Ledger(url)
    assert "s3cret" not in str(caught.value)
    assert "somebody" not in str(caught.value)


def test_a_file_that_is_no_database_is_a_configuration_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("Dear diary, s3cret\n" * 500, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="sqlite database does not open"):
        Ledger(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_ledger_in_memory_needs_no_folder() -> None:
    ledger = Ledger("sqlite://")
    ledger.close()
