"""A value that outlived its promise is taken away once, where it is ours and nobody changed it."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from company import audience_dict, make_contract
from desk import go, received, stock
from expiring_company import (
    LIMIT,
    SCORED,
    SECOND,
    age,
    delivered,
    end,
    expiring,
    overdue,
    refresh,
    wait,
)
from undoing_company import EVERY_CHANGE, bands, held, incidents, ledger_rows

from activation_pipeline.errors import RefusedError, RetryableError
from activation_pipeline.evidence import Pause
from activation_pipeline.export import export
from activation_pipeline.freeze import freeze

if TYPE_CHECKING:
    from company import Company


KEYS = "ABCDE"


def test_a_value_holds_up_to_its_limit_and_not_a_second_longer(company: Company) -> None:
    contract = delivered(company)
    age(company, -SECOND)
    for _ in ("a second before", "at the limit"):
        assert end(company, contract).tally.counts == {}
        assert bands(company) == dict.fromkeys(KEYS, "low")
        wait(company, SECOND)
    assert end(company, contract).tally.counts == {"cleared": 5}
    assert bands(company) == held(company, contract) == dict.fromkeys(KEYS)


def test_it_is_done_once_and_kept_with_its_delay(company: Company) -> None:
    contract = delivered(company)
    age(company, timedelta(hours=3))
    expected = company.now - timedelta(hours=3)
    found = overdue(company, contract)
    assert (found.over, found.new, found.first, found.is_due) == (5, 5, expected, True)
    done = end(company, contract)
    assert done.tally.counts == {"cleared": 5}
    assert done.is_whole
    assert "(the first 3 h 0 min ago)" in done.headline
    (incident,) = incidents(company, contract)
    assert (incident.action, incident.incident_class, incident.by) == (
        "expire", "freshness", "activation",
    )  # fmt: skip
    assert incident.restoring == done.plan
    assert incident.counts == {"cleared": 5}
    assert f"since {expected:%Y-%m-%d %H:%M} UTC, 3 h 0 min before" in incident.reason
    sent = received(company)
    again = end(company, contract)
    assert "nothing expires now" in again.headline
    assert received(company) == sent
    assert len(incidents(company, contract)) == 1
    assert not overdue(company, contract).is_due


def test_the_next_fresh_sync_restores_by_itself_also_the_very_same_value(company: Company) -> None:
    contract = delivered(company)
    age(company, SECOND)
    end(company, contract)
    refresh(company, contract, *KEYS)
    assert bands(company) == dict.fromkeys(KEYS, "low")
    assert overdue(company, contract).next == company.now - SCORED + LIMIT


def test_only_what_was_not_refreshed_goes(company: Company) -> None:
    contract = delivered(company)
    wait(company, timedelta(days=5))
    refresh(company, contract, "A", band="high")
    refresh(company, contract, "B")
    age(company, -timedelta(days=5) + SECOND)
    end(company, contract)
    assert bands(company) == {"A": "high", "B": "low", "C": None, "D": None, "E": None}


def test_a_refresh_without_changes_prolongs_life_each_time(company: Company) -> None:
    contract = delivered(company)
    for _ in range(3):
        wait(company, timedelta(days=4))
        refresh(company, contract, *KEYS)
    assert received(company) == [], "nothing changed"
    assert overdue(company, contract).next == company.now - SCORED + LIMIT
    wait(company, LIMIT - SCORED + SECOND)
    assert overdue(company, contract).new == 5


def test_a_refresh_that_was_blocked_does_not_prolong_life(company: Company) -> None:
    contract = delivered(company)
    wait(company, timedelta(days=4))
    company.sql("insert into mart values ('A', 'low', now()::timestamp)")  # a key twice
    with pytest.raises(RefusedError):
        refresh(company, contract, "B", "C", "D", "E")
    age(company, -timedelta(days=4) + SECOND)
    assert end(company, contract).tally.counts == {"cleared": 5}


def test_a_refresh_that_was_rejected_or_lost_prolongs_life_only_where_it_arrived(
    company: Company,
) -> None:
    contract = delivered(company)
    wait(company, timedelta(days=4))
    company.destination.reject, company.destination.unanswered = {"A"}, {"B", "C"}
    refresh(company, contract, *KEYS, band="high")
    company.destination.reject, company.destination.unanswered = set(), set()
    company.destination.records["R-B"]["Band__c"] = "high"
    age(company, -timedelta(days=4) + SECOND)
    done = end(company, contract)
    assert done.tally.counts == {"cleared": 2, "arrived_since": 1}
    assert bands(company) == {"A": None, "B": "high", "C": None, "D": "high", "E": "high"}
    wait(company, timedelta(days=4) - SECOND)
    assert overdue(company, contract).next == company.now
    wait(company, SECOND)
    end(company, contract)
    assert bands(company) == dict.fromkeys(KEYS)


def test_a_value_that_the_source_no_longer_gives_is_not_refreshed_by_its_record(
    company: Company,
) -> None:
    """``preserve`` keeps the value at first; a value that nobody vouches for still ends."""
    contract = delivered(company)
    wait(company, timedelta(days=4))
    refresh(company, contract, *KEYS, band=None)
    age(company, -timedelta(days=4) + SECOND)
    assert end(company, contract).tally.counts == {"cleared": 5}


def test_what_a_person_changed_stays_and_is_listed_once(company: Company) -> None:
    contract = delivered(company)
    company.destination.records["R-A"]["Band__c"] = "by hand"
    company.destination.records["R-B"]["Band__c"] = None
    age(company, SECOND)
    done = end(company, contract)
    assert done.tally.counts == {"cleared": 3, "changed_since": 1, "is_empty": 1}
    assert bands(company) == {"A": "by hand"} | dict.fromkeys("BCDE")
    assert not overdue(company, contract).is_due
    assert overdue(company, contract).over == 2
    assert len(incidents(company, contract)) == 1


@pytest.mark.parametrize(("word", "said"), [("flag", "flagged"), ("alert", "alerted")])
def test_what_is_flagged_or_alerted_stays_and_is_told_once(
    company: Company, word: str, said: str
) -> None:
    contract = delivered(company, freshness=expiring(word))
    age(company, SECOND)
    done = end(company, contract)
    assert done.tally.counts == {said: 5}
    assert bands(company) == dict.fromkeys(KEYS, "low")
    assert received(company) == []
    end(company, contract, again=True)
    assert [each.counts for each in incidents(company, contract)] == [{said: 5}]
    with company.runtime() as runtime:
        export(contract, runtime, company.folder / "out")
    with (company.folder / "out" / "expired_crm.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["key"]: row["what"] for row in csv.DictReader(file)}
    assert listed == dict.fromkeys(KEYS, f"{said}:Band__c")


def test_a_dry_run_writes_nothing_anywhere(company: Company) -> None:
    contract = delivered(company)
    age(company, SECOND)
    before = ledger_rows(company)
    files = sorted(company.folder.rglob("*.parquet"))
    found = end(company, contract, dry_run=True)
    assert found.tally.counts == {"cleared": 5}
    assert "would be 5 cleared" in found.headline
    assert ledger_rows(company) == before
    assert sorted(company.folder.rglob("*.parquet")) == files
    assert received(company) == []
    assert end(company, contract).plan == found.plan


def test_it_needs_no_warehouse_no_manifest_and_no_fresh_source(company: Company) -> None:
    contract = delivered(company)
    age(company, timedelta(days=30))
    company.path.unlink()
    company.manifest.clear()
    assert end(company, contract).tally.counts == {"cleared": 5}


def test_a_pause_does_not_stop_it(company: Company) -> None:
    contract = delivered(company)
    with company.runtime() as runtime:
        runtime.ledger.pause(Pause(contract.name, None, "x", "keep", company.now, None))
    age(company, SECOND)
    assert end(company, contract).tally.counts == {"cleared": 5}


def test_a_freeze_stops_it_until_a_resume(company: Company) -> None:
    contract = delivered(company)
    age(company, SECOND)
    with company.runtime() as runtime:
        freeze(
            contract,
            None,
            runtime,
            by="demo_on_call",
            reason="look first",
            incident_class="identity",
            now=company.now,
        )
    with pytest.raises(RefusedError, match="frozen, since"):
        end(company, contract)
    assert bands(company) == dict.fromkeys(KEYS, "low")
    wait(company, SECOND)
    with company.runtime() as runtime:
        runtime.ledger.resume(Pause(contract.name, None, "x", "seen", company.now, None))
    assert end(company, contract).tally.counts == {"cleared": 5}


def test_a_running_delivery_is_left_alone(company: Company) -> None:
    contract = delivered(company)
    age(company, SECOND)
    company.destination.fail_after = 0
    with pytest.raises(KeyboardInterrupt):
        refresh(company, contract, *KEYS, band="high")  # this process lives on, so does its lease
    company.destination.fail_after = None
    with pytest.raises(RetryableError, match="a delivery is running") as waiting:
        end(company, contract)
    assert waiting.value.retry_after == 60
    assert incidents(company, contract) == ()


def test_an_interrupted_expiry_is_finished_but_for_what_changed_or_was_refreshed(
    company: Company,
) -> None:
    contract = delivered(company, "ABCDEFG")
    age(company, SECOND)
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        end(company, contract)
    company.destination.fail_after = None
    company.destination.records["R-G"]["Band__c"] = "by hand"
    with company.runtime() as runtime:
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    assert overdue(company, contract).waiting == 4
    done = end(company, contract)
    assert sorted(received(company)) == list("ABCDEF")
    assert bands(company) == dict.fromkeys("ABCDEF") | {"G": "by hand"}
    assert "6 of an interrupted expiry" in done.headline
    assert len(incidents(company, contract)) == 1
    assert not overdue(company, contract).is_due


def test_members_whose_behaviour_is_too_old_leave_and_come_back_when_it_is_new(
    company: Company,
) -> None:
    body = audience_dict(gates=EVERY_CHANGE)
    contract = make_contract(body, definition=company.definition())
    stock(company, KEYS)
    go(company, contract)
    company.destination.received.clear()
    company.destination.members.add("R-by-hand")
    company.destination.members.remove("R-E")
    age(company, SECOND)
    done = end(company, contract)
    assert done.tally.counts == {"removed": 4, "not_in_destination": 1}
    assert company.destination.members == {"R-by-hand"}
    assert set(held(company, contract)) == {"E"}
    refresh(company, contract, *KEYS)
    assert company.destination.members == {"R-by-hand", *(f"R-{key}" for key in "ABCD")}


def test_a_member_of_whom_nobody_heard_is_left_to_a_person(company: Company) -> None:
    contract = make_contract(audience_dict(gates=EVERY_CHANGE), definition=company.definition())
    stock(company, "AB")
    company.destination.unanswered = {"B"}
    go(company, contract)
    company.destination.unanswered = set()
    company.destination.members.add("R-B")
    age(company, SECOND)
    done = end(company, contract)
    assert done.tally.counts == {"removed": 1, "unanswered": 1}
    assert not done.is_whole
    assert company.destination.members == {"R-B"}
