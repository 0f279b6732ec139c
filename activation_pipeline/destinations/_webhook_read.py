"""``GET /capabilities`` and ``POST /read``: what a store can take, and what it holds now.

An item comes with its version, its expiry and, per field, the last edit by somebody who is not
us. An item that expired may still be read back here; the store does not show it to an agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.destinations import LiveRecord
from activation_pipeline.destinations._http import Answer, NotJsonError, Transport
from activation_pipeline.destinations._masking import masked
from activation_pipeline.destinations._values import read_moment
from activation_pipeline.destinations._webhook_catalogue import (
    Capabilities,
    ItemField,
    capabilities_from,
)
from activation_pipeline.destinations._webhook_session import error_of
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from activation_pipeline.destinations import Address, Value

_REFUSED = 400

Items = dict[str, dict[str, Any]]


def read_capabilities(transport: Transport) -> Capabilities:
    """Ask the store what it can take.

    Raises:
        RetryableError: no trustworthy answer now.
        PermanentError: the signature, or there is no store at this address.
    """
    answer = _answered(transport.call("GET", "/capabilities"))
    try:
        return capabilities_from(answer.json())
    except (NotJsonError, KeyError, TypeError, ValueError, AttributeError):
        message = "webhook: the capabilities had no trustworthy answer; try again"
        raise RetryableError(message) from None


def read_items(transport: Transport, object_name: str, keys: Iterable[str], *, most: int) -> Items:
    """Find items by key; one that is not there is left out.

    Raises:
        RetryableError: no trustworthy answer now.
        PermanentError: the signature or a permission.
    """
    wanted = sorted({key for key in keys if _is_sendable(key)})
    found: Items = {}
    for start in range(0, len(wanted), most):
        found |= _page(transport, object_name, wanted[start : start + most])
    return found


def _page(transport: Transport, object_name: str, keys: Sequence[str]) -> Items:
    body = orjson.dumps({"object": object_name, "keys": keys})
    answer = _answered(transport.call("POST", "/read", body=body))
    try:
        parsed = answer.json()
        items = {str(item["key"]): dict(item) for item in parsed["items"]}
        missing = {str(key) for key in parsed.get("missing") or ()}
        trusted = items.keys() | missing >= set(keys)
    except (NotJsonError, KeyError, TypeError, ValueError, AttributeError):
        items, trusted = {}, False
    if not trusted:
        message = "webhook: reading back did not answer for every item; read again"
        raise RetryableError(message)
    return items


def _answered(answer: Answer) -> Answer:
    if answer.status >= _REFUSED:
        code, message = error_of(answer)
        text = f"webhook: reading was refused with {answer.status} {code}: {masked(message)}"
        raise PermanentError(f"{text}; check WEBHOOK_BASE_URL and the contract's object")
    return answer


def _is_sendable(text: str) -> bool:
    return bool(text) and "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def live_records(
    addresses: Sequence[Address], items: Items, asked: Mapping[str, ItemField]
) -> Iterator[LiveRecord]:
    """Say for each address whether its item is there, what it holds and who touched it."""
    decoders = {name: field.decode for name, field in asked.items()}
    for one in addresses:
        key = one.destination_id or one.destination_key
        item = items.get(key)
        if item is None:
            yield LiveRecord(one.key, ())
            continue
        held: dict[str, Value] = {**_section(item, "values"), **_section(item, "meta")}
        yield LiveRecord(
            one.key,
            (key,),
            {name: decode(held.get(name)) for name, decode in decoders.items()},
            dict(_edits(item, asked)),
            _moment(item.get("changed_at")),
        )


def _section(item: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = item.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _edits(
    item: Mapping[str, Any], asked: Mapping[str, ItemField]
) -> Iterator[tuple[str, datetime]]:
    for name, edit in _section(item, "edits").items():
        at = _moment(edit.get("at")) if isinstance(edit, dict) else None
        if name in asked and at is not None:
            yield name, at


def _moment(value: Any) -> datetime | None:
    try:
        return None if value is None else read_moment(value)
    except (ValueError, OverflowError):
        return None
