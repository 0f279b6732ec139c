"""``/users/track``: the request of one batch, and what its answer says of each record.

201 lists the objects that were refused, by their place, and is the only confirmation there is:
it means queued. An error that names no place, or a count that does not add up, leaves the
records that it may be about unknown. Of users that were made, or values that did not change,
Braze says nothing.

Source: "Track users" and "User attributes object", braze.com/docs, read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.destinations import BatchOutcome
from activation_pipeline.destinations._batch import Ready, WholeRefusal, all_unknown, fault
from activation_pipeline.destinations._braze_catalogue import KEY
from activation_pipeline.destinations._braze_session import message_of, unquoted
from activation_pipeline.destinations._masking import fault_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from activation_pipeline.destinations import OutgoingRecord, Target, Value
    from activation_pipeline.destinations._http import Answer

BATCH_SIZE = 75
_REFUSED, _TOO_LARGE = 400, 413
_ALL_BAD = "Valid data must be provided"
_BAD_OBJECT = "INVALID_OBJECT"


def addresses_of(target: Target, records: Iterable[OutgoingRecord]) -> list[str]:
    """Say by which external id the request addresses each record.

    Id and key are both external ids here. The id is the one that was matched; the key is only
    for a user who is not there yet, since it may be no more than our own name for the row.
    """
    if target.key and target.list is None:
        return [record.destination_id or record.destination_key for record in records]
    return [record.destination_id for record in records]


def is_joining(record: OutgoingRecord) -> bool:
    """Say whether a record enters the audience or leaves it."""
    return record.operation not in {"remove", "clear"}


def body_for(target: Target, part: Sequence[Ready]) -> bytes:
    """Compose the request that writes these records.

    A member of an audience has True in its attribute; who leaves has none, as before joining.
    """
    only_existing = {"_update_existing_only": True}
    steering = only_existing if target.list is not None or target.behavior != "upsert" else {}
    addresses = addresses_of(target, [item.record for item in part])
    attributes = [
        {KEY: address, **steering, **_written(target, item)}
        for address, item in zip(addresses, part, strict=True)
    ]
    return orjson.dumps({"attributes": attributes})


def _written(target: Target, item: Ready) -> dict[str, Value]:
    if target.list is None:
        return item.wire
    return {target.list: True if is_joining(item.record) else None}


def outcome_of(answer: Answer, part: Sequence[Ready]) -> BatchOutcome | WholeRefusal:
    """Account for every record of one request."""
    body = answer.parsed()
    told = _Errors(body, len(part))
    if answer.status >= _REFUSED:
        return _refusal(answer, part, told)
    if not isinstance(body, dict) or body.get("message") != "success":
        if isinstance(body, dict) and body.get("message") == "queued":
            text = "braze put the request aside for maintenance and said nothing of its records"
            return all_unknown(part, "queued", text)
        return all_unknown(part, "no_results", "braze answered without the word of success")
    processed = body.get("attributes_processed", 0)
    adds_up = isinstance(processed, int) and processed >= len(part) - len(told.by_place)
    if told.are_readable and adds_up:
        return BatchOutcome(tuple(_rejected(part[at], told.by_place[at]) for at in told.places))
    text = "braze did not say which records it refused, or counted fewer than it was sent"
    return BatchOutcome(
        tuple(
            _rejected(item, told.by_place[at])
            if at in told.by_place
            else fault(item.record, "unknown", "no_index", text)
            for at, item in enumerate(part)
        )
    )


class _Errors:
    """The errors of an answer: by place where they name one."""

    def __init__(self, body: object, count: int) -> None:
        entries = body.get("errors") if isinstance(body, dict) else None
        listed = entries if isinstance(entries, list) else []
        self.by_place: dict[int, str] = {}
        self.are_readable = entries is None or isinstance(entries, list)
        for entry in listed:
            at = 0 if count == 1 else _place(entry, count)
            if at is None:
                self.are_readable = False
            else:
                self.by_place.setdefault(at, _text(entry))

    @property
    def places(self) -> list[int]:
        """The places of the refused objects, in order."""
        return sorted(self.by_place)


def _place(entry: Any, count: int) -> int | None:
    if not isinstance(entry, dict) or entry.get("input_array", "attributes") != "attributes":
        return None
    at = entry.get("index")
    return at if type(at) is int and 0 <= at < count else None


def _text(entry: Any) -> str:
    found = entry.get("type") or entry.get("message") if isinstance(entry, dict) else entry
    return unquoted(found) if isinstance(found, str) else ""


def _rejected(item: Ready, text: str) -> Any:
    message = fault_message(_BAD_OBJECT, text, item.record)
    return fault(item.record, "rejected", _BAD_OBJECT, message)


def _refusal(answer: Answer, part: Sequence[Ready], told: _Errors) -> BatchOutcome | WholeRefusal:
    message = message_of(answer)
    if answer.status == _TOO_LARGE:
        return WholeRefusal("TOO_LARGE", None, "the request is larger than 4 MB")
    if message.startswith(_ALL_BAD):
        texts = (told.by_place.get(at, unquoted(message)) for at in range(len(part)))
        return BatchOutcome(
            tuple(_rejected(item, text) for item, text in zip(part, texts, strict=True))
        )
    return WholeRefusal("BAD_REQUEST", None, unquoted(message))
