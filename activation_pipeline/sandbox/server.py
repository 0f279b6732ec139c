"""Runs the sandbox: in this thread until stopped, or in another one for as long as a block lasts.

It listens on 127.0.0.1 only and prints nothing; the port that it got is handed to the caller.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.app import create_app
from activation_pipeline.sandbox.catalogue import SetupError, load_org
from activation_pipeline.sandbox.gateway import CUT
from activation_pipeline.sandbox.vendors import find_vendors
from activation_pipeline.serving import Server, listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    from activation_pipeline.sandbox.catalogue import Org

_START_WITHIN_S = 30
_STOP_WITHIN_S = 10


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that answers; ``url`` has no slash at its end."""

    url: str
    port: int

    def mount(self, vendor: str) -> str:
        """Return a vendor's base address."""
        return f"{self.url}/{vendor}"


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


def serve(
    home: Path,
    *,
    port: int,
    org: Org | None = None,
    records: Path | None = None,
    clock: Callable[[], datetime] = utc_now,
    ready: Callable[[int], None] = lambda _port: None,
) -> None:
    """Serve until SIGINT or SIGTERM; call ``ready`` with the bound port once it answers.

    Args:
        home: folder of the state.
        port: 0 takes a free one.
        org: what an admin set up; the bundled set-up when left out.
        records: folder of the initial records.
        clock: the time, in UTC.
        ready: called once, when requests are answered.

    Raises:
        OSError: the port is taken.
        SetupError: the set-up or the records cannot be used.
    """
    with closing(listening(port)) as bound:
        server = _server(home, org, records=records, clock=clock, ready=ready)
        server.run(sockets=[bound])


@contextmanager
def running_sandbox(
    home: Path,
    *,
    org: Org | None = None,
    records: Path | None = None,
    clock: Callable[[], datetime] = utc_now,
    port: int = 0,
) -> Iterator[Running]:
    """Run a sandbox in a thread of this process while the block lasts.

    Raises:
        SetupError: the set-up or the records cannot be used, or it did not start in time.
    """
    started = threading.Event()
    with closing(listening(port)) as bound:
        taken = int(bound.getsockname()[1])
        server = _server(home, org, records=records, clock=clock, ready=lambda _: started.set())
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[bound])),
            name="activation-sandbox",
            daemon=True,
        )
        thread.start()
        try:
            if not started.wait(_START_WITHIN_S):
                raise SetupError(f"sandbox: not answering after {_START_WITHIN_S} s; try again")
            yield Running(f"http://127.0.0.1:{taken}", taken)
        finally:
            server.should_exit = True
            thread.join(_STOP_WITHIN_S)


def _server(
    home: Path,
    org: Org | None,
    *,
    records: Path | None,
    clock: Callable[[], datetime],
    ready: Callable[[int], None],
) -> Server:
    setup = load_org(find_vendors()) if org is None else org
    app = create_app(home, setup, clock=clock, records=records)
    return Server(_droppable(app), ready)


def _droppable(app: ASGIApp) -> ASGIApp:
    """Give every request the means to drop its connection, which ASGI itself does not have."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Any = getattr(send, "__self__", None)
        transport = getattr(exchange, "transport", None)
        if transport is not None:
            scope[CUT] = transport.abort
        await app(scope, receive, send)

    return wrapped
