"""The page: what a rep would see in a record, who wrote each value and when, and a way to edit one.

Plain HTML that works without scripts. Values are always escaped, since anything may have been
written into them. A form that a page of another origin sends is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from activation_pipeline.sandbox.catalogue import SetupError
from activation_pipeline.sandbox.shelf import Record, Shelf
from activation_pipeline.sandbox.surface import person_edits, same_origin
from activation_pipeline.sandbox.wire import Refusal, World

if TYPE_CHECKING:
    from starlette.requests import Request

    from activation_pipeline.sandbox.catalogue import FieldSpec, ObjectSpec
    from activation_pipeline.sandbox.state import Sandbox

_ROWS = 50
_HISTORY = 200
_NUMBERS = {"double", "currency", "percent", "int"}
_FLAGS = {"boolean"}
# A page of forms has no business inside another page, and runs nothing.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Page:
    """Renders the page of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Show one sandbox."""
        self._sandbox = sandbox
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
        )
        self._templates.filters["path"] = lambda text: quote(str(text), safe="")

    async def index(self, request: Request) -> Response:
        """Show the objects, and the records that a search finds."""
        text = request.query_params.get("q", "").strip()
        shelves = []
        for vendor in self._sandbox.vendors:
            world = self._sandbox.world(vendor)
            for spec in world.org.objects:
                shelf = Shelf(world, spec)
                found = shelf.search(text, _ROWS) if text else shelf.page(limit=_ROWS)
                shelves.append(
                    {
                        "vendor": vendor,
                        "label": world.org.label,
                        "spec": spec,
                        "count": shelf.count(),
                        "records": found,
                    }
                )
        return self._html("index.html", {"q": text, "shelves": shelves, "rows": _ROWS})

    async def record(self, request: Request) -> Response:
        """Show one record."""
        world, spec, record = self._found(request)
        if world is None or spec is None or record is None:
            return self._html("missing.html", {}, status=404)
        return self._record(world, spec, record)

    async def edit(self, request: Request) -> Response:
        """Change one value as a person, then show the record again."""
        world, spec, record = self._found(request)
        if world is None or spec is None or record is None:
            return self._html("missing.html", {}, status=404)
        if not same_origin(request):
            return HTMLResponse("sandbox: the form came from another origin; not done", 403)
        form = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        field = spec.field(form.get("field", [""])[0])
        if field is None:
            problem = "No such field: choose one of the list."
            return self._record(world, spec, record, problem=problem)
        typed = form.get("value", [""])[0]
        try:
            value = _typed(field, typed)
            asked: dict[str, Any] = {"vendor": world.vendor, "object": spec.name, "id": record.id}
            asked |= {"field": field.name, "value": value, "by": form.get("by", [None])[0]}
            person_edits(self._sandbox, asked)
        except (Refusal, SetupError, ValueError) as error:
            tried = (field.name, typed)
            return self._record(world, spec, record, problem=str(error), tried=tried)
        return RedirectResponse(f"{request.url.path}#{field.name}", 303)

    def _found(self, request: Request) -> tuple[World | None, ObjectSpec | None, Record | None]:
        vendor = request.path_params["vendor"]
        if vendor not in self._sandbox.vendors:
            return None, None, None
        world = self._sandbox.world(vendor)
        spec = world.org.find(request.path_params["object"])
        found = Shelf(world, spec).find(request.path_params["id"]) if spec else None
        return world, spec, found

    def _record(
        self,
        world: World,
        spec: ObjectSpec,
        record: Record,
        *,
        problem: str = "",
        tried: tuple[str, str] = ("", ""),
    ) -> Response:
        past = Shelf(world, spec).past(record.id)
        latest: dict[str, Any] = {}
        for change in past:
            latest.setdefault(change.field, change)
        shown = {
            "vendor": world.vendor,
            "spec": spec,
            "record": record,
            "past": past[:_HISTORY],
            "latest": latest,
            "org": world.org,
            "lists": _lists(world, record),
            "people": [user for user in world.org.users if user.kind == "person"],
            "problem": problem,
            "tried": tried,
        }
        return self._html("record.html", shown, status=400 if problem else 200)

    def _html(self, template: str, values: dict[str, Any], *, status: int = 200) -> HTMLResponse:
        text = self._templates.get_template(template).render(values)
        return HTMLResponse(text, status, headers=_HEADERS)


def page_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the page."""
    page = Page(sandbox)
    path = "/records/{vendor}/{object}/{id}"
    return [
        Route("/", page.index, methods=["GET"]),
        Route(path, page.record, methods=["GET"]),
        Route(path, page.edit, methods=["POST"]),
    ]


def _typed(field: FieldSpec, text: str) -> Any:
    if text == "":
        return None
    if field.type in _NUMBERS:
        return float(text)
    if field.type in _FLAGS:
        return text == "true"
    return text


def _lists(world: World, record: Record) -> list[tuple[str, str]]:
    return [
        (str(name), str(at))
        for name, at in world.store.rows(
            "SELECT l.name, m.at FROM member m JOIN list l ON l.vendor=m.vendor AND l.id=m.list_id"
            " WHERE m.vendor=? AND m.record_id=? ORDER BY l.name",
            world.vendor,
            record.id,
        )
    ]
