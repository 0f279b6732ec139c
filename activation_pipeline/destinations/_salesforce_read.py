"""Reading Salesforce records back by SOQL, and who edited them since.

A record is looked for by its key first, because two records with one key are what must be
seen, and by its id where the key did not lead to it. Edits by others come from the field
history where the field is tracked, else from the record's own last modification.

Source: "Query" and "StandardObjectNameHistory", REST guide and Object Reference, read 2026-11-21.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from activation_pipeline.destinations import Address, LiveRecord
from activation_pipeline.destinations._http import NotJsonError
from activation_pipeline.destinations._salesforce_session import SalesforceSession, first_error
from activation_pipeline.destinations._salesforce_write import bare_id, is_record_id
from activation_pipeline.destinations._values import read_moment
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from activation_pipeline.destinations._codecs import Encoder
    from activation_pipeline.destinations._salesforce_catalogue import SObject

_IDS_PER_QUERY = 200
# The address of a request may have 16,384 bytes; the rest is for the names.
_BYTES_PER_QUERY = 12_000
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
# "Custom Field Types": a text field, and so an external id, has at most 255 characters.
_LONGEST_KEY = 255
_STAMP = "SystemModstamp"
_OBJECT_UNKNOWN = frozenset({"INVALID_TYPE", "NOT_FOUND"})
_REFUSED = 400


class _NoSuchObjectError(PermanentError):
    """The object of a query is not there, or not for us."""


def literal(text: str) -> str:
    """Write text as a SOQL literal; nothing in it can end the literal."""
    return "'" + text.translate(_ESCAPES) + "'"


def chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Part texts into literals that fit one ``IN (...)``: at most 200, and short enough."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        one = literal(text)
        cost = len(quote(one, safe="")) + len("%2C")
        if chunk and (len(chunk) == _IDS_PER_QUERY or size + cost > _BYTES_PER_QUERY):
            yield chunk
            chunk, size = [], 0
        chunk.append(one)
        size += cost
    if chunk:
        yield chunk


def query(session: SalesforceSession, soql: str) -> Iterator[dict[str, Any]]:
    """Give every row of a query, page after page.

    Raises:
        RetryableError: no trustworthy answer, or a cursor that expired.
        PermanentError: the query names what is not there.
    """
    path, params = "/query", {"q": soql}
    while path:
        answer = session.call("GET", path, params=params)
        if answer.status >= _REFUSED:
            code, _ = first_error(answer)
            text = f"salesforce: a query was refused with {code}"
            if code == "INVALID_QUERY_LOCATOR":
                raise RetryableError(f"{text}; read again")
            kind = _NoSuchObjectError if code in _OBJECT_UNKNOWN else PermanentError
            raise kind(f"{text}; check object, fields and access")
        try:
            body = answer.json()
            yield from body["records"]
            following = "" if body["done"] else str(body["nextRecordsUrl"])
        except (NotJsonError, KeyError, TypeError):
            text = "salesforce: a query had no trustworthy answer; read again"
            raise RetryableError(text) from None
        # The address may carry a prefix that the base address has already.
        path, params = following[following.find("/services/") :] if following else "", {}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads records of one object; ``decoders`` by the asked name: API name and decoder."""

    session: SalesforceSession
    sobject: SObject
    key: str | None
    decoders: dict[str, tuple[str, Encoder]]

    def read(self, addresses: Sequence[Address]) -> tuple[LiveRecord, ...]:
        """Find each address's records, with values and the others' edits where there is one."""
        by_key = self._by_key(addresses)
        found = {bare_id(row["Id"]): row for rows in by_key.values() for row in rows}
        missing = {
            address.destination_id
            for address in addresses
            if is_record_id(address.destination_id) and bare_id(address.destination_id) not in found
        }
        found |= {bare_id(row["Id"]): row for row in self._rows("Id", sorted(missing))}
        ids = [self._ids(address, by_key, found) for address in addresses]
        edits = self._edits([found[one[0]] for one in ids if len(one) == 1])
        return tuple(
            self._live(address, one, found, edits)
            for address, one in zip(addresses, ids, strict=True)
        )

    def _live(
        self,
        address: Address,
        ids: tuple[str, ...],
        found: dict[str, dict[str, Any]],
        edits: dict[str, dict[str, datetime]],
    ) -> LiveRecord:
        # Two spellings of one id are one record: it is told in the caller's.
        named = bare_id(address.destination_id)
        told = tuple(address.destination_id if one == named else found[one]["Id"] for one in ids)
        if len(ids) != 1:
            return LiveRecord(address.key, told)
        row = found[ids[0]]
        values = {name: decode(row.get(api)) for name, (api, decode) in self.decoders.items()}
        return LiveRecord(address.key, told, values, edits.get(ids[0], {}), _changed_at(row))

    def _folded(self, key_value: str) -> str:
        field = self.sobject.field(self.key) if self.key else None
        return key_value if field and field.case_sensitive else key_value.casefold()

    def _by_key(self, addresses: Sequence[Address]) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        field = self.sobject.field(self.key) if self.key else None
        if field is not None:
            wanted = sorted({one.destination_key for one in addresses if one.destination_key})
            for row in self._rows(field.name, wanted):
                found[self._folded(str(row.get(field.name)))].append(row)
        return found

    def _ids(
        self,
        address: Address,
        by_key: dict[str, list[dict[str, Any]]],
        found: dict[str, dict[str, Any]],
    ) -> tuple[str, ...]:
        rows = by_key.get(self._folded(address.destination_key), ())
        ids = {bare_id(row["Id"]) for row in rows if address.destination_key}
        named = bare_id(address.destination_id)
        return tuple(sorted(ids | ({named} & found.keys())))

    def _rows(self, column: str, values: Sequence[str]) -> Iterator[dict[str, Any]]:
        field = self.sobject.field(self.key) if self.key else None
        asked = [api for api, _ in self.decoders.values()]
        columns = dict.fromkeys(["Id", *([field.name] if field else []), *asked])
        # The stamp also moves with automation, which is somebody too.
        stamp = [_STAMP] if self.sobject.field(_STAMP) else []
        columns |= dict.fromkeys(["LastModifiedById", "LastModifiedDate", *stamp])
        select = f"SELECT {', '.join(columns)} FROM {self.sobject.name} WHERE {column} IN "  # noqa: S608 - SOQL; names out of the describe, values escaped
        sendable = (value for value in values if _can_be_there(value))
        for chunk in chunks(sendable):
            yield from query(self.session, f"{select}({','.join(chunk)})")

    def _edits(self, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, datetime]]:
        if not rows or not self.decoders:
            return {}
        us = bare_id(self.session.user_id())
        history = self._history([row["Id"] for row in rows])
        tracked: dict[str, bool] = {}
        edits: dict[str, dict[str, datetime]] = {}
        for row in rows:
            last = read_moment(row.get("LastModifiedDate"))
            others = bare_id(str(row.get("LastModifiedById"))) != us
            for name, (api, _) in self.decoders.items():
                entries = history.get((bare_id(row["Id"]), api))
                if entries is None and others and api not in tracked:
                    tracked[api] = self._is_tracked(api)
                if entries is None:
                    at = last if others and not tracked[api] else None
                else:
                    at = max((when for when, who in entries if who != us), default=None)
                if at is not None:
                    edits.setdefault(bare_id(row["Id"]), {})[name] = at
        return edits

    def _history_names(self) -> tuple[str, str]:
        name = self.sobject.name
        if name == "Opportunity":  # the one object whose history of fields has a longer name
            return "OpportunityFieldHistory", "OpportunityId"
        if name.endswith("__c"):
            return f"{name.removesuffix('__c')}__History", "ParentId"
        return f"{name}History", f"{name}Id"

    def _history(
        self, record_ids: Sequence[str]
    ) -> dict[tuple[str, str], list[tuple[datetime, str]]]:
        table, parent = self._history_names()
        fields = ",".join(literal(api) for api, _ in self.decoders.values())
        rows: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
        select = f"SELECT {parent}, Field, CreatedById, CreatedDate FROM {table} WHERE {parent} IN "  # noqa: S608 - SOQL; names out of the describe, values escaped
        try:
            for chunk in chunks(record_ids):
                soql = f"{select}({','.join(chunk)}) AND Field IN ({fields})"
                for row in query(self.session, soql):
                    entry = read_moment(row["CreatedDate"]), bare_id(str(row["CreatedById"]))
                    rows[bare_id(row[parent]), row["Field"]].append(entry)
        except _NoSuchObjectError:
            return {}  # the object has no history: the record's own last edit is all there is
        return dict(rows)

    def _is_tracked(self, api: str) -> bool:
        table, _ = self._history_names()
        soql = f"SELECT Field FROM {table} WHERE Field = {literal(api)} LIMIT 1"  # noqa: S608 - SOQL; names out of the describe, values escaped
        try:
            return any(True for _ in query(self.session, soql))
        except _NoSuchObjectError:
            return False


def _changed_at(row: dict[str, Any]) -> datetime | None:
    told = [row[name] for name in ("LastModifiedDate", _STAMP) if row.get(name)]
    return max(map(read_moment, told), default=None)


def _can_be_there(value: str) -> bool:
    """Tell whether a record can have this key; one that none can have would fail the query."""
    return len(value) <= _LONGEST_KEY and "\0" not in value and _is_text(value)


def _is_text(value: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in value)
