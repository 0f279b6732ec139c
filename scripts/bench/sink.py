"""A destination that takes everything: HubSpot's batch answers over HTTP, as fast as Python can.

Run it; it prints its port and serves until it is terminated. ``--latency-ms`` makes every answer
wait, ``--per-ten-seconds`` refuses what is over a rolling limit. ``GET /_counts`` tells when the
taken requests came, in seconds, and how many were refused.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import deque

import orjson

_FIELDS = (("warehouse_contact_id", "string", True), ("band", "string", False),
           ("reason", "string", False), ("arr", "number", False))  # fmt: skip
_WINDOW_S = 10.0
_TOO_MANY = orjson.dumps(
    {"status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING",
     "message": "You have reached your ten_secondly_rolling limit."}
)  # fmt: skip


class Window:
    """The requests of the last ten seconds, against a limit; without one everything is taken."""

    def __init__(self, most: int) -> None:
        """Allow ``most`` requests in any ten seconds; 0 is without end."""
        self.most, self.refused = most, 0
        self.taken: list[float] = []
        self.recent: deque[float] = deque()

    def admits(self) -> bool:
        """Take a request, or count it as refused."""
        now = time.monotonic()
        while self.recent and self.recent[0] <= now - _WINDOW_S:
            self.recent.popleft()
        if self.most and len(self.recent) >= self.most:
            self.refused += 1
            return False
        self.recent.append(now)
        self.taken.append(now)
        return True

    @property
    def headers(self) -> bytes:
        """Tell what HubSpot tells of the limit, where there is one."""
        if not self.most:
            return b""
        left = self.most - len(self.recent)
        return (
            b"X-HubSpot-RateLimit-Max: %d\r\nX-HubSpot-RateLimit-Remaining: %d\r\n"
            b"X-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n" % (self.most, left)
        )


class Sink(asyncio.Protocol):
    """One connection: whole requests in, whole answers out."""

    def __init__(self, window: Window, latency_s: float) -> None:
        """Share the window with every other connection."""
        self.window, self.latency_s = window, latency_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.buffer += data
        while True:
            head, mark, rest = self.buffer.partition(b"\r\n\r\n")
            lengths = [
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ]
            length = lengths[0] if lengths else 0
            if not mark or len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            reply = self._reply(head.split(b" ", 2)[1], body)
            if self.latency_s:
                asyncio.get_running_loop().call_later(self.latency_s, self.transport.write, reply)
            else:
                self.transport.write(reply)

    def _reply(self, path: bytes, body: bytes) -> bytes:
        status, extra = b"200 OK", b""
        if path == b"/_counts":
            payload = orjson.dumps({"taken": self.window.taken, "refused": self.window.refused})
        elif self.window.admits():
            payload, extra = orjson.dumps(answer(path, body)), self.window.headers
        else:
            status, payload, extra = b"429 Too Many", _TOO_MANY, self.window.headers
        size = b"Content-Length: %d\r\n\r\n" % len(payload)
        kind = b"Content-Type: application/json\r\n"
        return b"HTTP/1.1 " + status + b"\r\n" + kind + extra + size + payload


def answer(path: bytes, body: bytes) -> dict[str, object]:
    """Accept every record of a batch; tell of the fields otherwise."""
    if b"/batch/" not in path:
        fields = [
            {"name": name, "type": kind, "fieldType": "text", "hasUniqueValue": unique}
            for name, kind, unique in _FIELDS
        ]
        return {"results": fields}
    day = "2026-01-01T00:00:00Z"
    results = [
        {"id": str(number), "properties": {}, "new": False, "createdAt": day, "updatedAt": day,
         "archived": False, "objectWriteTraceId": given.get("objectWriteTraceId")}
        for number, given in enumerate(orjson.loads(body)["inputs"])
    ]  # fmt: skip
    return {"status": "COMPLETE", "results": results}


async def main() -> None:
    """Serve on a free port of loopback."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--per-ten-seconds", type=int, default=0)
    given = parser.parse_args()
    window, latency_s = Window(given.per_ten_seconds), given.latency_ms / 1000
    server = await asyncio.get_running_loop().create_server(
        lambda: Sink(window, latency_s), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
