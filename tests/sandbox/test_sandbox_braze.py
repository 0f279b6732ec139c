"""The stand-in for Braze takes, drops, limits and hides what Braze does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_place import Caller, Place

from datetime import timedelta

import pytest

TRACK = "/users/track"


def track(bz: Any, *attributes: Any, **more: Any) -> Any:
    return bz("POST", TRACK, json={"attributes": list(attributes), **more})


def exported(bz: Any, *ids: str) -> dict[str, dict[str, Any]]:
    body = {"external_ids": list(ids), "fields_to_export": ["external_id", "custom_attributes"]}
    answer = bz("POST", "/users/export/ids", json=body).json()
    return {one["external_id"]: one["custom_attributes"] for one in answer["users"]}


def catalogue(bz: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    path = "/custom_attributes"
    while path:
        answer = bz("GET", path)
        found |= {one["name"]: one["data_type"] for one in answer.json()["attributes"]}
        path = f"/custom_attributes{answer.links['next']['url'].partition('_attributes')[2]}" if (
            "next" in answer.links
        ) else ""  # fmt: skip
    return found


def test_values_are_kept_and_null_removes_them(bz: Caller) -> None:
    answer = track(bz, {"external_id": "usr_1", "follow_up_priority": "hot", "product_seats": None})
    assert (answer.status_code, answer.json()) == (
        201,
        {"message": "success", "attributes_processed": 1},
    )
    assert exported(bz, "usr_1") == {"usr_1": {"follow_up_priority": "hot"}}


def test_bad_objects_are_listed_by_their_place_in_a_201(bz: Caller) -> None:
    answer = track(
        bz,
        {"external_id": "usr_1", "follow_up_priority": "hot"},
        {"follow_up_priority": "hot"},
        "no object",
        {"external_id": "usr_2", "email": "nowhere"},
    )
    body = answer.json()
    assert (answer.status_code, body["message"], body["attributes_processed"]) == (
        201,
        "success",
        1,
    )
    assert [(one["input_array"], one["index"]) for one in body["errors"]] == [
        ("attributes", 1),
        ("attributes", 2),
        ("attributes", 3),
    ]
    assert exported(bz, "usr_1")["usr_1"]["follow_up_priority"] == "hot"


def test_only_bad_objects_are_a_400(bz: Caller) -> None:
    answer = track(bz, {"follow_up_priority": "hot"}, {})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Valid data must be provided")
    assert bz("POST", TRACK, json={}).status_code == 400


def test_75_objects_count_in_all_arrays_together(bz: Caller) -> None:
    attributes = [{"external_id": f"n{at}", "product_seats": at} for at in range(74)]
    event = {"external_id": "usr_1", "name": "opened", "time": "2026-11-20T09:00:00Z"}
    body = track(bz, *attributes, events=[event]).json()
    assert (body["attributes_processed"], body["events_processed"]) == (74, 1)
    over = track(bz, *attributes, events=[event, event])
    assert over.status_code == 400
    assert "75" in over.json()["message"]


def test_update_only_makes_nobody_and_does_not_say_so(bz: Caller) -> None:
    quiet = track(bz, {"external_id": "nobody", "_update_existing_only": True, "product_seats": 1})
    assert quiet.json() == {"message": "success", "attributes_processed": 1}
    assert exported(bz, "nobody") == {}
    track(bz, {"external_id": "nobody", "product_seats": 1})
    assert exported(bz, "nobody") == {"nobody": {"product_seats": 1}}


def test_a_name_that_is_not_there_is_made_with_the_type_of_its_first_value(bz: Caller) -> None:
    before = catalogue(bz)
    track(bz, {"external_id": "usr_1", "follow_up_priorty": "hot"})
    assert set(catalogue(bz)) - set(before) == {"follow_up_priorty"}
    assert catalogue(bz)["follow_up_priorty"] == "String (Automatically Detected)"
    track(bz, {"external_id": "usr_2", "follow_up_priorty": 7})
    assert "follow_up_priorty" not in exported(bz, "usr_2")["usr_2"]


def test_a_value_of_another_type_is_dropped_without_a_word(bz: Caller) -> None:
    answer = track(bz, {"external_id": "usr_1", "product_seats": "many", "expansion_education": 1})
    assert answer.json() == {"message": "success", "attributes_processed": 1}
    assert exported(bz, "usr_1")["usr_1"]["product_seats"] == 3
    track(bz, {"external_id": "usr_1", "follow_up_reason": "x" * 300})
    assert exported(bz, "usr_1")["usr_1"]["follow_up_reason"] == "x" * 255


def test_arrays_and_numbers_take_operations(bz: Caller) -> None:
    track(bz, {"external_id": "usr_1", "product_features": ["a"], "product_seats": {"inc": 2}})
    track(bz, {"external_id": "usr_1", "product_features": {"add": ["b", "a"]}})
    assert exported(bz, "usr_1")["usr_1"]["product_features"] == ["a", "b"]
    assert exported(bz, "usr_1")["usr_1"]["product_seats"] == 5
    track(bz, {"external_id": "usr_1", "product_features": {"remove": ["a"]}})
    assert exported(bz, "usr_1")["usr_1"]["product_features"] == ["b"]


def test_an_export_takes_50_ids_and_names_those_of_nobody(bz: Caller) -> None:
    answer = bz("POST", "/users/export/ids", json={"external_ids": ["usr_1", "nobody"]}).json()
    assert [one["email"] for one in answer["users"]] == ["one@example.com"]
    assert answer["invalid_user_ids"] == ["nobody"]
    over = {"external_ids": [f"n{at}" for at in range(51)]}
    assert bz("POST", "/users/export/ids", json=over).status_code == 400


def test_the_catalogue_comes_in_pages_of_50(bz: Caller) -> None:
    track(bz, {"external_id": "usr_1", **{f"made_{at:03}": at for at in range(120)}})
    first = bz("GET", "/custom_attributes")
    names = [one["name"] for one in first.json()["attributes"]]
    assert (len(names), names) == (50, sorted(names))
    assert len([name for name in catalogue(bz) if name.startswith("made_")]) == 120
    assert bz("GET", "/custom_attributes?cursor=!").status_code == 400


def test_a_write_is_seen_after_the_delay_that_was_set(place: Place, bz: Caller) -> None:
    place.own("POST", "limits", json={"vendor": "braze", "visible_after_ms": 60_000})
    track(bz, {"external_id": "usr_1", "follow_up_priority": "hot"}, {"external_id": "new"})
    assert exported(bz, "usr_1", "new")["usr_1"]["follow_up_priority"] == "warm"
    assert "new" not in exported(bz, "new")
    place.clock.now += timedelta(seconds=61)
    assert exported(bz, "usr_1", "new")["usr_1"]["follow_up_priority"] == "hot"
    assert exported(bz, "new") == {"new": {}}


@pytest.mark.parametrize(
    ("limit", "method", "path", "body", "seconds"),
    [
        ("track_per_three_seconds", "POST", TRACK, {"attributes": [{"external_id": "usr_1"}]}, 3),
        ("export_per_minute", "POST", "/users/export/ids", {"external_ids": ["usr_1"]}, 60),
        ("catalogue_per_hour", "GET", "/custom_attributes", None, 3600),
    ],
)
def test_a_window_begins_on_the_clock_and_429_says_when_the_next_one_does(
    place: Place, bz: Caller, limit: str, method: str, path: str, body: Any, seconds: int
) -> None:
    place.own("POST", "limits", json={"vendor": "braze", limit: 2})
    answers = [bz(method, path, json=body) for _ in range(3)]
    assert [one.status_code < 300 for one in answers] == [True, True, False]
    assert answers[1].headers["X-RateLimit-Remaining"] == "0"
    assert answers[2].status_code == 429
    assert "Retry-After" not in answers[2].headers
    reset = int(answers[2].headers["X-RateLimit-Reset"])
    assert reset % seconds == 0
    assert 0 < reset - place.clock.now.timestamp() <= seconds
    place.clock.now += timedelta(seconds=seconds)
    assert bz(method, path, json=body).status_code < 300


def test_a_wrong_key_is_a_401_with_a_message_and_no_code(place: Place) -> None:
    caller = place.braze()
    answer = caller("GET", "/custom_attributes", headers={"Authorization": "Bearer no"})
    caller.session.close()
    assert (answer.status_code, set(answer.json())) == (401, {"message"})


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({"kind": "unauthorized"}, 401, "credentials"),
        ({"kind": "forbidden"}, 403, "permission"),
        ({"kind": "rate_limited", "seconds": 7}, 429, "Rate limit"),
        ({"kind": "maintenance"}, 202, "queued"),
        ({"kind": "server_error", "status": 502}, 502, "error"),
        ({"kind": "too_large"}, 413, "4 MB"),
        ({"kind": "html_error"}, 503, "<html>"),
    ],
)
def test_a_fault_answers_instead_and_writes_nothing(
    place: Place, bz: Caller, fault: Any, status: int, text: str
) -> None:
    place.fault("braze", **fault)
    answer = track(bz, {"external_id": "usr_1", "follow_up_priority": "hot"})
    assert answer.status_code == status
    assert text in answer.text
    assert exported(bz, "usr_1")["usr_1"]["follow_up_priority"] == "warm"


def test_a_dropped_record_counts_as_processed(place: Place, bz: Caller) -> None:
    place.fault("braze", "drop_records", keys=["usr_1"])
    answer = track(bz, {"external_id": "usr_1", "follow_up_priority": "hot"})
    assert answer.json() == {"message": "success", "attributes_processed": 1}
    assert exported(bz, "usr_1")["usr_1"]["follow_up_priority"] == "warm"


def test_a_blocklisted_attribute_takes_nothing_and_a_deleted_one_is_made_again(
    place: Place, bz: Caller
) -> None:
    place.fault("braze", "field_read_only", object="users", field="follow_up_priority")
    listed = bz("GET", "/custom_attributes").json()["attributes"]
    assert {one["name"] for one in listed if one["status"] == "Blocklisted"} == {
        "follow_up_priority"
    }
    track(bz, {"external_id": "usr_1", "follow_up_priority": "hot"})
    assert exported(bz, "usr_1")["usr_1"]["follow_up_priority"] == "warm"
    place.fault("braze", "field_deleted", object="users", field="product_seats")
    track(bz, {"external_id": "usr_2", "product_seats": "ten"})
    assert catalogue(bz)["product_seats"] == "String (Automatically Detected)"


def test_a_person_edits_and_only_what_can_be_edited(place: Place, bz: Caller) -> None:
    body = {"vendor": "braze", "object": "users", "id": "usr_1"}
    place.own("POST", "edit", json={**body, "field": "expansion_education", "value": "true"})
    assert exported(bz, "usr_1")["usr_1"]["expansion_education"] is True
    place.own("POST", "edit", json={**body, "field": "expansion_education", "value": ""})
    assert "expansion_education" not in exported(bz, "usr_1")["usr_1"]
    page = bz.session.get(f"{place.url}/records/braze/users/usr_1", timeout=20)
    assert page.status_code == 200
    for field, value in (("braze_id", "x"), ("nothing", "x"), ("product_seats", "many")):
        answer = bz.session.post(
            f"{place.url}/_sandbox/edit", json={**body, "field": field, "value": value}, timeout=20
        )
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'"x"', b"[" * 5000, b"\xff", b'{"attributes": {}}',
     b'{"attributes": [null, [], {"external_id": 5}, {"external_id": {}, "braze_id": []}]}',
     b'{"attributes": [{"external_id": "usr_1", "a": {"inc": "x"}, "product_seats": {}}]}',
     b'{"external_ids": [1]}', b'{"external_ids": ["x"], "fields_to_export": {}}'],
)  # fmt: skip
def test_no_body_makes_the_stand_in_fall_over(bz: Caller, body: bytes) -> None:
    for path in (TRACK, "/users/export/ids", "/custom_attributes"):
        assert bz("POST", path, data=body).status_code < 500
