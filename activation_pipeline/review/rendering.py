"""Lays a review pack out: as Markdown, and as one self-contained page of HTML that prints.

Pure: a pack in, text out. Whatever a pack holds is escaped on its way out, since a value may be
anything: in HTML by the template engine, in Markdown here, and in both what is invisible is
written as its code. The page fetches nothing and runs nothing.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from activation_pipeline.review.writing import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from activation_pipeline.review.document import Pack

_TEMPLATES = Path(__file__).parent / "templates"
# What Markdown would obey inside a line; underscores inside a name are only letters to it.
_OBEYED = re.compile(r"[\\`*\[\]<>|~$&]|(?<!\w)_+|_+(?!\w)|:(?=//)")


def markdown(pack: Pack) -> str:
    """Write a pack as Markdown, one to two printed pages."""
    written: str = _environment(in_markdown).get_template("pack.md").render(pack=pack)
    return written


def html(pack: Pack) -> str:
    """Write a pack as one HTML page without addresses, scripts or pictures."""
    written: str = (
        _environment(_in_html, autoescape=True).get_template("pack.html").render(pack=pack)
    )
    return written


def in_markdown(value: object) -> str:
    """Write a value so that Markdown shows it, in one line, and obeys nothing in it."""
    if isinstance(value, Markup):
        return value
    return _OBEYED.sub(lambda match: "".join(f"\\{c}" for c in match[0]), visible(value))


def _in_html(value: object) -> str:
    return value if isinstance(value, Markup) else visible(value)


def _code(value: object) -> Markup:
    """Write a command as a span of Markdown code, in which nothing can be escaped."""
    kept = visible(value).replace("`", "'").replace("|", "\\|")
    return Markup("`{}`").format(Markup(kept))  # noqa: S704 - Markdown; a code span shows everything


@cache
def _environment(finalize: Callable[[object], str], *, autoescape: bool = False) -> Environment:
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=autoescape,  # noqa: S701 - Markdown is escaped by its own finalize
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {"code": _code, "thousands": "{:,}".format, "worded": _worded}
    return found


def _worded(name: str) -> str:
    """Write a name of the contract's format in words: ``launch_with_caveats``."""
    return name.replace("_", " ")
