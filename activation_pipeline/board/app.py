"""The board as one web application: pages, actions, and the guard around both."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Route

from activation_pipeline.board.actions import Acting
from activation_pipeline.board.guard import SIGN_IN, Guard
from activation_pipeline.board.pages import Reading, icon, style
from activation_pipeline.board.showing import Pages
from activation_pipeline.errors import ActivationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from activation_pipeline.board.door import Door
    from activation_pipeline.board.installation import Installation

_LOOK_EVERY_S = 15
_LOG = logging.getLogger(__name__)
_OWN_FAULT = (
    "The board could not make this page",
    (
        "This is a fault of the board; its log says more. Pauses and deliveries do not need it: "
        "use activation status, activation pause and activation resume."
    ),
)
_NO_LEDGER = (
    "The ledger does not answer",
    (
        "Look at the database that ACTIVATION_LEDGER names. Until it answers nothing is sent: "
        "every delivery asks it before each batch."
    ),
)


def create_board(installation: Installation, door: Door) -> Starlette:
    """Make the application.

    Args:
        installation: what it shows and acts on.
        door: who may come in.
    """
    pages = Pages(installation.runbook)
    reading, acting = Reading(installation, door, pages), Acting(installation, door, pages)
    one = "/contracts/{name}"

    def failed(_request: Request, error: Exception) -> Response:
        if isinstance(error, ActivationError):
            return pages.problem(503, "The installation does not answer", str(error))
        if isinstance(error, SQLAlchemyError):
            _LOG.error("board: the ledger does not answer (%s)", type(error).__name__)
            return pages.problem(503, *_NO_LEDGER)
        return pages.problem(500, *_OWN_FAULT)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(_look_again_and_again(reading.look))
        try:
            yield
        finally:
            looking.cancel()

    def missing(request: Request, _error: Exception) -> Response:
        return reading.missing(request)

    return Starlette(
        routes=[
            Route("/", reading.index),
            Route(one, reading.contract),
            Route(f"{one}/pause", acting.pause, methods=["POST"]),
            Route(f"{one}/resume", acting.resume, methods=["POST"]),
            Route(f"{one}/sign", acting.sign, methods=["POST"]),
            Route(SIGN_IN, reading.sign_in_form),
            Route(SIGN_IN, reading.sign_in, methods=["POST"]),
            Route("/board.css", style),
            Route("/icon.svg", icon),
        ],
        lifespan=lifespan,
        middleware=[Middleware(Guard, door=door, problem=pages.problem)],
        exception_handlers={
            404: missing,
            405: missing,
            ActivationError: failed,
            SQLAlchemyError: failed,
            Exception: failed,
        },
    )


async def _look_again_and_again(look: Callable[[], object]) -> None:
    """Look when nobody does, so that whoever comes first in the night does not wait."""
    while True:
        # Whatever cannot be read is told by the page that needs it.
        with suppress(ActivationError, SQLAlchemyError):
            await run_in_threadpool(look)
        await asyncio.sleep(_LOOK_EVERY_S)
