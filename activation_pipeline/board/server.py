"""Runs the board until it is stopped."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from activation_pipeline.board.app import create_board
from activation_pipeline.serving import Server, listening

if TYPE_CHECKING:
    from collections.abc import Callable

    from activation_pipeline.board.door import Door
    from activation_pipeline.board.installation import Installation


def serve(
    installation: Installation,
    door: Door,
    *,
    host: str,
    port: int,
    ready: Callable[[int], None],
) -> None:
    """Serve until SIGINT or SIGTERM; call ``ready`` with the bound port once it answers.

    Args:
        installation: what it shows and acts on.
        door: who may come in.
        host: the address to bind.
        port: 0 takes a free one.
        ready: called once, when requests are answered.

    Raises:
        OSError: the port is taken, or the host is none of this machine's.
    """
    with closing(listening(port, host)) as bound:
        Server(create_board(installation, door), ready).run(sockets=[bound])
