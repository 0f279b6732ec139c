"""What is over, and when the next value is: told from files and the ledger, to the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from company import NOW, Company, contract_dict
from desk import build, plan, send, sign
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
    score,
    wait,
)
from undoing_company import EVERY_CHANGE, bands

from activation_pipeline.errors import PermanentError, RefusedError
from activation_pipeline.evidence import Pause
from activation_pipeline.expiry.opening import promises
from activation_pipeline.expiry.watching import AGAIN_AFTER, Seen, watch
from activation_pipeline.freeze import freeze

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract

KEYS = "ABCDE"


def look(company: Company, contract: Contract, seen: Seen | None) -> tuple[Seen, str | None]:
    with company.runtime() as runtime:
        return watch(contract, "crm", runtime, seen, now=company.now)


def test_nothing_is_over_before_anything_was_delivered(company: Company) -> None:
    found = overdue(company, build(company))
    assert (found.over, found.new, found.first) == (0, 0, None)


def test_the_next_moment_is_the_oldest_values_limit(company: Company) -> None:
    contract = delivered(company)
    wait(company, timedelta(days=2))
    refresh(company, contract, "A", "B", "C", "D")
    found = overdue(company, contract)
    assert found.next == NOW - SCORED + LIMIT
    assert not found.is_due


@pytest.mark.parametrize(
    ("zone", "day"),
    [("Europe/Berlin", datetime(2027, 3, 28)), ("Australia/Sydney", datetime(2027, 4, 4))],  # noqa: DTZ001 - given its zone below
)
def test_a_change_of_clocks_moves_no_limit(company: Company, zone: str, day: datetime) -> None:
    """Event times are moments; the contract's time zone is for its cadence alone."""
    company.now = day.replace(tzinfo=UTC) - timedelta(days=3)
    contract = delivered(company, freshness=expiring("clear", timezone=zone))
    limit = company.now - SCORED + LIMIT
    assert overdue(company, contract).next == limit
    company.now = limit
    assert not overdue(company, contract).is_due
    company.now += SECOND
    assert overdue(company, contract).new == 5


def test_a_plan_refreshes_nothing_until_it_is_signed_and_sent(company: Company) -> None:
    gates = [{"change_volume": {"add": 1.0, "update": 0.1}}]
    contract = delivered(company, gates=gates)
    wait(company, timedelta(days=4))
    score(company, *KEYS)
    company.sql("update mart set band = 'high' where id = 'A'")
    oldest = NOW - SCORED + LIMIT
    evaluation = plan(company, contract)
    assert evaluation.decision == "pause"
    assert overdue(company, contract).next == oldest
    sign(company, contract, evaluation)
    assert overdue(company, contract).next == oldest
    send(company, contract)
    assert overdue(company, contract).next == oldest + timedelta(days=4)


def test_a_refresh_while_the_destination_is_paused_is_none(company: Company) -> None:
    contract = delivered(company)
    with company.runtime() as runtime:
        runtime.ledger.pause(Pause(contract.name, "crm", "x", "wait", company.now, None))
    wait(company, timedelta(days=4))
    with pytest.raises(RefusedError):
        refresh(company, contract, *KEYS)
    age(company, -timedelta(days=4) + SECOND)
    assert overdue(company, contract).new == 5


def test_a_value_without_an_event_time_is_as_old_as_its_delivery(company: Company) -> None:
    contract = delivered(company)
    home = company.folder / "home" / "delivered" / contract.name / "crm"
    (delta,) = home.glob("*.parquet")
    with company.runtime() as runtime, runtime.snapshots.workspace() as folder:
        with runtime.engine(folder) as engine:
            engine._run(
                f"copy (select * replace (null::timestamp as as_of) from '{delta}') "
                f"to '{folder}/undated.parquet'"
            )
        (folder / "undated.parquet").replace(delta)
    for snapshot in (company.folder / "home" / "plans").rglob("population*.parquet"):
        snapshot.unlink()
    assert overdue(company, contract).next == NOW + LIMIT


def test_what_a_contract_says_of_one_field_is_said_of_a_whole_item(company: Company) -> None:
    mapping = contract_dict()["destinations"]["crm"] | {"behavior": "mirror"}
    contract = build(company, destinations={"crm": mapping})
    assert promises(contract, "crm") == {"": "remove"}


def test_a_watcher_asks_at_once_then_after_a_while_and_never_when_all_is_well(
    company: Company,
) -> None:
    contract = delivered(company)
    seen, request = look(company, contract, None)
    assert request is None
    age(company, timedelta(0))
    seen, request = look(company, contract, seen)
    assert request is None
    wait(company, SECOND)
    seen, first = look(company, contract, seen)
    assert first is not None
    wait(company, AGAIN_AFTER - SECOND)
    seen, request = look(company, contract, seen)
    assert request is None
    wait(company, SECOND)
    seen, second = look(company, contract, seen)
    assert second not in (None, first)
    end(company, contract)
    seen, request = look(company, contract, seen)
    assert (request, seen.asked) == (None, None)


def test_a_watcher_waits_for_a_freeze_to_end(company: Company) -> None:
    contract = delivered(company)
    age(company, SECOND)
    word = {"by": "demo_on_call", "reason": "look first", "incident_class": "identity"}
    with company.runtime() as runtime:
        freeze(contract, None, runtime, now=company.now, **word)
    seen, request = look(company, contract, None)
    assert (seen.is_due, request) == (True, None)
    wait(company, SECOND)
    with company.runtime() as runtime:
        runtime.ledger.resume(Pause(contract.name, None, "x", "seen", company.now, None))
    assert look(company, contract, seen)[1] is not None


def test_an_expiry_that_failed_is_due_again(company: Company) -> None:
    contract = delivered(company)
    age(company, SECOND)

    def refuse(*_: object) -> None:
        raise PermanentError("crm: no permission")

    company.destination.send = refuse  # type: ignore[method-assign, assignment] # fails at once
    with pytest.raises(PermanentError):
        end(company, contract)
    found = overdue(company, contract)
    assert (found.waiting, found.is_due) == (5, True)
    del company.destination.send
    end(company, contract)
    assert bands(company) == dict.fromkeys(KEYS)


def test_after_the_contract_changed_everything_is_looked_at_again(company: Company) -> None:
    contract = delivered(company, freshness=expiring("flag"))
    age(company, SECOND)
    end(company, contract)
    assert not overdue(company, contract).is_due
    stricter = build(company, gates=EVERY_CHANGE, freshness=expiring("clear"))
    assert overdue(company, stricter).new == 5
    end(company, stricter)
    assert bands(company) == dict.fromkeys(KEYS)
