"""The board's outermost layer: nothing passes that the door does not let in.

It also gives every browser its session and every answer its headers. Pages run nothing, load
nothing from elsewhere, cannot be framed and are not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse

from activation_pipeline.board.door import HOSTS, new_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from activation_pipeline.board.door import Door

COOKIE = "activation_board"
SESSION = "activation_board.session"
SIGN_IN = "/sign-in"
_OPEN = frozenset({SIGN_IN, "/board.css", "/icon.svg"})
_READING = frozenset({"GET", "HEAD"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NOT_OURS = (
    400,
    "This is not the board's host name",
    (
        "Open the board by the address that it printed when it started. Where it is reached by "
        f"another name, put that name into {HOSTS}."
    ),
)
_FOREIGN = (
    403,
    "This form did not come from the board",
    "Nothing was done. Open the contract's page on the board and send the form from there.",
)
_TOO_EARLY = (
    401,
    "Sign in first",
    "Nothing was done. Open the board's first page, sign in, and try again.",
)


class Guard:
    """Wraps the board's application."""

    def __init__(
        self, app: ASGIApp, *, door: Door, problem: Callable[[int, str, str], Response]
    ) -> None:
        """Guard an application; ``problem`` makes the page of a refusal: status, title, text."""
        self._app = app
        self._door = door
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        session = HTTPConnection(scope).cookies.get(COOKIE, "")
        scope[SESSION] = session or new_session()
        answer = self._refusal(scope, headers) or self._app

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    added[name] = value
                if scope[SESSION] != session:
                    added.append("Set-Cookie", cookie(scope[SESSION], scope["scheme"]))
            await send(message)

        await answer(scope, receive, with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        is_reading = scope["method"] in _READING
        if not self._door.knows_host(headers):
            return self._problem(*_NOT_OURS)
        if not is_reading and not self._door.is_own_form(headers):
            return self._problem(*_FOREIGN)
        if scope["path"] in _OPEN or self._door.admits(scope[SESSION], headers):
            return None
        if not is_reading:
            return self._problem(*_TOO_EARLY)
        return RedirectResponse(SIGN_IN, 303)


def cookie(session: str, scheme: str) -> str:
    """Write a session as a cookie that no script reads and no other site's page sends."""
    secure = "; Secure" if scheme == "https" else ""
    return f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict{secure}"
