"""The pages that are read: all contracts, one contract, and signing in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import FileResponse, RedirectResponse, Response

from activation_pipeline.board.detail import read_detail
from activation_pipeline.board.forms import PAUSES, FormError, read_form
from activation_pipeline.board.guard import SESSION
from activation_pipeline.board.overview import Overviews
from activation_pipeline.board.samples import Samples
from activation_pipeline.board.showing import TEMPLATES

if TYPE_CHECKING:
    from starlette.requests import Request

    from activation_pipeline.board.door import Door
    from activation_pipeline.board.installation import Installation
    from activation_pipeline.board.showing import Pages

REFRESH_S = 30
_DONE = {
    "paused": "Paused. Nothing more is sent.",
    "resumed": "Resumed. A delivery goes on where it stopped, when it is run again.",
    "still": "Resumed; another pause is still in force.",
    "not_paused": "It was not paused; nothing changed.",
    "signed": "Signed, for this plan only.",
}


class Reading:
    """Shows one installation."""

    def __init__(self, installation: Installation, door: Door, pages: Pages) -> None:
        """Show an installation to whoever the door lets in."""
        self._installation = installation
        self._door = door
        self._pages = pages
        self._overviews = Overviews(installation)
        self._samples = Samples()

    def index(self, request: Request) -> Response:
        """Show all contracts, worst first."""
        overview = self._overviews.read()
        shown = {"overview": overview, "now": overview.now, "refresh": REFRESH_S}
        return self._pages.html("index.html", self._with_token(request, shown))

    def look(self) -> None:
        """Read what the first page needs, so that it is quick when somebody asks for it."""
        self._overviews.read()

    def contract(self, request: Request) -> Response:
        """Show one contract, valid or malformed."""
        name = request.path_params["name"]
        checked = self._installation.contracts().get(name)
        if checked is None:
            return self.missing(request)
        now, runtime = self._installation.clock(), self._installation.runtime
        detail = read_detail(name, checked, runtime, now=now)
        sampled = self._samples.read(detail.live, runtime, now=now) if detail.live else None
        shown = {
            "detail": detail,
            "live": detail.live,
            "sampled": sampled,
            "now": now,
            "pauses_offered": tuple(PAUSES),
            "done": _DONE.get(request.query_params.get("done", ""), ""),
        }
        return self._pages.html("contract.html", self._with_token(request, shown))

    def missing(self, _request: Request) -> Response:
        """Say that there is no such page."""
        text = "There is no contract of this name. The first page lists all of them."
        return self._pages.problem(404, "Not on the board", text)

    def sign_in_form(self, request: Request) -> Response:
        """Ask for the token."""
        return self._pages.html("sign_in.html", self._with_token(request, {"wrong": False}))

    async def sign_in(self, request: Request) -> Response:
        """Take the token and remember the browser."""
        try:
            form = await read_form(request)
        except FormError as error:
            return self._pages.problem(400, "Not signed in", str(error))
        if not self._door.is_form_token(request.scope[SESSION], form.fields.get("form", "")):
            return self._pages.problem(403, *STALE_FORM)
        session = self._door.sign_in(form.fields.get("token", ""))
        if session is None:
            shown = self._with_token(request, {"wrong": True})
            return self._pages.html("sign_in.html", shown, status=401)
        request.scope[SESSION] = session
        return RedirectResponse("/", 303)

    def _with_token(self, request: Request, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "form_token": self._door.form_token(request.scope[SESSION])}


STALE_FORM = (
    "This form is from another time",
    (
        "Nothing was done. The board was started anew since the page was made, or the browser "
        "keeps no cookies. Open the page again and send the form from there."
    ),
)


def style(_request: Request) -> Response:
    """Give the style sheet."""
    return FileResponse(TEMPLATES / "board.css", media_type="text/css")


def icon(_request: Request) -> Response:
    """Give the icon of the browser's tab."""
    return FileResponse(TEMPLATES / "icon.svg", media_type="image/svg+xml")
