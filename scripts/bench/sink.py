"""A destination that takes everything: HubSpot's batch answers over HTTP, as fast as Python can.

Run it; it prints its port and serves until it is terminated.
"""

from __future__ import annotations

import asyncio

import orjson

_FIELDS = (("warehouse_contact_id", "string", True), ("band", "string", False),
           ("reason", "string", False), ("arr", "number", False))  # fmt: skip


class Sink(asyncio.Protocol):
    """One connection: whole requests in, whole answers out."""

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
            payload = orjson.dumps(answer(head.split(b" ", 2)[1], body))
            size = b"Content-Length: %d\r\n\r\n" % len(payload)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + size + payload
            )


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
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
