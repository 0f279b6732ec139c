"""One look at everything that acts by itself, in which no part keeps another from its turn."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from alert_channel import alert_channel
from company import NOW, contract_dict
from desk import build, go
from told_ledger import failed_plan, judged

from activation_pipeline.alerts import Links, read_channels
from activation_pipeline.errors import RetryableError
from activation_pipeline.freeze import freeze
from activation_pipeline.loading import Checked
from activation_pipeline.watch import tick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from company import Company, MemoryDestination

    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.watch import Tick

WEEK = timedelta(days=7)
NOBODY = {"ACTIVATION_ALERT_CS_OPS": "json://127.0.0.1:9/x"}


WHY: dict[str, Any] = {
    "by": "demo_cs_director",
    "reason": "opt-outs are missing",
    "incident_class": "suppression",
}


def no_answer(_kind: str) -> MemoryDestination:
    raise RetryableError("crm: no answer")


def file(contract: Contract) -> Checked:
    return Checked(f"contracts/{contract.name}.yaml", contract, ())


def watch(
    runtime: Runtime,
    *contracts: Contract,
    at: datetime = NOW,
    more: Mapping[str, Checked] | None = None,
    to: Mapping[str, str] = NOBODY,
) -> Tick:
    every = {contract.name: file(contract) for contract in contracts} | dict(more or {})
    channels = read_channels(to)
    return tick(every, runtime, channels=channels, links=Links(), clock=lambda: at)


def ruled(company: Company, **sections: Any) -> Contract:
    rules = contract_dict()["monitoring"] | {"pause_when": {"failed_runs": 2}}
    return build(company, monitoring=rules, **sections)


def test_a_rule_that_pauses_is_told_by_the_same_look(company: Company) -> None:
    contract = ruled(company)
    with company.runtime() as runtime, alert_channel() as chat:
        to = {"ACTIVATION_ALERT_CS_OPS": chat.address}
        judged(runtime.ledger, contract, at=NOW - timedelta(hours=1))
        watch(runtime, contract, to=to)
        for minute in (1, 2):
            at = NOW + timedelta(minutes=minute)
            failed_plan(runtime.ledger, contract, "no relation mart", at=at)
        done = watch(runtime, contract, at=NOW + timedelta(minutes=3), to=to)
        assert [each.part for each in done.did] == ["pause rules"]
        assert [(each.kind, each.clause) for each in done.changes] == [
            ("paused", "failed_runs"),
            ("blocked", "plan"),
        ]
        assert len(chat.got) == 2
        assert watch(runtime, contract, at=NOW + timedelta(minutes=4), to=to).changes == ()


def test_what_outlived_its_promise_goes_and_is_told_while_the_chat_is_down(
    company: Company,
) -> None:
    """A channel that does not answer must not keep an old alert on people's screens."""
    contract = build(company)
    company.add("A-1")
    go(company, contract)
    with company.runtime() as runtime:
        watch(runtime, contract, at=NOW)
        done = watch(runtime, contract, at=NOW + WEEK)
    assert [each.part for each in done.did] == ["expiry"]
    assert done.errors == ()
    assert company.destination.records["R-A-1"]["Band__c"] is None
    assert "expired" in [each.kind for each in done.changes]
    assert done.told is not None
    assert [each.role for each in done.told.failing] == ["cs_ops"]


def test_nothing_expires_under_a_freeze_and_nobody_is_bothered_with_it(company: Company) -> None:
    contract = build(company)
    company.add("A-1")
    go(company, contract)
    with company.runtime() as runtime:
        freeze(contract, None, runtime, now=NOW, **WHY)
        done = watch(runtime, contract, at=NOW + WEEK)
    assert (done.did, done.errors) == ((), ())
    assert company.destination.records["R-A-1"]["Band__c"] == "low"


def test_an_undo_that_fails_is_said_and_the_pause_stays(company: Company) -> None:
    rules = {"pause_when": {"rejected_above": 0.1}, "on_pause": "restore_previous"}
    contract = build(company, monitoring=contract_dict()["monitoring"] | rules)
    for key in ("A-1", "A-2"):
        company.add(key)
    company.destination.reject.add("A-2")
    go(company, contract)
    with company.runtime() as runtime:
        runtime.connect = no_answer
        done = watch(runtime, contract)
        assert [type(each) for each in done.errors] == [RetryableError]
        assert [each.clause for each in done.changes] == ["rejected_above"]
        assert runtime.ledger.pauses(contract.name, now=NOW)
        runtime.connect = lambda _kind: company.destination
        again = watch(runtime, contract)
    assert again.errors == ()
    assert [each.part for each in again.did] == ["pause rules"]


def test_a_contract_whose_files_are_damaged_keeps_no_other_from_being_watched(
    company: Company,
) -> None:
    broken, sound = build(company), ruled(company, name="sound")
    company.add("A-1")
    go(company, broken)
    for snapshot in (company.folder / "home").rglob("*.parquet"):
        snapshot.chmod(0o600)
        snapshot.write_bytes(b"not a snapshot")
    with company.runtime() as runtime:
        watch(runtime, broken, sound)
        for minute in (1, 2):
            failed_plan(
                runtime.ledger, sound, "no relation mart", at=NOW + timedelta(minutes=minute)
            )
        done = watch(runtime, broken, sound, at=NOW + WEEK)
    assert [(each.part, each.contract) for each in done.did if each.error] == [
        ("expiry", broken.name)
    ]
    assert ("pause rules", "sound") in [(each.part, each.contract) for each in done.did]
    assert {each.contract for each in done.changes} == {broken.name, "sound"}
    assert done.told is not None


def test_a_fault_that_nobody_foresaw_is_raised_once_all_others_had_their_turn(
    company: Company,
) -> None:
    contract = ruled(company)
    impossible = Checked("contracts/odd.yaml", None, (), sections={"monitoring": 5})
    with company.runtime() as runtime, alert_channel() as chat:
        to = {"ACTIVATION_ALERT_CS_OPS": chat.address}
        failed_plan(runtime.ledger, contract, "no relation mart")
        with pytest.raises(TypeError):
            watch(runtime, contract, more={"odd": impossible}, to=to)
        assert chat.titles == [
            "renewal_risk: blocked by plan (no plan could be made: no relation mart)"
        ]


def test_a_role_without_an_address_is_named_though_nothing_waits(company: Company) -> None:
    contract = build(company)
    with company.runtime() as runtime:
        judged(runtime.ledger, contract)
        assert watch(runtime, contract, to={}).silent == ("cs_ops",)
        assert watch(runtime, contract).silent == ()
