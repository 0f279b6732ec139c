"""``POST /items``: the request of one batch, and what its answer says of each item.

The answer has one entry per item; an item without a clear word is unknown, never accepted. A
store that holds a newer version keeps it, and says so. The same batch has the same bytes and
the same ``Idempotency-Key`` however often it is sent.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.destinations import BatchOutcome
from activation_pipeline.destinations._batch import Ready, WholeRefusal, all_unknown, fault
from activation_pipeline.destinations._masking import fault_message, safe_code, safe_name
from activation_pipeline.destinations._values import written_moment
from activation_pipeline.destinations._webhook_session import TOO_LARGE, error_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from activation_pipeline.destinations import (
        Origin,
        OutgoingRecord,
        RecordFault,
        Target,
        Value,
    )
    from activation_pipeline.destinations._http import Answer

_REFUSED = 400
_ACCEPTED = ("created", "applied", "unchanged")
_STALE = "stale_version"


def item_key(record: OutgoingRecord) -> str:
    """Name the item that a record is; our name for it only where the match gave none."""
    return record.destination_id or record.destination_key


def body_for(target: Target, origin: Origin, part: Sequence[Ready]) -> bytes:
    """Compose the request that writes and deletes these items."""
    body = {
        "contract": origin.contract,
        "contract_version": origin.contract_version,
        "run": origin.plan,
        "object": target.object,
        "items": [_item(target, origin, each) for each in part],
    }
    return orjson.dumps(body)


def _item(target: Target, origin: Origin, ready: Ready) -> dict[str, object]:
    record = ready.record
    head: dict[str, object] = {"key": item_key(record)}
    if record.operation == "remove":
        return {**head, "op": "delete", "version": origin.version}
    values: dict[str, Value] = {}
    meta: dict[str, Value] = {}
    if record.as_of is not None:
        meta["source_asof"] = written_moment(record.as_of)
        head["valid_until"] = written_moment(record.as_of + origin.expire_after)
    for name, value in ready.wire.items():
        (meta if target.fields[name].role == "meta" else values)[name] = value
    return {**head, "op": "upsert", "version": origin.version, "values": values, "meta": meta}


def idempotency_key(origin: Origin, body: bytes) -> str:
    """Name one batch: equal on every repeat of it, different for any other."""
    return f"{origin.contract}/{origin.plan}/{hashlib.sha256(body).hexdigest()[:32]}"


def timeless(records: Iterable[OutgoingRecord]) -> list[RecordFault]:
    """Hold back items without an event time: they would never expire."""
    message = "has no event time, so the item would never expire"
    return [
        fault(record, "rejected", "no_event_time", message)
        for record in records
        if record.as_of is None and record.operation != "remove"
    ]


def outcome_of(answer: Answer, part: Sequence[Ready]) -> BatchOutcome | WholeRefusal:
    """Account for every item of one request."""
    if answer.status >= _REFUSED:
        code, message = error_of(answer)
        fallback = "TOO_LARGE" if answer.status == TOO_LARGE else "BAD_REQUEST"
        return WholeRefusal(code or fallback, None, message)
    told = _by_key(answer.parsed())
    if told is None:
        return all_unknown(part, "no_results", "the store answered without a list of results")
    faults, created = [], []
    for ready in part:
        entry = told.get(item_key(ready.record))
        status = entry.get("status") if entry else None
        if status not in _ACCEPTED:
            faults.append(_fault(ready.record, entry, status))
        elif status == "created":
            created.append(ready.record.key)
    return BatchOutcome(tuple(faults), tuple(created))


def _by_key(body: Any) -> dict[str, dict[str, Any]] | None:
    """Find the one entry of each key; a key that has several has no clear word."""
    listed = body.get("results") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        return None
    found: dict[str, dict[str, Any]] = {}
    for entry in listed:
        if isinstance(entry, dict) and isinstance(entry.get("key"), str):
            found[entry["key"]] = {} if entry["key"] in found else entry
    return found


def _fault(record: OutgoingRecord, entry: dict[str, Any] | None, status: object) -> RecordFault:
    if status == _STALE:
        text = "the store holds a newer version of this item, and keeps it"
        return fault(record, "rejected", "STALE_VERSION", text)
    if status == "rejected":
        error = entry.get("error") if entry else None
        told = error if isinstance(error, dict) else {}
        code = safe_code(told.get("code"))
        message = fault_message(code, told.get("message"), record)
        return fault(record, "rejected", code, message, safe_name(told.get("field")))
    text = "the store said nothing clear of this item"
    return fault(record, "unknown", "no_result", text)
