"""How the board's pages are made: templates that escape everything, and how values are written.

Whatever a person or a warehouse wrote is text here, never markup.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from activation_pipeline import runbook
from activation_pipeline.notation import elapsed, written_duration

if TYPE_CHECKING:
    from datetime import datetime

TEMPLATES = Path(__file__).parent / "templates"
_MANY = 100


class Pages:
    """Makes pages out of templates."""

    def __init__(self, address: str | None = None) -> None:
        """Read the templates once; ``address`` is where the runbook is served."""
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "moment": moment,
            "iso": _iso,
            "elapsed": elapsed,
            "duration": written_duration,
            "number": number,
            "ratio": ratio,
            "percent": percent,
            "words": _words,
            "runbook": lambda clause: runbook.link(clause, address),
            "path": lambda text: quote(str(text), safe=""),
        }

    def html(self, template: str, values: dict[str, Any], *, status: int = 200) -> HTMLResponse:
        """Make one page."""
        return HTMLResponse(self._templates.get_template(template).render(values), status)

    def problem(self, status: int, title: str, text: str, back: str = "/") -> HTMLResponse:
        """Make the page of a refusal or a failure: what it is, and what to do."""
        shown = {"title": title, "text": text, "back": back}
        return self.html("problem.html", shown, status=status)


def moment(value: datetime) -> str:
    """Write a moment to the minute, in UTC."""
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _iso(value: datetime) -> str:
    return value.isoformat(timespec="seconds")


def number(value: float | None) -> str:
    """Write a number as people read it; none is a dash."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def ratio(part: float | None, whole: float | None) -> str:
    """Write a part of a whole as a percentage; a dash where there is no whole."""
    return percent(part / whole) if part is not None and whole else "-"


def percent(value: float) -> str:
    """Write a ratio as a percentage; what is not all is never written as 100%."""
    shown = f"{value * _MANY:.1f}".removesuffix(".0")
    if value < 1 and shown == "100":
        return "99.9%"
    return f"{shown}%"


def _words(name: str) -> str:
    return name.replace("_", " ")
