"""A pause: who may lift it, what it holds, and that there is no way round it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import contract_dict
from desk import build, go, plan, received, result, send, sign, stock

from activation_pipeline import pausing
from activation_pipeline.errors import RefusedError
from activation_pipeline.people import check_speaker, read_people
from activation_pipeline.permission import Remembered, ask, asked_before_each_request

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Pause

HOUR = timedelta(hours=1)


def stop(
    company: Company, contract: Contract, destination: str | None = None, **options: Any
) -> tuple[Pause, ...]:
    words: dict[str, Any] = {"by": "demo_on_call", "reason": "wrong bands", "until": None}
    with company.runtime() as runtime:
        return pausing.pause(
            contract.name, destination, runtime, now=company.now, contract=contract,
            **{**words, **options},
        )  # fmt: skip


def lift(company: Company, contract: Contract, **options: Any) -> pausing.Resumed:
    words = {"role": "cs_director", "by": "demo_cs_director", "reason": "bands checked"}
    people = options.pop("people", {})
    with company.runtime() as runtime:
        named = replace(runtime, people=people)
        return pausing.resume(contract, None, named, now=company.now, **{**words, **options})


def test_a_plan_that_was_approved_before_the_pause_is_not_sent(company: Company) -> None:
    stock(company, "AB")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    stop(company, contract)
    with pytest.raises(RefusedError, match="wrong bands; cs_director may restart"):
        send(company, contract)
    lift(company, contract)
    send(company, contract)
    assert received(company) == ["A", "B"]


def test_another_contract_that_writes_the_same_field_stops_too(company: Company) -> None:
    """A file that was renamed, or copied, is no way round a pause."""
    stock(company, "AB")
    contract, renamed = build(company), build(company, name="renewal_risk_2")
    stop(company, contract)
    sign(company, renamed, plan(company, renamed))
    with pytest.raises(RefusedError, match=f"writes what {contract.name} writes"):
        send(company, renamed)
    assert received(company) == []


def test_a_contract_that_writes_something_else_goes_on(company: Company) -> None:
    stock(company, "AB")
    contract = build(company)
    destinations = contract_dict()["destinations"]
    destinations["crm"]["fields"] = {"Other__c": destinations["crm"]["fields"]["Band__c"]}
    freshness = contract_dict()["freshness"] | {"on_expiry": {"Other__c": "clear"}}
    other = build(company, name="other", destinations=destinations, freshness=freshness)
    stop(company, contract)
    go(company, other)
    assert received(company) == ["A", "B"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"role": "cs_ops"}, "cs_ops may not restart it, cs_director may"),
        ({"role": ""}, "may not restart it, cs_director may"),
        ({"reason": "  "}, "not resumed without a reason"),
        ({"people": {"cs_director": frozenset({"demo_other"})}}, "not one of the 1 people"),
        ({"people": {"cs_director": frozenset()}}, "not one of the 0 people"),
    ],
)
def test_the_wrong_person_resumes_nothing(
    company: Company, changed: dict[str, Any], told: str
) -> None:
    contract = build(company)
    stop(company, contract)
    with pytest.raises(RefusedError, match=told):
        lift(company, contract, **changed)
    with company.runtime() as runtime:
        assert len(runtime.ledger.pauses(contract.name, now=company.now)) == 1


def test_a_plan_that_was_made_during_a_pause_is_decided_anew_after_it(company: Company) -> None:
    stock(company, "AB")
    contract = build(company)
    go(company, contract)
    stop(company, contract)
    company.sql("update mart set band = 'high'")
    paused = plan(company, contract)
    assert not result(paused, "not_paused").passed
    found = lift(company, contract).evaluation
    assert found is not None
    assert result(found, "not_paused").passed
    signed = found if found.decision == "launch" else sign(company, contract, found)
    assert signed.decision == "launch"
    send(company, contract)
    assert received(company) == ["A", "B", "A", "B"]


def test_a_resume_does_not_wave_through_what_another_gate_stops(company: Company) -> None:
    stock(company, "AB")
    contract = build(company)
    stop(company, contract)
    plan(company, contract)
    found = lift(company, contract).evaluation
    assert found is not None
    assert found.decision == "pause"
    with pytest.raises(RefusedError, match="change_volume"):
        send(company, contract)


def test_a_second_pause_shortens_no_first_one(company: Company) -> None:
    contract = build(company)
    stop(company, contract)
    found = stop(company, contract, until=company.now + HOUR)
    assert [pause.until for pause in found] == [None, company.now + HOUR]
    company.now += 2 * HOUR
    with pytest.raises(RefusedError, match="paused since"):
        send(company, contract)


def test_a_pause_with_an_end_is_over_by_itself(company: Company) -> None:
    stock(company, "AB")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    stop(company, contract, until=company.now + HOUR)
    company.now += HOUR - timedelta(microseconds=1)
    with pytest.raises(RefusedError, match="until"):
        send(company, contract)
    company.now += timedelta(microseconds=1)
    assert send(company, contract).outcome == "delivered"


def test_a_pause_of_one_destination_leaves_the_others_alone(company: Company) -> None:
    contract = build(company)
    (pause,) = stop(company, contract, "crm")
    assert pause.destination == "crm"
    assert not lift(company, contract).was_paused
    with company.runtime() as runtime:
        assert runtime.ledger.pauses(contract.name, now=company.now) == (pause,)
        assert runtime.ledger.pauses("another", now=company.now) == ()


def test_senders_at_work_are_waited_for_and_nobody_else_is(company: Company) -> None:
    stock(company, "ABCDEF")
    contract = build(company)
    waits: list[float] = []
    stop(company, contract, sleep=waits.append)
    assert waits == []
    lift(company, contract)
    sign(company, contract, plan(company, contract))
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        send(company, contract)
    stop(company, contract, sleep=waits.append)
    assert waits
    assert min(waits) > Remembered(lambda: None).holds_s


@pytest.mark.parametrize("emptied", ["delete from suppress_a", "update suppress_a set key = null"])
def test_a_list_that_lost_its_keys_since_the_plan_stops_the_delivery(
    company: Company, emptied: str
) -> None:
    """Whoever opted out since the plan would be mailed."""
    stock(company, "AB")
    company.sql("insert into suppress_a values ('Z', 'opted out', null)")
    contract = build(company)
    sign(company, contract, plan(company, contract))
    company.sql(emptied)
    with pytest.raises(RefusedError, match="owner: cs_ops; mend the list"):
        send(company, contract)
    assert received(company) == []


def test_a_yes_holds_for_an_instant_and_a_no_for_ever() -> None:
    asked, now = [], [0.0]

    def check() -> None:
        asked.append(now[0])
        if now[0] > 1:
            raise RefusedError("stopped", clause="not_paused")

    held = Remembered(check, clock=lambda: now[0], holds_s=0.5)
    for moment in (0.0, 0.4, 0.5, 0.9):
        now[0] = moment
        held()
    assert asked == [0.0, 0.5]
    now[0] = 1.1
    for _ in range(2):
        with pytest.raises(RefusedError):
            held()


def test_what_is_asked_before_a_request_ends_with_its_block() -> None:
    asked: list[int] = []
    ask()
    with asked_before_each_request(lambda: asked.append(1)):
        ask()
    ask()
    assert asked == [1]


def test_people_are_read_by_role_and_compared_without_case() -> None:
    people = read_people(
        {
            "ACTIVATION_PEOPLE_CS_DIRECTOR": "Demo One, demo_two,",
            "ACTIVATION_PEOPLE_": "x",
            "A": "b",
        }
    )
    assert people == {"cs_director": {"demo one", "demo_two"}}
    check_speaker("cs_director", " DEMO_TWO ", people, clause="c")
    check_speaker("cs_ops", "anybody", people, clause="c")
    with pytest.raises(RefusedError, match="ACTIVATION_PEOPLE_CS_DIRECTOR") as refused:
        check_speaker("cs_director", "demo_three", people, clause="c")
    assert "demo_three" not in str(refused.value)
