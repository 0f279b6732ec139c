"""Braze alone: audiences as attributes, nothing made by mistake, waits for the next window."""

from __future__ import annotations

import dataclasses
from typing import Any

import orjson
import pytest
import requests
from destination_cases import API_KEY, Box, Waits, mapped, target

from activation_pipeline import destinations
from activation_pipeline.destinations import Address, OutgoingRecord, Value
from activation_pipeline.destinations import braze as module
from activation_pipeline.errors import ConfigurationError, PermanentError, RetryableError

BAND, AUDIENCE = "follow_up_priority", "expansion_education"
FIELDS = {
    BAND: mapped("priority"),
    "product_seats": mapped("seats"),
    "all_product_admins": mapped("admin"),
    "follow_up_refreshed_at": mapped("at"),
}
FOLLOW_UP = target("users", key="external_id", behavior="update_only", fields=FIELDS)
MEMBERS = target("users", list=AUDIENCE, behavior="mirror")


def change(at: int, values: dict[str, Value]) -> OutgoingRecord:
    return OutgoingRecord(f"k{at}", f"U-{at}", f"U-{at}", "update", values)


def member(at: int | str, operation: Any) -> OutgoingRecord:
    return OutgoingRecord(f"m{at}", f"U-{at}", f"key-of-{at}", operation, {})


def address(at: int | str) -> Address:
    return Address(f"m{at}", f"U-{at}", f"key-of-{at}")


def sent(box: Box) -> list[list[dict[str, Any]]]:
    return [orjson.loads(one["body"])["attributes"] for one in box.writes("braze")]


def test_every_kind_of_value_comes_back_as_it_was(braze: module.Braze) -> None:
    values: dict[str, Value] = {
        BAND: "hot",
        "product_seats": 12.5,
        "all_product_admins": False,
        "follow_up_refreshed_at": "2026-11-21T06:00:00Z",
    }
    assert braze.send(FOLLOW_UP, [change(1, values)]).faults == ()
    (found,) = braze.read(FOLLOW_UP, [Address("k1", "", "U-1")], list(values))
    assert found.values == braze.as_read(FOLLOW_UP, values)
    assert found.values == {**values, "follow_up_refreshed_at": "2026-11-21T06:00:00.000Z"}


def test_a_member_has_true_and_who_left_has_nothing(braze: module.Braze, box: Box) -> None:
    assert braze.check(MEMBERS) == ()
    assert (braze.limits(MEMBERS), braze.as_read(MEMBERS, {})) == ({}, {})
    outcome = braze.send(MEMBERS, [member(1, "add"), member(2, "remove"), member(4, "refresh")])
    assert outcome.faults == ()
    assert sent(box) == [
        [
            {"external_id": "U-1", "_update_existing_only": True, AUDIENCE: True},
            {"external_id": "U-2", "_update_existing_only": True, AUDIENCE: None},
            {"external_id": "U-4", "_update_existing_only": True, AUDIENCE: True},
        ]
    ]
    found = braze.read(MEMBERS, [address(at) for at in (1, 2, 3, 4)], [])
    assert [one.ids for one in found] == [("U-1",), (), (), ("U-4",)]
    assert {one.edited_at == {} and one.values == {} for one in found} == {True}


def test_nobody_joins_an_audience_unnoticed_and_anybody_may_leave_it(
    braze: module.Braze, box: Box
) -> None:
    """Braze takes a write to a user who is not there for a success."""
    outcome = braze.send(MEMBERS, [member("x", "add"), member("y", "remove"), member(3, "add")])
    assert [(one.key, one.state, one.code) for one in outcome.faults] == [
        ("mx", "rejected", "RECORD_MISSING")
    ]
    assert [one["external_id"] for one in sent(box)[0]] == ["U-y", "U-3"]
    found = braze.read(FOLLOW_UP, [Address("x", "U-x", ""), Address("y", "U-y", "")], [BAND])
    assert [one.ids for one in found] == [(), ()]


@pytest.mark.parametrize("kind", ["cut_after", "html_error", "empty_body", "truncated_json"])
def test_without_a_trustworthy_look_at_who_is_there_nothing_is_sent(
    braze: module.Braze, box: Box, kind: str
) -> None:
    box.fault("braze", kind, path_regex="export", times=None)
    with pytest.raises(RetryableError):
        braze.send(MEMBERS, [member(1, "add")])
    assert box.writes("braze") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("no_such_audience", "would make one"), ("product_seats", "type Number")],
)
def test_what_is_no_audience_is_refused_before_anything_is_sent(
    braze: module.Braze, box: Box, name: str, text: str
) -> None:
    wrong = dataclasses.replace(MEMBERS, list=name)
    (found,) = braze.check(wrong)
    assert (found.path, text in found.message) == ("list", True)
    with pytest.raises(PermanentError, match=text):
        braze.send(wrong, [member(1, "add")])
    assert box.writes("braze") == []


def test_an_attribute_that_is_not_in_the_catalogue_is_never_sent(
    braze: module.Braze, box: Box
) -> None:
    """Braze would make it, with a spelling mistake as its name."""
    wrong = dataclasses.replace(FOLLOW_UP, fields={**FIELDS, "follow_up_priorty": mapped("x")})
    assert [one.path for one in braze.check(wrong)] == ["fields.follow_up_priorty"]
    outcome = braze.send(wrong, [change(1, {"follow_up_priorty": "hot"}), change(2, {BAND: "hot"})])
    assert [(one.key, one.code, one.field) for one in outcome.faults] == [
        ("k1", "no_such_field", "follow_up_priorty")
    ]
    assert "follow_up_priorty" not in str(sent(box))


def test_the_whole_catalogue_is_read(braze: module.Braze, environment: dict[str, str]) -> None:
    made: dict[str, Any] = {f"made_{at:03}": at for at in range(120)}
    requests.post(
        f"{environment['BRAZE_BASE_URL']}/users/track",
        json={"attributes": [{"external_id": "U-1", **made}]},
        headers={"Authorization": f"Bearer {API_KEY}"},
        timeout=10,
    )
    last = dataclasses.replace(
        FOLLOW_UP, fields={"made_119": mapped("x"), "product_seats": FIELDS[BAND]}
    )
    assert braze.check(last) == ()
    assert braze.read(last, [Address("k1", "U-1", "U-1")], ["made_119"])[0].values == {
        "made_119": 119
    }


def test_a_blocklisted_attribute_is_held_back(braze: module.Braze, box: Box) -> None:
    box.fault("braze", "field_read_only", object="users", field=BAND)
    assert ["blocklisted" in one.message for one in braze.check(FOLLOW_UP)] == [True]
    (found,) = braze.send(FOLLOW_UP, [change(1, {BAND: "hot"})]).faults
    assert (found.code, box.writes("braze")) == ("no_such_field", [])


def test_a_mapping_that_braze_has_no_request_for_is_refused(braze: module.Braze, box: Box) -> None:
    wrong = target("contacts", key="email", behavior="create_only", fields={BAND: mapped("x")})
    assert [one.path for one in braze.check(wrong)] == ["object", "key", "behavior"]
    keyless = dataclasses.replace(FOLLOW_UP, key=None, behavior="upsert")
    assert [one.path for one in braze.check(keyless)] == ["key"]
    features = dataclasses.replace(FOLLOW_UP, fields={"product_features": mapped("x")})
    assert ["type Array" in one.message for one in braze.check(features)] == [True]
    for unworkable in (wrong, dataclasses.replace(FOLLOW_UP, key="email")):
        with pytest.raises(PermanentError):
            braze.send(unworkable, [change(1, {BAND: "hot"})])
    assert box.writes("braze") == []


def test_the_user_that_was_matched_is_written_and_no_namesake_made(
    braze: module.Braze, box: Box
) -> None:
    """An identity model without keys gives our own key, which is nobody in Braze."""
    upsert = dataclasses.replace(FOLLOW_UP, behavior="upsert")
    matched = OutgoingRecord("A-1", "U-1", "A-1", "update", {BAND: "hot"})
    assert braze.send(upsert, [matched]).faults == ()
    assert [one["external_id"] for one in sent(box)[0]] == ["U-1"]
    (found,) = braze.read(upsert, [Address("A-1", "U-1", "A-1")], [BAND])
    assert (found.ids, found.values) == (("U-1",), {BAND: "hot"})


def test_only_an_upsert_may_create(braze: module.Braze, box: Box) -> None:
    upsert = dataclasses.replace(FOLLOW_UP, behavior="upsert")
    assert braze.send(upsert, [change(9, {BAND: "hot"})]).faults == ()
    assert braze.send(FOLLOW_UP, [change(1, {BAND: "hot"})]).faults == ()
    assert ["_update_existing_only" in one[0] for one in sent(box)] == [False, True]


def test_a_persons_edit_shows_as_a_value_and_has_no_time(braze: module.Braze, box: Box) -> None:
    braze.send(FOLLOW_UP, [change(1, {BAND: "hot"})])
    box.edit("braze", "users", "U-1", BAND, "nurture")
    (found,) = braze.read(FOLLOW_UP, [Address("k1", "U-1", "U-1")], [BAND])
    assert (found.values, found.edited_at) == ({BAND: "nurture"}, {})


def test_a_throttle_is_waited_out_until_the_next_window(
    braze: module.Braze, box: Box, waits: Waits
) -> None:
    box.fault("braze", "rate_limited", path_regex="users/track", seconds=7)
    assert braze.send(FOLLOW_UP, [change(1, {BAND: "hot"})]).faults == ()
    (slept,) = waits.slept
    assert 5 <= slept <= 8


def test_a_window_that_is_far_away_is_for_a_later_run(
    braze: module.Braze, box: Box, waits: Waits
) -> None:
    box.fault("braze", "rate_limited", path_regex="users/track", seconds=3_000)
    with pytest.raises(RetryableError) as error:
        braze.send(FOLLOW_UP, [change(1, {BAND: "hot"})])
    assert 2_990 <= (error.value.retry_after or 0) <= 3_001
    assert waits.slept == []


def test_more_than_the_published_limit_is_waited_for_and_never_lost(
    environment: dict[str, str], box: Box
) -> None:
    """40 exports a second, by the clock of the far side."""
    client = destinations.connect("braze", environment)
    found = client.read(FOLLOW_UP, [Address(str(at), f"N-{at}", "") for at in range(2_500)], [BAND])
    client.close()
    assert len(found) == 2_500
    exports = [one for one in box.requests("braze") if "export" in one["path"]]
    assert len([one for one in exports if one["status"] < 300]) == 50


@pytest.mark.parametrize("kind", ["unauthorized", "forbidden"])
def test_a_key_that_may_not_is_the_end(braze: module.Braze, box: Box, kind: str) -> None:
    box.fault("braze", kind, path_regex="users/track", times=None)
    with pytest.raises(PermanentError, match="40"):
        braze.send(FOLLOW_UP, [change(1, {BAND: "hot"})])
    assert len(box.writes("braze")) == 1


def test_what_was_put_aside_for_maintenance_is_unknown(braze: module.Braze, box: Box) -> None:
    box.fault("braze", "maintenance", path_regex="users/track")
    (found,) = braze.send(FOLLOW_UP, [change(1, {BAND: "hot"})]).faults
    assert (found.state, found.code) == ("unknown", "queued")


def test_a_request_that_is_too_large_is_halved(braze: module.Braze, box: Box) -> None:
    box.fault("braze", "too_large", path_regex="users/track")
    assert braze.send(FOLLOW_UP, [change(at, {BAND: "hot"}) for at in (1, 2, 3)]).faults == ()
    assert [len(one) for one in sent(box)] == [3, 1, 2]


def test_the_batch_follows_the_plan_of_the_account(environment: dict[str, str]) -> None:
    client = destinations.connect("braze", {**environment, "BRAZE_OBJECTS_PER_CALL": "50"})
    assert client.batch_size(FOLLOW_UP) == 50
    for wrong in ("0", "76", "many", "-1"):
        with pytest.raises(ConfigurationError, match="BRAZE_OBJECTS_PER_CALL"):
            destinations.connect("braze", {**environment, "BRAZE_OBJECTS_PER_CALL": wrong})


def test_a_workspace_is_named_where_many_share_one_address(environment: dict[str, str]) -> None:
    """An approval that was given for the test workspace must not open the real one."""
    real = {**environment, "BRAZE_BASE_URL": "https://rest.iad-01.braze.com"}
    with pytest.raises(ConfigurationError, match="BRAZE_WORKSPACE"):
        destinations.connect("braze", real)
    names = ("staging", "production")
    clients = [destinations.connect("braze", {**real, "BRAZE_WORKSPACE": one}) for one in names]
    assert [one.identity for one in clients] == [f"rest.iad-01.braze.com/{one}" for one in names]
