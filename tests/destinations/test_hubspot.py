"""HubSpot alone: strings only, trace ids, answers in any order, waits by policy, static lists."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from destination_cases import Box, Waits, mapped, target

from activation_pipeline.destinations import Address, OutgoingRecord, Value
from activation_pipeline.destinations import hubspot as module
from activation_pipeline.errors import ConfigurationError, PermanentError, RetryableError

BAND, REASON = "follow_up_priority", "follow_up_reason"
FOLLOW_UP = target(
    "contacts",
    key="warehouse_contact_id",
    behavior="upsert",
    fields={
        BAND: mapped("priority", allowed=("hot", "warm")),
        REASON: mapped("reason"),
        "product_seats": mapped("seats"),
        "is_product_admin": mapped("admin"),
        "contract_renewal_date": mapped("renews_on"),
        "follow_up_refreshed_at": mapped("at"),
        "product_features": mapped("features"),
    },
)
LIST = target("list", list="1001", behavior="mirror")


def change(at: int, values: dict[str, Any], **parts: str) -> OutgoingRecord:
    return OutgoingRecord(f"k{at}", parts.get("id", f"10{at}"), f"C-{at}", "update", values)


def member(record_id: str, operation: Any) -> OutgoingRecord:
    return OutgoingRecord(f"m{record_id}", record_id, "", operation, {})


def test_every_kind_of_value_comes_back_as_it_was(hubspot: module.HubSpot) -> None:
    values: dict[str, Value] = {
        BAND: "hot",
        "product_seats": 1e15,
        "is_product_admin": False,
        "contract_renewal_date": "2027-01-31",
        "follow_up_refreshed_at": "2026-11-21T06:00:00Z",
    }
    assert hubspot.send(FOLLOW_UP, [change(1, values)]).faults == ()
    (found,) = hubspot.read(FOLLOW_UP, [Address("k1", "", "C-1")], list(values))
    assert found.values == hubspot.as_read(FOLLOW_UP, values)
    assert found.values == {**values, "follow_up_refreshed_at": "2026-11-21T06:00:00.000Z"}


def test_a_multiple_choice_is_replaced_and_never_added_to(hubspot: module.HubSpot) -> None:
    (found,) = hubspot.send(FOLLOW_UP, [change(1, {"product_features": ";x"})]).faults
    assert (found.code, found.field) == ("not_exact", "product_features")


def test_an_address_with_capitals_is_held_back(hubspot: module.HubSpot) -> None:
    """HubSpot lowers them, so what is read back would never be what was sent."""
    mail = dataclasses.replace(FOLLOW_UP, fields={"email": mapped("email")})
    outcome = hubspot.send(mail, [change(1, {"email": "One@Example.com"})])
    assert [one.code for one in outcome.faults] == ["not_exact"]
    assert hubspot.send(mail, [change(1, {"email": "uno@example.com"})]).faults == ()


@pytest.mark.parametrize(
    ("policy", "expected"), [("TEN_SECONDLY_ROLLING", 10.0), ("SECONDLY", 1.0)]
)
def test_a_throttle_is_waited_out_by_its_policy(
    hubspot: module.HubSpot, box: Box, waits: Waits, policy: str, expected: float
) -> None:
    box.fault("hubspot", "rate_limited", path_regex="batch/upsert", policy=policy, times=2)
    assert hubspot.send(FOLLOW_UP, [change(1, {BAND: "hot"})]).faults == ()
    assert waits.slept == [expected, expected]


def test_the_daily_limit_is_not_waited_out(hubspot: module.HubSpot, box: Box, waits: Waits) -> None:
    box.fault("hubspot", "rate_limited", path_regex="batch/upsert", policy="DAILY", times=None)
    with pytest.raises(RetryableError, match="DAILY"):
        hubspot.send(FOLLOW_UP, [change(1, {BAND: "hot"})])
    assert waits.slept == []
    assert len(box.writes("hubspot")) == 1


def test_a_throttle_without_end_is_given_up_in_time(
    hubspot: module.HubSpot, box: Box, waits: Waits
) -> None:
    box.fault("hubspot", "rate_limited", path_regex="batch/upsert", times=None)
    with pytest.raises(RetryableError) as error:
        hubspot.send(FOLLOW_UP, [change(1, {BAND: "hot"})])
    assert error.value.retry_after == 10.0
    assert sum(waits.slept) <= 60


@pytest.mark.parametrize(
    ("fault", "expected"),
    [({"kind": "locked"}, 2.0), ({"kind": "migrating", "seconds": 7}, 7.0)],
)
def test_a_lock_and_a_migration_are_waited_out(
    hubspot: module.HubSpot,
    box: Box,
    waits: Waits,
    fault: dict[str, Any],
    expected: float,
) -> None:
    box.fault("hubspot", path_regex="batch/upsert", **fault)
    assert hubspot.send(FOLLOW_UP, [change(1, {BAND: "hot"})]).faults == ()
    assert waits.slept == [expected]


def test_a_missing_scope_is_permanent(hubspot: module.HubSpot, box: Box) -> None:
    box.fault("hubspot", "missing_scopes", path_regex="batch/upsert")
    with pytest.raises(PermanentError, match="MISSING_SCOPES"):
        hubspot.send(FOLLOW_UP, [change(1, {BAND: "hot"})])


def test_records_that_the_answer_leaves_out_are_unknown(hubspot: module.HubSpot, box: Box) -> None:
    """A contact that was merged into another is in neither list."""
    box.fault("hubspot", "drop_records", path_regex="batch/upsert", keys=["C-2"])
    outcome = hubspot.send(FOLLOW_UP, [change(at, {BAND: "hot"}) for at in (1, 2, 3)])
    assert [(one.key, one.state, one.code) for one in outcome.faults] == [
        ("k2", "unknown", "no_results")
    ]


def test_an_integrations_write_is_not_a_persons_edit(hubspot: module.HubSpot) -> None:
    hubspot.send(FOLLOW_UP, [change(3, {REASON: "we wrote it"})])
    (found,) = hubspot.read(FOLLOW_UP, [Address("k3", "", "C-3")], [REASON])
    assert found.edited_at == {}


def test_another_app_is_told_apart_where_ours_is_known(
    environment: dict[str, str], box: Box
) -> None:
    stranger = module.connect({**environment, "HUBSPOT_APP_ID": "1"})
    ours = module.connect({**environment, "HUBSPOT_APP_ID": "700001"})
    del box
    stranger.send(FOLLOW_UP, [change(3, {REASON: "by the app 700001"})])
    address = [Address("k3", "", "C-3")]
    assert set(stranger.read(FOLLOW_UP, address, [REASON])[0].edited_at) == {REASON}
    assert ours.read(FOLLOW_UP, address, [REASON])[0].edited_at == {}
    stranger.close()
    ours.close()


def test_a_mapping_that_cannot_work_is_refused(hubspot: module.HubSpot) -> None:
    fields = {
        "follow_up_summary": mapped("a"),
        "Follow_Up_Reason": mapped("b"),
        "is_product_admin": mapped("c", allowed=("yes",)),
    }
    faults = hubspot.check(target("contacts", key="company", fields=fields))
    assert [one.path for one in faults] == [
        "key",
        "fields.follow_up_summary",
        "fields.Follow_Up_Reason",
        "fields.is_product_admin.allowed",
    ]
    assert "write follow_up_reason" in faults[2].message
    (found,) = hubspot.check(target("contacts", key="email", fields={}))
    assert "partial upsert" in found.message
    assert [one.path for one in hubspot.check(target("starships", key="x"))] == ["object"]


@pytest.mark.parametrize("name", ["1001", "Expansion education"])
def test_members_enter_and_leave_a_list(hubspot: module.HubSpot, name: str) -> None:
    wanted = dataclasses.replace(LIST, list=name)
    assert hubspot.check(wanted) == ()
    first = hubspot.send(wanted, [member("101", "add"), member("102", "add")])
    assert (first.faults, first.unchanged) == ((), ())
    records = [
        member("101", "remove"),
        member("102", "add"),
        member("103", "add"),
        member("999", "add"),
        member("998", "remove"),
    ]
    second = hubspot.send(wanted, records)
    assert [(one.key, one.state, one.code) for one in second.faults] == [
        ("m999", "rejected", "RECORD_MISSING")
    ]
    assert second.unchanged == ("m102", "m998")
    addresses = [Address(one, one, "") for one in ("103", "101", "999", "102")]
    found = hubspot.read(wanted, [*addresses, Address("none", "", "")], [])
    assert [one.ids for one in found] == [("103",), (), (), ("102",), ()]


def test_a_list_that_fills_itself_is_refused(hubspot: module.HubSpot) -> None:
    (found,) = hubspot.check(dataclasses.replace(LIST, list="1002"))
    assert "DYNAMIC" in found.message
    (missing,) = hubspot.check(dataclasses.replace(LIST, list="77"))
    assert missing.path == "list"
    with pytest.raises(PermanentError):
        hubspot.send(dataclasses.replace(LIST, list="77"), [member("101", "add")])
    with pytest.raises(PermanentError):
        hubspot.send(dataclasses.replace(LIST, list="1002"), [member("101", "add")])


def test_a_cut_membership_call_is_repeated(hubspot: module.HubSpot, box: Box) -> None:
    box.fault("hubspot", "cut_after", path_regex="memberships/add")
    outcome = hubspot.send(LIST, [member("101", "add")])
    assert (outcome.faults, outcome.unchanged) == ((), ("m101",))


def test_who_joins_and_who_leaves_go_in_one_request(hubspot: module.HubSpot, box: Box) -> None:
    hubspot.send(LIST, [member("102", "add"), member("103", "add")])
    moved = [member("101", "add"), member("102", "remove"), member("103", "add")]
    outcome = hubspot.send(LIST, [*moved, member("999", "add"), member("998", "remove")])
    assert [(one.key, one.state, one.code) for one in outcome.faults] == [
        ("m999", "rejected", "RECORD_MISSING")
    ]
    assert outcome.unchanged == ("m103", "m998")
    newest = box.writes("hubspot")[-1]
    assert newest["path"].endswith("/1001/memberships/add-and-remove")
    found = hubspot.read(LIST, [Address(one, one, "") for one in ("101", "102", "103")], [])
    assert [one.ids for one in found] == [("101",), (), ("103",)]
    assert len(box.writes("hubspot")) == 2


def test_a_stop_before_members_changed_says_that_none_did(
    hubspot: module.HubSpot, box: Box
) -> None:
    box.fault("hubspot", "rate_limited", path_regex="memberships/add-and-remove", policy="DAILY")
    with pytest.raises(RetryableError, match="DAILY"):
        hubspot.send(LIST, [member("101", "add"), member("102", "remove")])


def test_the_id_of_a_named_list_is_asked_once(hubspot: module.HubSpot, box: Box) -> None:
    named = dataclasses.replace(LIST, list="Expansion education")
    for number in ("101", "102", "103"):
        assert hubspot.send(named, [member(number, "add")]).faults == ()
    assert len([one for one in box.requests("hubspot") if "/name/" in one["path"]]) == 1


def test_a_record_tells_when_anybody_changed_it_last(hubspot: module.HubSpot, box: Box) -> None:
    hubspot.send(FOLLOW_UP, [change(1, {BAND: "hot"})])
    (before,) = hubspot.read(FOLLOW_UP, [Address("k1", "", "C-1")], [BAND])
    box.edit("hubspot", "contacts", "101", BAND, "nurture")
    (after,) = hubspot.read(FOLLOW_UP, [Address("k1", "", "C-1")], [BAND])
    assert before.modified_at is not None
    assert after.modified_at is not None
    assert after.modified_at > before.modified_at
    assert after.edited_at[BAND] <= after.modified_at


@pytest.mark.parametrize("version", ["v4", "2026-10", "latest", "../v3"])
def test_a_version_that_never_was_is_refused(environment: dict[str, str], version: str) -> None:
    with pytest.raises(ConfigurationError, match="HUBSPOT_API_VERSION"):
        module.connect({**environment, "HUBSPOT_API_VERSION": version})
