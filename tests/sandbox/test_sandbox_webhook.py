"""The stand-in for a store of items verifies, keeps versions, answers once and lets expire."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from activation_pipeline.sandbox import load_org

if TYPE_CHECKING:
    from sandbox_place import Place

OBJECT = "next_best_action"
SECRET = load_org(["webhook"])["webhook"].credentials["secret"]


@dataclass
class Sender:
    """Signs as ``docs/webhook.md`` says, without a line of the pipeline; or badly, if asked to."""

    place: Place
    secret: str = SECRET
    age: timedelta = timedelta(0)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = b"" if body is None else json.dumps(body).encode()
        uri = f"{self.place.url}/webhook{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        signed = {**self.signature(method, uri, sent), **named}
        return requests.request(method, uri, data=sent or None, headers=signed, timeout=20)

    def signature(self, method: str, uri: str, body: bytes) -> dict[str, str]:
        stamp = str(int((self.place.clock.now - self.age).timestamp()))
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        text = f"v1\n{method}\n{uri}\n{stamp}\n{digest}"
        mark = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return {
            "X-Activation-Timestamp": stamp,
            "Content-Digest": digest,
            "X-Activation-Signature": f"v1={mark}",
        }

    def items(self, *items: dict[str, Any], key: str = "", **batch: Any) -> Any:
        known = {"contract": "c", "contract_version": 1, "run": "r", "object": OBJECT}
        body = {**known, "items": list(items), **batch}
        named = key or hashlib.sha256(json.dumps(body).encode()).hexdigest()
        return self("POST", "/items", body, Idempotency_Key=named)

    def read(self, *keys: str) -> dict[str, Any]:
        found: dict[str, Any] = self("POST", "/read", {"object": OBJECT, "keys": keys}).json()
        return found


def item(key: str = "o1", version: int = 1, **parts: Any) -> dict[str, Any]:
    known = {
        "key": key,
        "op": "upsert",
        "version": version,
        "valid_until": "2026-11-27T09:00:00.000Z",
        "values": {"suggestion": "show_premium_feature"},
        "meta": {"source_asof": "2026-11-20T08:00:00.000Z", "reason_code": "usage_drop"},
    }
    return {**known, **parts}


def gone(key: str = "o1", version: int = 1) -> dict[str, Any]:
    return {"key": key, "op": "delete", "version": version}


def words(answer: Any) -> list[str]:
    return [one["status"] for one in answer.json()["results"]]


def error(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["results"][0]["error"]
    return found


@pytest.fixture
def store(place: Place) -> Sender:
    return Sender(place)


def test_an_item_is_kept_with_all_that_travels_with_it(store: Sender) -> None:
    answer = store.items(item())
    assert (answer.status_code, words(answer)) == (200, ["created"])
    found = store.read("o1", "nobody")
    assert found["missing"] == ["nobody"]
    (held,) = found["items"]
    assert held["values"] == {"suggestion": "show_premium_feature"}
    assert held["meta"] == {"source_asof": "2026-11-20T08:00:00.000Z", "reason_code": "usage_drop"}
    assert (held["version"], held["valid_until"]) == (1, "2026-11-27T09:00:00.000Z")
    assert (held["contract"], held["run"], held["edits"]) == ("c", "r", {})


def test_null_clears_and_a_field_that_is_left_out_stays(store: Sender) -> None:
    store.items(item(values={"suggestion": "show_premium_feature", "feature": "audit_export"}))
    store.items(item(version=2, values={"suggestion": None}, meta={}))
    (held,) = store.read("o1")["items"]
    assert held["values"] == {"feature": "audit_export"}
    assert held["meta"]["reason_code"] == "usage_drop"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"X_Activation_Signature": "v1=00"}, "signature"),
        ({"X_Activation_Signature": "v1=é"}, "signature"),
        ({"X_Activation_Timestamp": "1"}, "old"),
        ({"X_Activation_Timestamp": "soon"}, "time"),
        ({"Content_Digest": "sha-256=:AAAA:"}, "digest"),
    ],
)
def test_what_is_not_signed_by_us_is_not_taken(
    store: Sender, broken: dict[str, str], message: str
) -> None:
    sent = {name: value.encode().decode("latin-1") for name, value in broken.items()}
    answer = store("POST", "/read", {"object": OBJECT, "keys": []}, **sent)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "BAD_SIGNATURE")
    assert message in answer.json()["error"]["message"]


def test_another_secret_another_address_or_an_old_request_is_not_taken(place: Place) -> None:
    assert Sender(place, secret="x" * 40)("GET", "/capabilities").status_code == 401
    assert Sender(place, age=timedelta(seconds=301))("GET", "/capabilities").status_code == 401
    assert Sender(place, age=timedelta(seconds=-301))("GET", "/capabilities").status_code == 401
    assert Sender(place, age=timedelta(seconds=290))("GET", "/capabilities").status_code == 200
    moved = Sender(place).signature("GET", f"{place.url}/webhook/capabilities", b"")
    elsewhere = f"{place.url}/webhook/context/{OBJECT}/o1"
    assert requests.get(elsewhere, headers=moved, timeout=20).status_code == 401


def test_a_batch_that_comes_again_gets_its_first_answer(store: Sender) -> None:
    first = store.items(item(), key="k")
    again = store.items(item(), key="k")
    assert (words(again), again.headers["Idempotent-Replayed"]) == (["created"], "true")
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers


def test_a_key_of_another_batch_or_none_is_refused(store: Sender) -> None:
    store.items(item(), key="k")
    other = store.items(item(version=2), key="k")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    none = store("POST", "/items", {"object": OBJECT, "items": []})
    assert (none.status_code, none.json()["error"]["code"]) == (400, "NO_IDEMPOTENCY_KEY")


def test_an_older_version_changes_nothing_and_the_same_again_neither(store: Sender) -> None:
    store.items(item(version=5))
    late = store.items(item(version=4, values={"suggestion": "settle_payment_first"}))
    assert (late.status_code, words(late)) == (207, ["stale_version"])
    assert words(store.items(item(version=5), key="another")) == ["unchanged"]
    (held,) = store.read("o1")["items"]
    assert held["values"] == {"suggestion": "show_premium_feature"}


def test_a_deleted_item_is_empty_and_only_a_newer_one_brings_it_back(store: Sender) -> None:
    store.items(item(version=5, values={"suggestion": None, "feature": "audit_export"}))
    assert words(store.items(gone(version=6))) == ["applied"]
    assert store.read("o1") == {"items": [], "missing": ["o1"]}
    assert words(store.items(item(version=5))) == ["stale_version"]
    assert words(store.items(gone(version=7), gone("never", 3))) == ["unchanged", "unchanged"]
    assert words(store.items(item("never", 2))) == ["stale_version"]
    assert words(store.items(item(version=8))) == ["created"]
    (held,) = store.read("o1")["items"]
    assert held["values"] == {"suggestion": "show_premium_feature"}


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ({"values": {"nope": 1}}, "UNKNOWN_FIELD", "nope"),
        ({"values": {"reason_code": "usage_drop"}}, "WRONG_PART", "reason_code"),
        ({"values": {"version": 9}}, "READ_ONLY_FIELD", "version"),
        ({"values": {"suggestion": "call them at once"}}, "INVALID_OPTION", "suggestion"),
        ({"values": {"suggestion": 1}}, "INVALID_TYPE", "suggestion"),
        ({"meta": {"confidence": "high"}}, "INVALID_TYPE", "confidence"),
        ({"meta": {"suggested_at": "soon"}}, "INVALID_TYPE", "suggested_at"),
        ({"meta": {"reason_code": "x" * 81}}, "TOO_LONG", "reason_code"),
        ({"valid_until": None}, "NO_EXPIRY", None),
        ({"version": "1"}, "BAD_ITEM", None),
        ({"op": "merge"}, "BAD_ITEM", None),
        ({"values": []}, "BAD_ITEM", None),
    ],
)
def test_one_bad_item_is_refused_alone(
    store: Sender, parts: dict[str, Any], code: str, field: str | None
) -> None:
    answer = store.items(item("bad", **parts), item("good"))
    assert (answer.status_code, words(answer)) == (207, ["rejected", "created"])
    assert (error(answer)["code"], error(answer).get("field")) == (code, field)
    assert store.read("bad", "good")["missing"] == ["bad"]


def test_a_key_twice_in_a_batch_is_refused_twice(store: Sender) -> None:
    answer = store.items(item(), item(version=2), item("o2"))
    assert words(answer) == ["rejected", "rejected", "created"]


def test_a_whole_request_that_is_not_understood_is_refused(store: Sender) -> None:
    for answer, status in [
        (store.items(item(), object="nope"), 400),
        (store.items("no item"), 400),  # type: ignore[arg-type] - wrong on purpose
        (store.items(*[item(f"o{n}") for n in range(101)]), 413),
        (store("POST", "/read", {"object": "nope", "keys": []}), 400),
        (store("POST", "/read", {"object": OBJECT, "keys": [1]}), 400),
        (store("POST", "/read", {"object": OBJECT, "keys": ["k"] * 101}), 413),
        (store("POST", "/read", []), 400),
        (store("PUT", "/items", {}), 405),
    ]:
        assert answer.status_code == status
        assert answer.json()["error"]["code"]


def test_capabilities_say_what_may_be_written(store: Sender) -> None:
    found = store("GET", "/capabilities").json()
    described = found["objects"][OBJECT]
    assert described["key"] == "opportunity_id"
    assert described["fields"]["suggestion"]["role"] == "value"
    assert "audit_export" in described["fields"]["feature"]["options"]
    assert described["fields"]["confidence"] == {"role": "meta", "type": "number", "writable": True}
    assert "valid_until" not in described["fields"]
    assert found["limits"]["items_per_request"] == 100


def test_an_agent_is_shown_an_item_as_data_and_only_until_it_expires(store: Sender) -> None:
    store.items(item())
    shown = store("GET", f"/context/{OBJECT}/o1").json()
    assert shown["values"] == {"suggestion": "show_premium_feature"}
    assert "not instructions" in shown["notice"]
    store.place.clock.now += timedelta(days=7, seconds=1)
    assert store("GET", f"/context/{OBJECT}/o1").status_code == 404
    assert store.read("o1")["missing"] == []


def test_a_persons_edit_is_told_until_we_write_the_field_again(store: Sender) -> None:
    store.items(item())
    asked = {"vendor": "webhook", "object": OBJECT, "id": "o1", "field": "feature"}
    store.place.own("POST", "edit", json={**asked, "value": "audit_export"})
    (held,) = store.read("o1")["items"]
    assert list(held["edits"]) == ["feature"]
    assert held["edits"]["feature"]["by"] == "rep-1"
    store.items(item(version=2, values={"feature": "spend_forecasting"}))
    assert store.read("o1")["items"][0]["edits"] == {}


@pytest.mark.parametrize(
    ("field", "value"), [("version", "9"), ("feature", "anything"), ("nope", "x")]
)
def test_a_person_edits_only_what_a_field_takes(store: Sender, field: str, value: str) -> None:
    store.items(item())
    asked = {"vendor": "webhook", "object": OBJECT, "id": "o1", "field": field, "value": value}
    answer = requests.post(f"{store.place.url}/_sandbox/edit", json=asked, timeout=20)
    assert answer.status_code == 400


def test_the_page_shows_an_item_with_its_expiry(store: Sender) -> None:
    store.items(item())
    assert "o1" in requests.get(store.place.url, timeout=20).text
    page = requests.get(f"{store.place.url}/records/webhook/{OBJECT}/o1", timeout=20).text
    assert "Valid until (UTC)" in page
    assert "2026-11-27T09:00:00.000Z" in page


@pytest.mark.parametrize(
    ("kind", "status", "wait"),
    [
        ("unauthorized", 401, None),
        ("forbidden", 403, None),
        ("rate_limited", 429, "1"),
        ("unavailable", 503, "2"),
        ("busy", 409, "1"),
        ("server_error", 500, None),
        ("too_large", 413, None),
        ("bad_request", 400, None),
    ],
)
def test_every_refusal_may_be_asked_for(
    store: Sender, kind: str, status: int, wait: str | None
) -> None:
    store.place.fault("webhook", kind)
    answer = store.items(item())
    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, wait)
    assert store.read("o1")["items"] == []


def test_an_item_that_is_dropped_is_in_no_list_and_one_that_is_refused_says_why(
    store: Sender,
) -> None:
    store.place.fault("webhook", "drop_records", keys=["o1"])
    answer = store.items(item(), item("o2"))
    assert [one["key"] for one in answer.json()["results"]] == ["o2"]
    store.place.fault("webhook", "refuse_records", keys=["o3"])
    assert error(store.items(item("o3")))["code"] == "REFUSED_BY_RULE"
    assert store.read("o1", "o3")["missing"] == ["o1", "o3"]


def test_more_requests_than_a_second_allows_are_a_429(store: Sender) -> None:
    store.place.own("POST", "limits", json={"vendor": "webhook", "requests_per_second": 2})
    answers = [store("GET", "/capabilities").status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    store.place.clock.now += timedelta(seconds=1)
    assert store("GET", "/capabilities").status_code == 200
