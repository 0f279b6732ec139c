"""HubSpot object batches: the request of one batch, and what its answer says of each record.

Every input has its own ``objectWriteTraceId``: without them one bad record fails all 100.
Results come in any order, one error entry may name many records, and a record that was
merged into another can be in neither list: that one is unknown, never accepted.

Source: "Error handling" and the contacts guide, developers.hubspot.com, read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.destinations import BatchOutcome, RecordFault
from activation_pipeline.destinations._batch import Ready, State, WholeRefusal, all_unknown, fault
from activation_pipeline.destinations._http import Answer, NotJsonError
from activation_pipeline.destinations._hubspot_session import first_error
from activation_pipeline.destinations._masking import fault_message, safe_code, safe_name
from activation_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from activation_pipeline.destinations import OutgoingRecord, Target

BATCH_SIZE = 100
_ACTIONS = {"upsert": "upsert", "update_only": "update", "create_only": "create"}
_REFUSED, _NOT_FOUND = 400, 404
_TRACE = "objectWriteTraceId"
_TRACES = tuple(str(at) for at in range(BATCH_SIZE))
# HubSpot failed inside, or had no time: it does not say that the record was refused.
_UNSURE_CODES = frozenset(
    {"RATE_LIMIT", "RATE_LIMITS", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "UNKNOWN", "NO_CODE"}
)


def addresses_of(target: Target, records: Iterable[OutgoingRecord]) -> list[str]:
    """Say by what the request addresses each record; HubSpot compares without case."""
    if target.key:
        return [record.destination_key.lower() for record in records]
    return [record.destination_id for record in records]


def action_of(target: Target) -> str:
    """Name the batch endpoint that a behavior needs."""
    return _ACTIONS[target.behavior]


def body_for(target: Target, part: Sequence[Ready]) -> bytes:
    """Compose the request that writes these records; the trace id is the place in it."""
    return orjson.dumps(
        {"inputs": [_input(target, one, at) for at, one in zip(_TRACES, part, strict=False)]}
    )


def _input(target: Target, item: Ready, trace: str) -> dict[str, Any]:
    record = item.record
    if target.behavior == "create_only":
        keyed = {target.key: record.destination_key} if target.key else {}
        return {"properties": {**keyed, **item.wire}, _TRACE: trace}
    if target.key is None:
        return {"id": record.destination_id, "properties": item.wire, _TRACE: trace}
    return {
        "id": record.destination_key,
        "idProperty": target.key,
        "properties": item.wire,
        _TRACE: trace,
    }


def outcome_of(
    answer: Answer, part: Sequence[Ready], target: Target
) -> BatchOutcome | WholeRefusal:
    """Account for every record of one request.

    Raises:
        PermanentError: no such object, or a key property without unique values.
    """
    if answer.status >= _REFUSED:
        return _whole_refusal(answer)
    try:
        body = answer.json()
    except NotJsonError as error:
        return all_unknown(part, "no_results", f"hubspot answered {error}")
    errors = (body.get("errors") or []) if isinstance(body, dict) else None
    if not isinstance(errors, list) or not isinstance(body.get("results"), list):
        return all_unknown(part, "no_results", "hubspot answered without a list of results")
    creates = target.behavior == "create_only"
    if not errors and _is_one_to_one(body["results"], len(part)):
        new = (one for one in body["results"] if creates or one.get("new") is True)
        return BatchOutcome(created=tuple(part[int(one[_TRACE])].record.key for one in new))
    places = _Places(part, target)
    accepted = {at: one for one in body["results"] for at in places.of_result(one)}
    refused = {at: one for one in errors for at in places.of_error(one)}
    faults = tuple(
        found
        for at, item in enumerate(part)
        if (found := _fault_of(item, is_accepted=at in accepted, error=refused.get(at))) is not None
    )
    created = tuple(
        part[at].record.key
        for at, one in sorted(accepted.items())
        if at not in refused and (creates or one.get("new") is True)
    )
    return BatchOutcome(faults, created)


def _is_one_to_one(results: Sequence[Any], count: int) -> bool:
    """Tell whether each trace id came back exactly once: the usual answer, and quickly read."""
    if len(results) != count:
        return False
    traces = {str(one.get(_TRACE)) for one in results if isinstance(one, dict)}
    return traces == set(_TRACES[:count])


class _Places:
    """Finds which inputs an entry of the answer is about."""

    def __init__(self, part: Sequence[Ready], target: Target) -> None:
        self._key = target.key
        addresses = addresses_of(target, [one.record for one in part])
        self._by_trace = {_TRACES[at]: at for at in range(len(part))}
        self._by_address = {address: at for at, address in enumerate(addresses)}
        self._by_id = {
            one.record.destination_id: at
            for at, one in enumerate(part)
            if one.record.destination_id
        }

    def of_result(self, entry: object) -> Iterator[int]:
        """Match one result by trace id, else by the key property, else by record id."""
        if not isinstance(entry, dict):
            return
        properties = entry.get("properties")
        held = properties.get(self._key) if isinstance(properties, dict) and self._key else None
        found = self._by_trace.get(str(entry.get(_TRACE)))
        if found is None and isinstance(held, str):
            found = self._by_address.get(held.lower())
        if found is None:
            found = self._by_id.get(str(entry.get("id")))
        if found is not None:
            yield found

    def of_error(self, entry: object) -> Iterator[int]:
        """Match one error entry, which may name many records, in any of the known ways."""
        context = entry.get("context") if isinstance(entry, dict) else None
        if not isinstance(entry, dict):
            return
        context = context if isinstance(context, dict) else {}
        traces = {str(one) for one in (*_texts(context.get(_TRACE)), *_texts(entry.get(_TRACE)))}
        named = {one for name in ("ids", "id") for one in _texts(context.get(name))} | set(
            _texts(entry.get("id"))
        )
        places = {self._by_trace.get(one) for one in traces}
        if not traces:
            places = {self._by_address.get(one.lower(), self._by_id.get(one)) for one in named}
        yield from (at for at in places if at is not None)


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, list):
        return [str(one) for one in value]
    return [] if value is None else [str(value)]


def _fault_of(
    item: Ready, *, is_accepted: bool, error: Mapping[str, Any] | None
) -> RecordFault | None:
    if error is None:
        text = "hubspot named the record neither among the results nor among the errors"
        return None if is_accepted else fault(item.record, "unknown", "no_results", text)
    if is_accepted:
        text = "hubspot named the record among the results and among the errors"
        return fault(item.record, "unknown", "contradiction", text)
    code, name, message = reason_of(error)
    state: State = "unknown" if code in _UNSURE_CODES else "rejected"
    return fault(item.record, state, code, fault_message(code, message, item.record), name)


def reason_of(error: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """Read code, property and message; a value error is JSON inside the message."""
    message = str(error.get("message") or "")
    code = safe_code(error.get("category") or error.get("subCategory"))
    before, bracket, after = message.partition("[")
    if bracket and before.startswith("Property values were not valid"):
        try:
            details = orjson.loads(bracket + after)
        except orjson.JSONDecodeError:
            details = []
        if isinstance(details, list) and details and isinstance(details[0], dict):
            first = details[0]
            code, message = safe_code(first.get("error") or code), str(first.get("message") or "")
            return code, safe_name(first.get("name")), message
    context = error.get("context")
    names = _texts(context.get("propertyName")) if isinstance(context, dict) else ()
    return code, next((safe_name(one) for one in names), None), message


def _whole_refusal(answer: Answer) -> WholeRefusal:
    code, message = first_error(answer)
    if answer.status == _NOT_FOUND:
        text = f"hubspot: the request was refused with 404 {code}; check object and version"
        raise PermanentError(text)
    if "non-unique" in message:
        text = f"hubspot: the key property has no unique values ({code}); use another key"
        raise PermanentError(text)
    body = answer.parsed()
    if isinstance(body, dict):
        code, name, message = reason_of(body)
        return WholeRefusal(code, name, message)
    return WholeRefusal(code, None, "")
