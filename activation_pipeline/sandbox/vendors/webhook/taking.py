"""``POST /items``: a batch of items, each taken or refused by itself, once.

A batch that comes again with its ``Idempotency-Key`` gets the answer of the first time. An item
with an older version than the one that is held, also of a deleted one, changes nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.shelf import Record, Shelf, Writer
from activation_pipeline.sandbox.vendors.webhook.items import (
    digest_of,
    is_own,
    problem_of,
    revive,
)
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.sandbox.catalogue import ObjectSpec

_OPERATIONS = ("upsert", "delete")
_FINE = ("created", "applied", "unchanged")
_REPLAYED = {"Idempotent-Replayed": "true"}


def take(call: Call, world: World) -> Answer:
    """POST a batch of items."""
    key, digest = call.headers.get("idempotency-key", ""), call.headers["content-digest"]
    if not key:
        raise Refusal(400, "NO_IDEMPOTENCY_KEY", "the header Idempotency-Key is missing")
    known = world.store.setting(f"webhook:answer:{key}")
    if known is not None:
        if known["digest"] != digest:
            raise Refusal(422, "IDEMPOTENCY_KEY_REUSED", "another batch had this key")
        return json_answer(known["body"], known["status"], _REPLAYED)
    body = {"results": _taken(call, world)}
    is_fine = all(one["status"] in _FINE for one in body["results"])
    status = 200 if is_fine else 207
    kept = {"digest": digest, "status": status, "body": body}
    world.store.keep(f"webhook:answer:{key}", kept)
    return json_answer(body, status)


def _taken(call: Call, world: World) -> list[dict[str, Any]]:
    parsed = parsed_body(call)
    spec = world.org.find(str(parsed.get("object")))
    items = parsed.get("items")
    if spec is None:
        raise Refusal(400, "UNKNOWN_OBJECT", "there is no such object")
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
        raise Refusal(400, "BAD_REQUEST", "items must be a list of objects")
    if len(items) > world.limits["items_per_request"]:
        raise Refusal(413, "TOO_LARGE", f"{len(items)} items in one request are too many")
    desk = _Desk(call, world, spec, parsed)
    repeated = {
        key for key, count in Counter(str(i.get("key")) for i in items).items() if count > 1
    }
    results = []
    for position, item in enumerate(items):
        key = item.get("key")
        if call.drop.loses(position, key):
            continue
        if call.refuse.loses(position, key):
            results.append(_rejected(key, "REFUSED_BY_RULE", "a rule of the store refuses it"))
        elif str(key) in repeated:
            results.append(_rejected(key, "DUPLICATE_IN_BATCH", "the key is in the batch twice"))
        else:
            results.append({"key": key, **desk.write(item)})
    return results


def parsed_body(call: Call) -> dict[str, Any]:
    """Read the body of a call as an object."""
    try:
        parsed = call.json()
    except orjson.JSONDecodeError:
        raise Refusal(400, "BAD_REQUEST", "the body is not JSON") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, "BAD_REQUEST", "the body must be an object")
    return parsed


def _rejected(key: object, code: str, message: str, field: str | None = None) -> dict[str, Any]:
    named = {"field": field} if field else {}
    error = {"code": code, "message": message, **named}
    return {"key": key, "status": "rejected", "error": error}


class _Desk:
    """The items of one object, as one batch changes them."""

    def __init__(
        self, call: Call, world: World, spec: ObjectSpec, batch: Mapping[str, Any]
    ) -> None:
        user = world.org.user("integration")
        self._world = world
        self._spec = spec
        self._shelf = Shelf(world, spec)
        self._batch = {"contract": batch.get("contract"), "run": batch.get("run")}
        self._writer = Writer(user.kind, user.id, call.now)

    def write(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Take one item, or say why not: its status, and its error where it has one."""
        problem = self._problem(item)
        if problem is not None:
            return problem
        record = self._shelf.find(item["key"])
        held = record.values.get("version", 0) if record is not None else -1
        digest = digest_of(item)
        if item["version"] < held:
            return {"status": "stale_version"}
        if record is not None and record.values.get("content_digest") == digest:
            return {"status": "unchanged"}
        own = {**self._batch, "version": item["version"], "content_digest": digest}
        if item["op"] == "delete":
            return {"status": self._delete(item["key"], record, own)}
        meta = item.get("meta") or {}
        own |= {"valid_until": item["valid_until"], "source_asof": meta.get("source_asof")}
        told = {name: value for name, value in meta.items() if name != "source_asof"}
        return {"status": self._upsert(item["key"], record, {**item["values"], **told, **own})}

    def _problem(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        key, version = item.get("key"), item.get("version")
        is_item = isinstance(key, str) and key and type(version) is int and version >= 0
        if not is_item or item.get("op") not in _OPERATIONS:
            return _rejected(key, "BAD_ITEM", "an item has key, op and version")
        if item["op"] == "delete":
            return None
        if not isinstance(item.get("valid_until"), str):
            return _rejected(key, "NO_EXPIRY", "an item has valid_until")
        if not isinstance(item.get("values"), dict) or not isinstance(item.get("meta"), dict):
            return _rejected(key, "BAD_ITEM", "values and meta are objects")
        sections = (("value", item["values"]), ("meta", item["meta"]))
        for section, entries in sections:
            for name, value in entries.items():
                if section == "meta" and name == "source_asof":
                    continue
                found = problem_of(self._spec.field(name), value, section)
                if found is not None:
                    return _rejected(key, *found, field=name)
        return None

    def _delete(self, key: str, record: Record | None, own: Mapping[str, Any]) -> str:
        """Empty an item and remember its version, so that an older one does not bring it back."""
        was_there = record is not None and not record.archived
        if record is None:
            record = self._shelf.create(key, {self._spec.id_field: key, **own}, self._writer)
        else:
            gone = {n: None for n in record.values if not is_own(self._spec, n)}
            ended = {"valid_until": None, "source_asof": None}
            record = self._shelf.update(record, {**gone, **ended, **own}, self._writer)
        self._shelf.archive(record, self._writer)
        return "applied" if was_there else "unchanged"

    def _upsert(self, key: str, record: Record | None, values: Mapping[str, Any]) -> str:
        if record is None:
            self._shelf.create(key, {self._spec.id_field: key, **values}, self._writer)
            return "created"
        was_gone = record.archived
        if was_gone:
            revive(self._world, self._spec, record)
        self._shelf.update(record, values, self._writer)
        return "created" if was_gone else "applied"
