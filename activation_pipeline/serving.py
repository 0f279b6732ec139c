"""A web server on a socket that is bound before anything is started.

So a port that is taken is told at once, a free one can be asked for, and whoever starts it learns
when it answers. Nothing is printed, and being stopped by a signal is how serving ends.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp


def listening(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Bind an address; port 0 takes a free one.

    Raises:
        OSError: the port is taken, or the host is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, the event loop turns Nagle off; without, every answer waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class Server(uvicorn.Server):
    """Serves one application on bound sockets and tells the port once it answers."""

    def __init__(self, app: ASGIApp, ready: Callable[[int], None]) -> None:
        """Serve an application; ``ready`` is called once, when requests are answered."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=2,
            timeout_keep_alive=75,
        )
        super().__init__(config)
        self._ready = ready

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End at a signal; at a second one without waiting for answers that are on their way."""
        # Not remembered, so not raised again at the end: being stopped is how serving ends.
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start answering, then tell on which port."""
        await super().startup(sockets)
        if sockets:
            self._ready(int(sockets[0].getsockname()[1]))
