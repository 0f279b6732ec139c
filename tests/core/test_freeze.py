"""A freeze keeps what is delivered as it is until somebody resumes; the ledger says who and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from company import NOW, audience_dict, make_contract
from desk import go, plan, send, stock
from undoing_company import EVERY_CHANGE

from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import Pause
from activation_pipeline.freeze import freeze
from activation_pipeline.incident import CLASSES, Incident
from activation_pipeline.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from company import Company

    from activation_pipeline.contract import Contract

HOUR = timedelta(hours=1)


def frozen(company: Company, contract: Contract, destination: str | None = None) -> Incident:
    with company.runtime() as runtime:
        return freeze(
            contract,
            destination,
            runtime,
            by="demo_on_call",
            reason="opt-outs are missing",
            incident_class="suppression",
            now=company.now,
        )


def test_nobody_joins_and_nobody_leaves(company: Company) -> None:
    contract = make_contract(audience_dict(gates=EVERY_CHANGE), definition=company.definition())
    stock(company, "AB")
    go(company, contract)
    incident = frozen(company, contract)
    assert (incident.action, incident.counts) == ("freeze", {"crm": 2})
    assert incident.plan is not None
    stock(company, "C")
    company.sql("delete from mart where id = 'A'")
    assert plan(company, contract).decision == "pause"
    with pytest.raises(RefusedError, match="opt-outs are missing"):
        send(company, contract)
    assert company.destination.members == {"R-A", "R-B"}


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url)
    yield opened
    opened.close()


def incident(**changes: object) -> Incident:
    known = Incident(
        contract="c",
        destination=None,
        incident_class="identity",
        action="freeze",
        plan="p",
        restoring=None,
        by="demo_on_call",
        reason="two accounts, one record",
        counts={"crm": 3},
        at=NOW,
    )
    return replace(known, **changes)


def stop(ledger: Ledger, **changes: object) -> None:
    ledger.pause(replace(Pause("c", None, "x", "frozen", NOW, None), **changes))


def test_incidents_are_read_back_as_they_were_in_their_order(ledger: Ledger) -> None:
    first, second = incident(), incident(action="rollback", destination="crm", restoring="r")
    ledger.incidents.record(first)
    ledger.incidents.record(second)
    ledger.incidents.record(incident(contract="another"))
    assert ledger.incidents.all("c") == (first, second)
    assert ledger.incidents.last("c") == second
    assert ledger.incidents.last("nobody's") is None
    assert ledger.incidents.undoing("c", "crm", "p") == (second,)
    assert ledger.incidents.undoing("c", "other", "p") == ()
    assert ledger.incidents.is_restoring("r")
    assert not ledger.incidents.is_restoring("p")
    assert ledger.incidents.is_undone("p")
    assert not ledger.incidents.is_undone("r")


@pytest.mark.parametrize("incident_class", CLASSES)
def test_every_class_is_told(incident_class: str) -> None:
    told = incident(incident_class=incident_class).told
    assert told == f"all destinations: frozen at 2026-11-20 09:00 UTC ({incident_class}): 3 crm"


def test_a_freeze_holds_until_a_resume_and_a_plain_pause_is_none(ledger: Ledger) -> None:
    stop(ledger)
    assert ledger.incidents.freeze_in_force("c", "crm", now=NOW) is None
    made = incident()
    ledger.incidents.record(made)
    assert ledger.incidents.freeze_in_force("c", "crm", now=NOW) == made
    ledger.resume(Pause("c", None, "x", "", NOW + HOUR, None))
    assert ledger.incidents.freeze_in_force("c", "crm", now=NOW + HOUR) is None
    stop(ledger, since=NOW + 2 * HOUR)
    assert ledger.incidents.freeze_in_force("c", "crm", now=NOW + 2 * HOUR) is None


def test_a_freeze_of_one_destination_is_not_another_ones(ledger: Ledger) -> None:
    made = incident(destination="crm")
    ledger.incidents.record(made)
    stop(ledger, destination="crm")
    assert ledger.incidents.freeze_in_force("c", "crm", now=NOW) == made
    assert ledger.incidents.freeze_in_force("c", "mail", now=NOW) is None
