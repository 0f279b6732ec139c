"""The stand-in for HubSpot keeps static lists and limits as HubSpot does, in both path styles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_place import Caller, Place

from datetime import timedelta

import pytest

STYLES = ["/crm/v3/{}", "/crm/{}/2026-09"]
UPSERT = "/crm/v3/objects/contacts/batch/upsert"


def upsert(hs: Any, *inputs: dict[str, Any]) -> Any:
    return hs("POST", UPSERT, json={"inputs": list(inputs)})


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer no"}, {"Authorization": "x"}])
def test_a_wrong_token_is_refused(place: Place, header: Any) -> None:
    caller = place.hubspot()
    caller.session.headers.pop("Authorization")
    answer = caller("GET", "/crm/v3/properties/contacts", headers=header)
    caller.session.close()
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    assert set(answer.json()) == {"status", "message", "correlationId", "category"}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["contacts", "0-1"])
def test_both_path_styles_answer(hs: Caller, style: str, name: str) -> None:
    root = style.format("objects")
    assert hs("GET", f"{root}/{name}/501").json()["properties"]["email"] == "one@example.com"
    assert hs("GET", f"{style.format('properties')}/{name}/email").json()["name"] == "email"
    assert hs("GET", f"{style.format('lists')}/1001").json()["list"]["processingType"] == "MANUAL"


@pytest.mark.parametrize("style", STYLES)
def test_list_members_are_added_and_removed_as_a_set(hs: Caller, style: str) -> None:
    root = style.format("lists")
    added = hs("PUT", f"{root}/1001/memberships/add", json=["502", "501", "999", "501"]).json()
    assert added == {
        "recordsIdsAdded": ["502", "501"],
        "recordIdsRemoved": [],
        "recordIdsMissing": ["999"],
    }
    again = hs("PUT", f"{root}/1001/memberships/add", json=["501"])
    assert (again.status_code, again.json()["recordsIdsAdded"]) == (200, [])
    both = {"recordIdsToAdd": ["503"], "recordIdsToRemove": ["502", "504"]}
    changed = hs("PUT", f"{root}/1001/memberships/add-and-remove", json=both).json()
    assert (changed["recordsIdsAdded"], changed["recordIdsRemoved"]) == (["503"], ["502"])
    hs("PUT", f"{root}/1001/memberships/remove", json=["501"])
    left = hs("GET", f"{root}/1001/memberships").json()
    assert ([r["recordId"] for r in left["results"]], left["total"]) == (["503"], 1)
    of_one = hs("GET", f"{root}/records/0-1/503/memberships").json()
    assert [r["listId"] for r in of_one["results"]] == ["1001"]
    assert hs("GET", f"{root}/1001").json()["list"]["size"] == 1
    assert hs("DELETE", f"{root}/1001/memberships").status_code == 204


def test_members_come_in_pages_by_id_or_by_joining(hs: Caller) -> None:
    for record_id in ("505", "501", "503"):
        hs("PUT", "/crm/v3/lists/1001/memberships/add", json=[record_id])
    for path, order in (
        ("/crm/v3/lists/1001/memberships", ["501", "503", "505"]),
        ("/crm/v3/lists/1001/memberships/join-order", ["505", "501", "503"]),
    ):
        first = hs("GET", f"{path}?limit=2").json()
        after = first["paging"]["next"]["after"]
        rest = hs("GET", f"{path}?limit=2&after={after}").json()
        found = [r["recordId"] for r in first["results"] + rest["results"]]
        assert (found, "paging" in rest) == (order, False)
        assert hs("GET", f"{path}?limit=251").status_code == 400


def test_a_dynamic_list_and_an_unknown_one_refuse(hs: Caller) -> None:
    dynamic = hs("PUT", "/crm/v3/lists/1002/memberships/add", json=["501"])
    assert (dynamic.status_code, dynamic.json()["category"]) == (400, "VALIDATION_ERROR")
    unknown = hs("PUT", "/crm/v3/lists/9/memberships/add", json=["501"])
    assert (unknown.status_code, unknown.json()["category"]) == (404, "OBJECT_NOT_FOUND")
    assert hs("PUT", "/crm/v3/lists/1001/memberships/add", json={"a": 1}).status_code == 400


def test_lists_are_made_once_and_found_by_name(hs: Caller) -> None:
    body = {"name": "Mine", "objectTypeId": "0-1", "processingType": "MANUAL"}
    made = hs("POST", "/crm/v3/lists/", json=body).json()["list"]
    again = hs("POST", "/crm/lists/2026-09", json={**body, "name": "mine"})
    assert again.json()["subCategory"] == "ListError.DUPLICATE_LIST_NAMES"
    found = hs("GET", "/crm/v3/lists/object-type-id/0-1/name/Expansion%20education").json()["list"]
    assert (found["listId"], made["size"]) == ("1001", 0)
    assert hs("GET", "/crm/v3/lists/object-type-id/0-1/name/Nope").status_code == 404
    assert hs("POST", "/crm/v3/lists", json={"name": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("limit", "policy", "pause"),
    [
        ("per_ten_seconds", "TEN_SECONDLY_ROLLING", timedelta(seconds=11)),
        ("per_second", "SECONDLY", timedelta(seconds=2)),
        ("daily_requests", "DAILY", timedelta(days=1)),
    ],
)
def test_each_limit_answers_429_with_its_policy_and_no_retry_after(
    place: Place, hs: Caller, limit: str, policy: str, pause: timedelta
) -> None:
    place.own("POST", "limits", json={"vendor": "hubspot", limit: 2})
    path = "/crm/v3/properties/contacts/email"
    assert [hs("GET", path).status_code for _ in range(3)] == [200, 200, 429]
    over = hs("GET", path)
    assert (over.json()["policyName"], over.json()["errorType"]) == (policy, "RATE_LIMIT")
    assert "Retry-After" not in over.headers
    place.clock.now += pause
    after = hs("GET", path)
    assert after.status_code == 200
    assert int(after.headers["X-HubSpot-RateLimit-Remaining"]) >= 1
    assert after.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
