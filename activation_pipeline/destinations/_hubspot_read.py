"""Reading HubSpot records back with ``batch/read``, and who edited them since.

Search is not used: it is eventually consistent. A record is looked for by the key property,
and by its id where the key did not lead to it. Edits by others come from each property's
history.

Source: "Read a batch of contacts", developers.hubspot.com, read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.destinations import Address, LiveRecord
from activation_pipeline.destinations._http import NotJsonError, Transport
from activation_pipeline.destinations._hubspot_session import first_error
from activation_pipeline.destinations._values import read_moment
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from activation_pipeline.destinations._hubspot_catalogue import Property

_RECORDS_PER_CALL = 50  # with history; 100 without
_REFUSED = 400
_OUR_SOURCES = frozenset({"INTEGRATION", "API"})


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads records of one object; ``properties`` are the asked ones, by name.

    ``app_id`` is our own where it is known; without it every integration counts as us.
    """

    transport: Transport
    path: str
    key: str | None
    properties: Mapping[str, Property]
    app_id: str | None

    def read(self, addresses: Sequence[Address]) -> tuple[LiveRecord, ...]:
        """Find each address's record, with its values and the others' edits."""
        keys = {one.destination_key for one in addresses if one.destination_key}
        by_key: dict[str, dict[str, Any]] = {}
        if self.key is not None:
            by_key = {
                str(row["properties"].get(self.key)).lower(): row
                for row in self._rows(sorted(keys), self.key)
            }
        found = {str(row["id"]): row for row in by_key.values()}
        missing = {
            one.destination_id
            for one in addresses
            if one.destination_id.isdecimal() and one.destination_id not in found
        }
        found |= {str(row["id"]): row for row in self._rows(sorted(missing), None)}
        return tuple(self._live(one, by_key, found) for one in addresses)

    def _live(
        self,
        address: Address,
        by_key: Mapping[str, dict[str, Any]],
        found: Mapping[str, dict[str, Any]],
    ) -> LiveRecord:
        ids = {address.destination_id} & found.keys()
        keyed = by_key.get(address.destination_key.lower()) if address.destination_key else None
        if keyed is not None:
            ids = ids | {str(keyed["id"])}
        if len(ids) != 1:
            return LiveRecord(address.key, tuple(sorted(ids)))
        row = found[next(iter(ids))]
        held = row["properties"]
        values = {name: one.decode(held.get(name)) for name, one in self.properties.items()}
        modified_at = read_moment(row["updatedAt"]) if row.get("updatedAt") else None
        return LiveRecord(address.key, tuple(ids), values, self._edits(row), modified_at)

    def _edits(self, row: Mapping[str, Any]) -> dict[str, datetime]:
        history = row.get("propertiesWithHistory") or {}
        edits: dict[str, datetime] = {}
        for name in self.properties:
            times = [
                read_moment(one["timestamp"])
                for one in history.get(name) or ()
                if not self._is_ours(one)
            ]
            if times:
                edits[name] = max(times)
        return edits

    def _is_ours(self, entry: Mapping[str, Any]) -> bool:
        if entry.get("sourceType") not in _OUR_SOURCES:
            return False
        return self.app_id is None or str(entry.get("sourceId")) == self.app_id

    def _rows(self, ids: Sequence[str], id_property: str | None) -> Iterator[dict[str, Any]]:
        asked = list(self.properties)
        named = list(dict.fromkeys([*asked, self.key])) if self.key else asked
        sendable = [one for one in ids if _is_sendable(one)]
        for start in range(0, len(sendable), _RECORDS_PER_CALL):
            inputs = [{"id": one} for one in sendable[start : start + _RECORDS_PER_CALL]]
            body = {"inputs": inputs, "properties": named, "propertiesWithHistory": asked}
            if id_property is not None:
                body["idProperty"] = id_property
            yield from self._page(orjson.dumps(body))

    def _page(self, body: bytes) -> list[dict[str, Any]]:
        answer = self.transport.call("POST", f"{self.path}/batch/read", body=body)
        if answer.status >= _REFUSED:
            code, _ = first_error(answer)
            message = f"hubspot: reading back was refused with {answer.status} {code}"
            raise PermanentError(f"{message}; check object, key and properties")
        try:
            parsed = answer.json()
            rows: list[dict[str, Any]] = parsed["results"]
            trusted = all(_is_row(row) for row in rows) and all(
                one.get("category") == "OBJECT_NOT_FOUND" for one in parsed.get("errors") or ()
            )
        except (NotJsonError, KeyError, TypeError, AttributeError):
            trusted, rows = False, []
        if not trusted:
            message = "hubspot: reading back had no trustworthy answer; read again"
            raise RetryableError(message)
        return rows


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and "id" in row and isinstance(row.get("properties"), dict)


def _is_sendable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)
