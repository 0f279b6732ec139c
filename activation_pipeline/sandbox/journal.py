"""Everything that the sandbox received, in order: what a test reads to know what was sent.

The body is kept byte for byte, except a secret inside a form; an ``Authorization`` header keeps its
scheme only. A request is noted before it is answered, so a cut or a crash leaves its line.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import orjson

from activation_pipeline.sandbox.shelf import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from activation_pipeline.sandbox.store import Store

_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie"}
_SECRET_FORM = re.compile(rb"((?:client_secret|password|assertion|refresh_token)=)[^&]*")
_COLUMNS = "id, at, vendor, method, path, headers, body, status, fault"


class Journal:
    """The log of requests."""

    def __init__(self, store: Store) -> None:
        """Write into a sandbox's state."""
        self._store = store

    def note(
        self,
        at: datetime,
        vendor: str,
        line: tuple[str, str],
        headers: Iterable[tuple[str, str]],
        body: bytes,
    ) -> int:
        """Keep a request as it arrived; return its number. ``line`` is method, path with query."""
        shown = [(name, _masked(name, value)) for name, value in headers]
        form = any(name == "content-type" and "form-urlencoded" in value for name, value in shown)
        kept = _SECRET_FORM.sub(rb"\1***", body) if form else body
        return self._store.run(
            "INSERT INTO request (at, vendor, method, path, headers, body) VALUES (?,?,?,?,?,?)",
            stamp(at),
            vendor,
            *line,
            orjson.dumps(shown).decode(),
            kept,
        )

    def settle(self, number: int, status: int | None, fault: str | None) -> None:
        """Add what was answered; no status means that the connection was cut."""
        self._store.run("UPDATE request SET status=?, fault=? WHERE id=?", status, fault, number)

    def read(self, *, since: int = 0, vendor: str = "") -> list[dict[str, Any]]:
        """Return the requests after a number, oldest first."""
        rows = self._store.rows(
            f"SELECT {_COLUMNS} FROM request WHERE id > ? AND (? = '' OR vendor = ?) ORDER BY id",  # noqa: S608  constant
            since,
            vendor,
            vendor,
        )
        return [_shown(row) for row in rows]

    def clear(self) -> None:
        """Forget every request; numbers go on."""
        self._store.clear("request")


def _masked(name: str, value: str) -> str:
    if name not in _SECRET_HEADERS:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space else "***"


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    number, at, vendor, method, path, headers, body, status, fault = row
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = None
    return {
        "id": number,
        "received_at": at,
        "vendor": vendor,
        "method": method,
        "path": path,
        "headers": orjson.loads(headers),
        "body_base64": base64.b64encode(body).decode(),
        "body": text,
        "status": status,
        "fault": fault,
    }
