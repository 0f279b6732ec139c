"""HubSpot static lists: members in, members out, and who is in.

Members are CRM record ids. Adding and removing are set operations, so repeating them is safe,
and an id that is named neither as changed nor as missing was there (or gone) already; both
go in one request. Only lists that are kept by hand take members.

Source: "Lists API" guides, developers.hubspot.com, read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.destinations import Address, BatchOutcome, LiveRecord, MappingFault
from activation_pipeline.destinations._batch import Ready, WholeRefusal, all_unknown, fault
from activation_pipeline.destinations._http import Answer, NotJsonError, Transport
from activation_pipeline.destinations._hubspot_session import Paths, first_error
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from activation_pipeline.destinations import RecordFault

# The vendor names no cap on one request; this keeps a body under 20 KB and a redo small.
BATCH_SIZE = 1_000
_PAGE = 250
_REFUSED, _NOT_FOUND = 400, 404
_BY_HAND = frozenset({"MANUAL", "SNAPSHOT"})
_CONTACTS = "0-1"
# The vendor's own documents spell the keys in both ways.
_CHANGED = {
    "add": ("recordsIdsAdded", "recordIdsAdded"),
    "remove": ("recordIdsRemoved", "recordsIdsRemoved"),
}

_MISSING = ("recordIdsMissing", "recordsIdsMissing")


def _is_leaving(item: Ready) -> bool:
    return item.record.operation in {"remove", "clear"}


@dataclass(slots=True)
class StaticList:
    """One list of contacts, by its id or its name; which id a name has is asked once."""

    transport: Transport
    paths: Paths
    name: str
    _id: str | None = field(default=None, init=False)

    def faults(self) -> tuple[MappingFault, ...]:
        """Say why the list cannot take members; empty when it can."""
        found = self._found()
        if found is None:
            return (MappingFault("list", "no such list; check the id or the name"),)
        kind = str(found.get("processingType"))
        if kind not in _BY_HAND:
            text = f"is {kind}, which fills itself; use a list with processing type MANUAL"
            return (MappingFault("list", text),)
        if str(found.get("objectTypeId", _CONTACTS)) != _CONTACTS:
            return (MappingFault("list", "does not hold contacts; use a list of contacts"),)
        return ()

    def list_id(self) -> str:
        """Find the id by which members are added.

        Raises:
            PermanentError: no such list.
        """
        if self._id is None:
            found = None if self.name.isdecimal() else self._found()
            if found is None and not self.name.isdecimal():
                message = "hubspot: no such list; check the id or the name in the contract"
                raise PermanentError(message)
            self._id = str(found["listId"]) if found else self.name
        return self._id

    def change(self, part: Sequence[Ready]) -> BatchOutcome | WholeRefusal:
        """Add and remove members, and account for every one of them."""
        leaving = [item.record.destination_id for item in part if _is_leaving(item)]
        joining = [item.record.destination_id for item in part if not _is_leaving(item)]
        path = f"{self.paths.list(self.list_id())}/memberships"
        body: object = {"recordIdsToAdd": joining, "recordIdsToRemove": leaving}
        action = "add-and-remove"
        if not joining or not leaving:
            action, body = ("add", joining) if joining else ("remove", leaving)
        answer = self.transport.call("PUT", f"{path}/{action}", body=orjson.dumps(body))
        if answer.status >= _REFUSED:
            code, message = first_error(answer)
            if answer.status == _NOT_FOUND or "DYNAMIC" in message.upper():
                text = f"hubspot: the list refused a change with {answer.status} {code}; check it"
                raise PermanentError(text)
            return WholeRefusal(code, None, message)
        return _outcome_of(answer, part)

    def read(self, addresses: Sequence[Address]) -> tuple[LiveRecord, ...]:
        """Tell for each address whether its record is a member."""
        wanted = {one.destination_id for one in addresses if one.destination_id}
        members = self._members_among(wanted) if wanted else set()
        return tuple(
            LiveRecord(one.key, (one.destination_id,) if one.destination_id in members else ())
            for one in addresses
        )

    def _members_among(self, wanted: set[str]) -> set[str]:
        found: set[str] = set()
        for page in self._pages():
            found |= {str(one["recordId"]) for one in page} & wanted
            if found == wanted:
                break
        return found

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        path = f"{self.paths.list(self.list_id())}/memberships"
        params = {"limit": str(_PAGE)}
        while True:
            answer = self.transport.call("GET", path, params=params)
            if answer.status >= _REFUSED:
                code, _ = first_error(answer)
                message = f"hubspot: the list's members were refused with {answer.status} {code}"
                raise PermanentError(f"{message}; check the list and the scopes")
            try:
                body = answer.json()
                yield body["results"]
                after = ((body.get("paging") or {}).get("next") or {}).get("after")
            except (NotJsonError, KeyError, TypeError, AttributeError):
                message = "hubspot: the list's members had no trustworthy answer; read again"
                raise RetryableError(message) from None
            if after is None:
                return
            params = {"limit": str(_PAGE), "after": str(after)}

    def _found(self) -> dict[str, Any] | None:
        by_id = self.name.isdecimal()
        path = self.paths.list(self.name) if by_id else self.paths.list_named(self.name)
        answer = self.transport.call("GET", path)
        if answer.status in {_REFUSED, _NOT_FOUND}:
            return None
        body = answer.parsed()
        found = body.get("list", body) if isinstance(body, dict) else None
        if not isinstance(found, dict) or "listId" not in found:
            message = "hubspot: the list had no trustworthy answer; try again"
            raise RetryableError(message)
        return found


def _outcome_of(answer: Answer, part: Sequence[Ready]) -> BatchOutcome:
    try:
        body = answer.json()
    except NotJsonError as error:
        return all_unknown(part, "no_results", f"hubspot answered {error}")
    told = {
        direction: [name for name in spellings if isinstance(body, dict) and name in body]
        for direction, spellings in _CHANGED.items()
    }
    wanted = {"remove" if _is_leaving(item) else "add" for item in part}
    if not all(told[direction] for direction in wanted):
        text = "hubspot answered without saying which members changed"
        return all_unknown(part, "no_results", text)
    changed = {
        direction: {str(one) for name in told[direction] for one in body[name] or ()}
        for direction in wanted
    }
    missing = {str(one) for name in _MISSING for one in body.get(name) or ()}
    faults: list[RecordFault] = []
    unchanged: list[str] = []
    for item in part:
        record_id, leaves = item.record.destination_id, _is_leaving(item)
        if record_id in changed["remove" if leaves else "add"]:
            continue
        # A record that is gone is also no longer a member: what was wanted is so.
        if record_id in missing and not leaves:
            text = "no such record in the destination"
            faults.append(fault(item.record, "rejected", "RECORD_MISSING", text))
        else:
            unchanged.append(item.record.key)
    return BatchOutcome(tuple(faults), (), tuple(unchanged))
