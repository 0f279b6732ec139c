"""The three things that the board does: pause, resume, sign a plan.

Each is the use case of the command line with the same words, called once per form. A form is taken
only with its token; then the browser is sent back to the contract's page, so that reloading
it does nothing twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from activation_pipeline import pausing
from activation_pipeline.approve import sign_plan
from activation_pipeline.board.forms import PAUSES, Form, FormError, read_form
from activation_pipeline.board.guard import SESSION
from activation_pipeline.board.pages import STALE_FORM
from activation_pipeline.errors import ActivationError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from activation_pipeline.board.door import Door
    from activation_pipeline.board.installation import Installation
    from activation_pipeline.board.showing import Pages
    from activation_pipeline.contract import Contract
    from activation_pipeline.loading import Checked

EVERY = ""  # what a form says for all destinations, or all gates


class Acting:
    """Does what a form asks for."""

    def __init__(self, installation: Installation, door: Door, pages: Pages) -> None:
        """Act on an installation for whoever the door lets in."""
        self._installation = installation
        self._door = door
        self._pages = pages

    async def pause(self, request: Request) -> Response:
        """Stop a contract, or one of its destinations."""
        return await self._act(request, self._pause)

    async def resume(self, request: Request) -> Response:
        """Lift a pause in the word of a role."""
        return await self._act(request, self._resume)

    async def sign(self, request: Request) -> Response:
        """Let the plan that was shown pass the gates that a role may sign."""
        return await self._act(request, self._sign)

    async def _act(self, request: Request, do: Callable[[str, Checked, Form], str]) -> Response:
        name = request.path_params["name"]
        back = f"/contracts/{quote(name, safe='')}"
        try:
            form = await read_form(request)
            if not self._door.is_form_token(request.scope[SESSION], form.fields.get("form", "")):
                return self._pages.problem(403, *STALE_FORM, back=back)
            done = await run_in_threadpool(self._done, name, form, do)
        except FormError as error:
            return self._pages.problem(400, "Nothing was done", str(error), back=back)
        except RefusedError as error:
            title = f"Refused by {error.clause}; nothing was done"
            return self._pages.problem(409, title, str(error), back=back)
        except ActivationError as error:
            return self._pages.problem(503, "Not done", str(error), back=back)
        return RedirectResponse(f"{back}?done={done}", 303)

    def _done(self, name: str, form: Form, do: Callable[[str, Checked, Form], str]) -> str:
        checked = self._installation.contracts().get(name)
        if checked is None:
            raise FormError("there is no contract of this name any more; open the first page")
        return do(name, checked, form)

    def _pause(self, name: str, checked: Checked, form: Form) -> str:
        lasts = PAUSES[form.choice("until", PAUSES)]
        by, reason = form.line("by", "who you are"), form.line("reason", "why it is paused")
        destination = _destination(checked, form)
        now = self._installation.clock()
        with self._installation.opened() as runtime:
            pausing.pause(
                name,
                destination,
                runtime,
                by=by,
                reason=reason,
                until=now + lasts if lasts else None,
                now=now,
                contract=checked.contract,
            )
        return "paused"

    def _resume(self, _name: str, checked: Checked, form: Form) -> str:
        contract = _valid(checked)
        role = form.choice("role", sorted(contract.roles))
        by, reason = form.line("by", "who you are"), form.line("reason", "what was found")
        destination = _destination(checked, form)
        with self._installation.opened() as runtime:
            found = pausing.resume(
                contract,
                destination,
                runtime,
                role=role,
                by=by,
                reason=reason,
                now=self._installation.clock(),
            )
        if not found.was_paused:
            return "not_paused"
        return "still" if found.left else "resumed"

    def _sign(self, _name: str, checked: Checked, form: Form) -> str:
        contract = _valid(checked)
        role = form.choice("role", sorted(contract.roles))
        by, reason = form.line("by", "who you are"), form.line("reason", "why this plan may go")
        plan = form.line("plan", "the plan's id")
        with self._installation.opened() as runtime:
            sign_plan(
                contract,
                runtime,
                plan=plan,
                gate=form.fields.get("gate") or None,
                role=role,
                by=by,
                reason=reason,
                now=self._installation.clock(),
            )
        return "signed"


def _valid(checked: Checked) -> Contract:
    """Give the contract of a file that is one.

    Raises:
        FormError: it is malformed now, so nobody can tell who may speak for it.
    """
    if checked.contract is None:
        raise FormError(
            f"the file is malformed ({len(checked.errors)} problems); mend it first: resuming and "
            "signing need the roles that it names"
        )
    return checked.contract


def _destination(checked: Checked, form: Form) -> str | None:
    """Read which destination is meant; a malformed file is paused as a whole."""
    known = tuple(checked.contract.destinations) if checked.contract else ()
    return form.choice("destination", (EVERY, *known)) or None
