"""The sandbox as one web application: every vendor at its mount, the own surface, the page."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import BaseRoute, Mount

from activation_pipeline.sandbox.gateway import Gateway
from activation_pipeline.sandbox.page import page_routes
from activation_pipeline.sandbox.state import Sandbox
from activation_pipeline.sandbox.surface import surface_routes
from activation_pipeline.sandbox.vendors import find_vendors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.sandbox.catalogue import Org

# A page elsewhere could point its own host name at loopback; only loopback names are answered.
_HOSTS = ["127.0.0.1", "localhost", "[::1]"]


def create_app(
    home: Path,
    org: Org,
    *,
    clock: Callable[[], datetime],
    records: Path | None = None,
    seed: str = "sandbox",
) -> Starlette:
    """Make the application.

    Args:
        home: folder of the state; made if missing, and all of it survives a restart.
        org: what an admin set up, by vendor; a vendor that is left out is not served.
        clock: the time, in UTC.
        records: folder of ``<vendor>_<object>.csv`` with the initial records.
        seed: decides what chance would: the order of unordered results.

    Raises:
        SetupError: the records do not fit the set-up.
    """
    vendors = {name: vendor for name, vendor in find_vendors().items() if name in org}
    sandbox = Sandbox(home, org, vendors, clock=clock, records=records, seed=seed)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        sandbox.store.close()

    mounts: list[BaseRoute] = [
        Mount(f"/{name}", app=Gateway(sandbox, vendor)) for name, vendor in vendors.items()
    ]
    return Starlette(
        routes=[*mounts, *surface_routes(sandbox), *page_routes(sandbox)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)],
        lifespan=lifespan,
    )
