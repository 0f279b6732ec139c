"""The sandbox's own surface under ``/_sandbox``: what was received, reset, faults, limits, edits.

It has no login: the server listens on loopback only, and a request that a page of another origin
makes a browser send is refused. Everything here speaks JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from activation_pipeline.sandbox.catalogue import SetupError
from activation_pipeline.sandbox.faults import Fault
from activation_pipeline.sandbox.wire import Edit, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from activation_pipeline.sandbox.state import Sandbox

_FAULTS = TypeAdapter(list[Fault])


class _EditBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    vendor: str
    object: str
    id: str
    field: str
    value: Any
    by: str | None = None


class _LimitBody(BaseModel):
    model_config = ConfigDict(extra="allow")

    vendor: str


def same_origin(request: Request) -> bool:
    """Tell whether a browser sent this on behalf of one of our own pages, or no browser did."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def person_edits(sandbox: Sandbox, body: dict[str, Any]) -> None:
    """Change one value as a person does; ``body``: vendor, object, id, field, value, by?.

    Raises:
        SetupError: no such vendor, object, field or record.
        Refusal: the vendor would not take the value.
    """
    asked = _EditBody.model_validate(body)
    if asked.vendor not in sandbox.vendors:
        raise SetupError(f"edit: no vendor {asked.vendor}; one of {sorted(sandbox.vendors)}")
    world = sandbox.world(asked.vendor)
    spec = world.org.find(asked.object)
    if spec is None:
        raise SetupError(f"edit: {asked.vendor} has no object {asked.object}; name one it has")
    by = asked.by or world.org.user("person").id
    edit = Edit(spec, asked.id, asked.field, asked.value, by, sandbox.clock())
    with world.store.transaction():
        sandbox.vendors[asked.vendor].edit(world, edit)


def surface_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the own surface."""
    table: list[tuple[str, str, Callable[[Sandbox, Any, Request], Any]]] = [
        ("GET", "/health", _health),
        ("GET", "/requests", _read_requests),
        ("DELETE", "/requests", _clear_requests),
        ("POST", "/reset", _reset),
        ("GET", "/faults", _read_faults),
        ("POST", "/faults", _add_faults),
        ("DELETE", "/faults", _clear_faults),
        ("POST", "/limits", _set_limits),
        ("POST", "/edit", _edit),
    ]
    return [
        Route(f"/_sandbox{path}", _endpoint(sandbox, function), methods=[method])
        for method, path, function in table
    ]


def _endpoint(
    sandbox: Sandbox, function: Callable[[Sandbox, Any, Request], Any]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method != "GET" and not same_origin(request):
            return JSONResponse({"error": "sandbox: from another origin; not done"}, 403)
        raw = await request.body()
        try:
            body = orjson.loads(raw) if raw else None
            return JSONResponse(function(sandbox, body, request))
        except orjson.JSONDecodeError as error:
            return JSONResponse({"error": f"body: not JSON: {error}; send JSON"}, 400)
        except ValidationError as error:
            return JSONResponse(
                {"error": error.errors(include_url=False, include_input=False)}, 400
            )
        except (SetupError, Refusal, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


def _health(sandbox: Sandbox, _body: Any, _request: Request) -> Any:
    return {"status": "ok", "vendors": sorted(sandbox.vendors)}


def _read_requests(sandbox: Sandbox, _body: Any, request: Request) -> Any:
    since = int(request.query_params.get("since", "0"))
    return {
        "requests": sandbox.journal.read(since=since, vendor=request.query_params.get("vendor", ""))
    }


def _clear_requests(sandbox: Sandbox, _body: Any, _request: Request) -> Any:
    sandbox.journal.clear()
    return {"status": "ok"}


def _reset(sandbox: Sandbox, _body: Any, _request: Request) -> Any:
    sandbox.reset()
    return {"status": "ok"}


def _read_faults(sandbox: Sandbox, _body: Any, _request: Request) -> Any:
    return {"faults": sandbox.faults.waiting()}


def _add_faults(sandbox: Sandbox, body: Any, _request: Request) -> Any:
    faults = _FAULTS.validate_python(body if isinstance(body, list) else [body])
    with sandbox.store.transaction():
        for fault in faults:
            sandbox.faults.add(fault, sandbox.clock())
    return {"faults": sandbox.faults.waiting()}


def _clear_faults(sandbox: Sandbox, _body: Any, _request: Request) -> Any:
    sandbox.faults.clear()
    return {"faults": []}


def _set_limits(sandbox: Sandbox, body: Any, _request: Request) -> Any:
    asked = _LimitBody.model_validate(body)
    if asked.vendor not in sandbox.vendors:
        raise SetupError(f"limits: no vendor {asked.vendor}; one of {sorted(sandbox.vendors)}")
    limits = TypeAdapter(dict[str, int]).validate_python(asked.model_extra or {})
    unknown = sorted(set(limits) - set(sandbox.world(asked.vendor).org.limits))
    if unknown:
        known = sorted(sandbox.world(asked.vendor).org.limits)
        raise SetupError(f"limits: {asked.vendor} has no {', '.join(unknown)}; one of {known}")
    sandbox.limit(asked.vendor, limits)
    return {"limits": dict(sandbox.world(asked.vendor).limits)}


def _edit(sandbox: Sandbox, body: Any, _request: Request) -> Any:
    person_edits(sandbox, body if isinstance(body, dict) else {})
    return {"status": "ok"}
