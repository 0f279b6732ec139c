"""A chat that takes alerts, on a free port: what it was told, and whether it is in order."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "t0ken-that-nobody-may-see"  # noqa: S105 - a made-up one


@dataclass
class AlertChannel:
    """A webhook; ``status`` is what it answers, ``got`` every alert that it was sent."""

    port: int = 0
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.port}/{TOKEN}"

    @property
    def titles(self) -> list[str]:
        return [alert["title"] for alert in self.got]


@contextmanager
def alert_channel() -> Iterator[AlertChannel]:
    """Serve until the block ends."""
    channel = AlertChannel()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            channel.got.append(json.loads(body))
            self.send_response(channel.status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Keep the tests' output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    channel.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield channel
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
