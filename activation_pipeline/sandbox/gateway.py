"""One vendor's mount as an ASGI application: note the request, meet the faults, answer.

The path is taken raw, because a decoded ``%2F`` in an external id would look like a new segment. A
vendor's function runs in one transaction, which a refusal rolls back.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from activation_pipeline.sandbox.wire import Answer, Call, Refusal

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from activation_pipeline.sandbox.faults import Plan
    from activation_pipeline.sandbox.state import Sandbox
    from activation_pipeline.sandbox.wire import Vendor

# The server puts a function under this key of the scope; calling it drops the connection.
CUT = "activation_sandbox.cut"


class Gateway:
    """Answers everything below one vendor's mount."""

    def __init__(self, sandbox: Sandbox, vendor: Vendor) -> None:
        """Serve one vendor of a sandbox."""
        self._sandbox = sandbox
        self._vendor = vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        call = self._note(scope, await _body(receive))
        plan = self._plan(call)
        if plan is not None and plan.delay_s:
            await self._hold(plan.delay_s)
        answer = self._answer(call, plan)
        self._sandbox.journal.settle(
            call.number, None if answer.cut else answer.status, plan.kind if plan else None
        )
        if answer.cut:
            await _cut(scope, receive)
        else:
            await _reply(send, answer)

    async def _hold(self, seconds: float) -> None:
        """Let a call wait; it goes on at once when the faults are cleared."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._sandbox.faults.cleared.wait(), seconds)

    def _note(self, scope: Scope, body: bytes) -> Call:
        now = self._sandbox.clock()
        raw_path = scope["raw_path"].decode("ascii", "replace")
        query = scope["query_string"].decode("ascii", "replace")
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
        line = (scope["method"], raw_path + (f"?{query}" if query else ""))
        with self._sandbox.store.transaction():
            number = self._sandbox.journal.note(now, self._vendor.name, line, headers, body)
        host, port = scope["server"]
        return Call(
            method=scope["method"],
            path=raw_path.removeprefix(f"/{self._vendor.name}"),
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=dict(headers),
            body=body,
            mount=f"http://{host}:{port}/{self._vendor.name}",
            now=now,
            number=number,
        )

    def _plan(self, call: Call) -> Plan | None:
        with self._sandbox.store.transaction():
            return self._sandbox.faults.take(call, self._vendor)

    def _answer(self, call: Call, plan: Plan | None) -> Answer:
        if plan is not None and plan.instead is not None:
            return plan.instead
        if plan is not None:
            call = replace(call, drop=plan.drop, refuse=plan.refuse, effect=plan.effect)
        answer = self._dispatch(call)
        return plan.spoil(answer) if plan is not None and plan.spoil is not None else answer

    def _dispatch(self, call: Call) -> Answer:
        world = self._sandbox.world(self._vendor.name)
        try:
            with world.store.transaction():
                self._vendor.admit(call, world)
            with world.store.transaction():
                answer = self._run(call)
        except Refusal as refusal:
            answer = self._vendor.envelope(refusal, call)
        return self._vendor.seal(call, world, answer)

    def _run(self, call: Call) -> Answer:
        world = self._sandbox.world(self._vendor.name)
        found, params, allowed = self._vendor.find(call)
        if found is not None:
            return found.function(replace(call, params=params), world)
        if allowed:
            raise Refusal(
                405,
                "METHOD_NOT_ALLOWED",
                f"HTTP Method '{call.method}' not allowed. Allowed are {','.join(allowed)}",
            )
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")


async def _body(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _reply(send: Send, answer: Answer) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    if answer.status not in (204, 304):
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _cut(scope: Scope, receive: Receive) -> None:
    drop = scope.get(CUT)
    if drop is None:
        raise ConnectionResetError("sandbox: this server cannot drop a connection; use serve()")
    drop()
    while (await receive())["type"] != "http.disconnect":
        pass
