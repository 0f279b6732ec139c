"""A vendor that answers exactly what a test wrote down, for answers that no sandbox gives."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Reply = tuple[int, object]


@dataclass
class Scripted:
    """Where it listens, and what it received: method, path and parsed body."""

    url: str = ""
    received: list[tuple[str, str, Any]] = field(default_factory=list)


@contextmanager
def scripted(answer: Callable[[str, str, Any], Reply]) -> Iterator[Scripted]:
    """Answer each request with the status and body (JSON, or bytes as they are) of a function."""
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_json = self.headers.get("Content-Type") == "application/json"
            body = orjson.loads(raw) if is_json and raw else None
            script.received.append((self.command, self.path, body))
            status, reply = answer(self.command, self.path, body)
            sent = reply if isinstance(reply, bytes) else orjson.dumps(reply)
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its signature
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
