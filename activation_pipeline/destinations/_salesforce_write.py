"""Salesforce sObject Collections: the request of one batch, and what its answer says.

Collections answer 200 even when every record failed, with one result per record in the order
of the request. An upsert by external id would create what it does not find, so records that
may only be updated are addressed by their record id instead.

Source: "sObject Collections", REST guide, read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from activation_pipeline.destinations import BatchOutcome, RecordFault
from activation_pipeline.destinations._batch import Ready, State, WholeRefusal, all_unknown, fault
from activation_pipeline.destinations._http import Answer, NotJsonError
from activation_pipeline.destinations._masking import fault_message, safe_code, safe_name
from activation_pipeline.destinations._salesforce_session import first_error
from activation_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from activation_pipeline.destinations import OutgoingRecord, Target

BATCH_SIZE = 200
# Not a refusal of the value: the same record may be taken a moment later.
RETRY_CODES = frozenset(
    {"UNABLE_TO_LOCK_ROW", "REQUEST_RUNNING_TOO_LONG", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT"}
)
# Salesforce failed inside: it does not say whether the record was written.
_UNSURE_CODES = RETRY_CODES | {"UNKNOWN_EXCEPTION"}
# A whole request that is refused for one of these is wrong for every record.
_MAPPING_CODES = frozenset({"INVALID_FIELD", "INVALID_TYPE", "NOT_FOUND"})
_REFUSED, _NOT_FOUND = 400, 404
_ID_LENGTHS = (15, 18)


def addresses_of(
    target: Target, records: Sequence[OutgoingRecord], *, key_keeps_case: bool
) -> list[str]:
    """Say by what the request addresses each record: its id, or its key as the vendor compares."""
    if target.behavior == "update_only":
        return [bare_id(record.destination_id) for record in records]
    if key_keeps_case:
        return [record.destination_key for record in records]
    return [record.destination_key.lower() for record in records]


def request_for(
    target: Target, object_name: str, key_name: str | None, part: Sequence[Ready]
) -> tuple[str, str, bytes]:
    """Compose method, path and body that write these records."""
    attributes = {"type": object_name}
    records: list[dict[str, Any]]
    if target.behavior == "update_only":
        method, path = "PATCH", "/composite/sobjects"
        records = [
            {"attributes": attributes, "id": item.record.destination_id, **item.wire}
            for item in part
        ]
    else:
        name = key_name or ""
        records = [
            {"attributes": attributes, name: item.record.destination_key, **item.wire}
            for item in part
        ]
        method, path = "POST", "/composite/sobjects"
        if target.behavior == "upsert":
            method, path = "PATCH", f"{path}/{quote(object_name, safe='')}/{quote(name, safe='')}"
    return method, path, orjson.dumps({"allOrNone": False, "records": records})


def outcome_of(
    answer: Answer, part: Sequence[Ready], *, creates: bool
) -> BatchOutcome | WholeRefusal:
    """Account for every record of one request.

    Raises:
        PermanentError: the object or a mapped field is not there.
    """
    if answer.status >= _REFUSED:
        code, message = first_error(answer)
        if answer.status == _NOT_FOUND or code in _MAPPING_CODES:
            text = f"salesforce: the request was refused with {code}; check object, key and fields"
            raise PermanentError(text)
        if code in RETRY_CODES:
            return all_unknown(part, code, "salesforce was busy with these records")
        return WholeRefusal(code, None, message)
    try:
        results = answer.json()
    except NotJsonError as error:
        return all_unknown(part, "no_results", f"salesforce answered {error}")
    if not isinstance(results, list) or len(results) != len(part):
        found = len(results) if isinstance(results, list) else 0
        text = f"salesforce answered {found} results for {len(part)} records"
        return all_unknown(part, "no_results", text)
    faults: list[RecordFault] = []
    created: list[str] = []
    for result, item in zip(results, part, strict=True):
        if not isinstance(result, dict) or result.get("success") is not True:
            faults.append(_fault_of(result, item))
        elif result.get("created", creates) is True:  # a plain create has no such key
            created.append(item.record.key)
    return BatchOutcome(tuple(faults), tuple(created))


def _fault_of(result: object, item: Ready) -> RecordFault:
    errors = result.get("errors") if isinstance(result, dict) else None
    error = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(error, dict):
        text = "salesforce gave neither success nor a reason"
        return fault(item.record, "unknown", "no_results", text)
    code = safe_code(error.get("statusCode") or error.get("errorCode"))
    fields = error.get("fields")
    name = safe_name(fields[0]) if isinstance(fields, list) and fields else None
    return refused(item, code, error.get("message"), name)


def refused(item: Ready, code: str, message: object, name: str | None) -> RecordFault:
    """Say why the vendor did not take one record; where it failed inside, that is not known."""
    text = fault_message(code, message, item.record)
    state: State = "unknown" if code in _UNSURE_CODES else "rejected"
    return fault(item.record, state, code, text, name)


def is_record_id(text: str) -> bool:
    """Tell whether a text has the shape of a record id; a query with another one fails whole."""
    return len(text) in _ID_LENGTHS and text.isascii() and text.isalnum()


def bare_id(record_id: str) -> str:
    """Cut a record id to the 15 characters in which its short and long spelling are equal.

    Source: "ID Field Type", Object Reference, read 2026-11-21.
    """
    return record_id[: _ID_LENGTHS[0]] if is_record_id(record_id) else record_id
