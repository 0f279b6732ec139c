"""Reading Braze back: users by external id, and the catalogue of custom attributes.

An attribute that is not set is not in the answer, and a write of the last minutes may not be
either: Braze recommends to leave five. There is no history, so nobody's edit has a time.

Source: "Export user profile by identifier" and "Export custom attributes", braze.com/docs,
read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson
from requests.utils import parse_header_links

from activation_pipeline.destinations import LiveRecord
from activation_pipeline.destinations._braze_catalogue import KEY, Attribute, catalogue_from
from activation_pipeline.destinations._braze_session import message_of, unquoted
from activation_pipeline.destinations._http import Answer, NotJsonError, Transport
from activation_pipeline.destinations._masking import masked
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from activation_pipeline.destinations import Address, Target

USERS_PER_CALL = 50
_REFUSED = 400

Users = dict[str, dict[str, Any]]


def read_catalogue(transport: Transport) -> dict[str, Attribute]:
    """Read every custom attribute, page by page.

    Raises:
        RetryableError: a page without a trustworthy answer, or a cursor that comes back.
        PermanentError: the key may not read the catalogue.
    """
    found: dict[str, Attribute] = {}
    params: dict[str, str] = {}
    seen: set[str] = set()
    while True:
        answer = _answered(transport.call("GET", "/custom_attributes", params=params or None))
        try:
            found |= catalogue_from(answer.json()["attributes"])
        except (NotJsonError, KeyError, TypeError, AttributeError):
            message = "braze: the custom attributes had no trustworthy answer; try again"
            raise RetryableError(message) from None
        cursor = _next_cursor(answer)
        if cursor is None:
            return found
        if cursor in seen:
            message = "braze: the pages of custom attributes go round in a circle; try again"
            raise RetryableError(message)
        seen.add(cursor)
        params = {"cursor": cursor}


def _next_cursor(answer: Answer) -> str | None:
    # Only the cursor is taken: an address out of an answer would carry the key elsewhere.
    for link in parse_header_links(answer.headers.get("Link", "")):
        if link.get("rel") == "next":
            return next(iter(parse_qs(urlsplit(link.get("url", "")).query).get("cursor", [])), None)
    return None


def read_users(transport: Transport, external_ids: Iterable[str]) -> Users:
    """Find users: their custom attributes by external id; who is not there is left out.

    Raises:
        RetryableError: no trustworthy answer now.
        PermanentError: the key may not export.
    """
    wanted = sorted({one for one in external_ids if _is_sendable(one)})
    found: Users = {}
    for start in range(0, len(wanted), USERS_PER_CALL):
        found |= _page(transport, wanted[start : start + USERS_PER_CALL])
    return found


def _page(transport: Transport, external_ids: Sequence[str]) -> Users:
    # With the fields named, the endpoint's limit is 40 a second instead of 250 a minute.
    fields = [KEY, "custom_attributes"]
    body = orjson.dumps({"external_ids": external_ids, "fields_to_export": fields})
    answer = _answered(transport.call("POST", "/users/export/ids", body=body))
    try:
        parsed = answer.json()
        users = {str(one[KEY]): dict(one.get("custom_attributes") or {}) for one in parsed["users"]}
        nobody = {str(one) for one in parsed.get("invalid_user_ids") or ()}
        trusted = users.keys() | nobody >= set(external_ids)
    except (NotJsonError, KeyError, TypeError, ValueError, AttributeError):
        users, trusted = {}, False
    if not trusted:
        message = "braze: reading back did not answer for every user; read again"
        raise RetryableError(message)
    return users


def _answered(answer: Answer) -> Answer:
    if answer.status >= _REFUSED:
        told = masked(unquoted(message_of(answer)))
        message = f"braze: reading was refused with {answer.status}: {told}"
        raise PermanentError(f"{message}; check BRAZE_BASE_URL")
    return answer


def _is_sendable(text: str) -> bool:
    return bool(text) and "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def live_records(
    target: Target, addresses: Sequence[Address], users: Users, asked: Mapping[str, Attribute]
) -> Iterator[LiveRecord]:
    """Say for each address which users it finds, and what the one user holds."""
    for one in addresses:
        if target.list is not None:
            is_member = users.get(one.destination_id, {}).get(target.list) is True
            yield LiveRecord(one.key, (one.destination_id,) if is_member else ())
            continue
        ids = sorted(named_by(target, one) & users.keys())
        if len(ids) != 1:
            yield LiveRecord(one.key, tuple(ids))
            continue
        held = users[ids[0]]
        values = {name: attribute.decode(held.get(name)) for name, attribute in asked.items()}
        yield LiveRecord(one.key, (ids[0],), values)


def named_by(target: Target, address: Address) -> set[str]:
    """Give the external ids that one address names: two, where its id and its key differ."""
    keyed = {address.destination_key} if target.key and target.list is None else set()
    return ({address.destination_id} | keyed) - {""}
