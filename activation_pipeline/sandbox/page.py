"""The page: what a rep would see in a record, who wrote each value and when, and a way to edit one.

Plain HTML that works without scripts. A form that another origin sends is refused.
"""

from __future__ import annotations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import Route
    from activation_pipeline.sandbox.state import Sandbox


def page_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the page."""
    return []
