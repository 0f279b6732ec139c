"""What a form says, read and checked: every field one printable line, nothing left open.

A form is small and its fields are known; whatever is longer, missing or not on offer is refused
with what to write instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.requests import Request

LONGEST_FORM = 16_384
_LONGEST = 500
# What is offered for the end of a pause; the first: until somebody resumes it.
PAUSES: Mapping[str, timedelta | None] = {
    "": None,
    "1h": timedelta(hours=1),
    "4h": timedelta(hours=4),
    "12h": timedelta(hours=12),
    "1d": timedelta(days=1),
    "3d": timedelta(days=3),
}


class FormError(Exception):
    """A form cannot be taken as it is; says which field and what to write instead."""


@dataclass(frozen=True)
class Form:
    """The fields of one sent form; a field that comes twice counts as missing."""

    fields: Mapping[str, str]

    def line(self, name: str, meaning: str) -> str:
        """Give a field's one line of text.

        Raises:
            FormError: it is empty, too long, or more than a line.
        """
        text = self.fields.get(name, "").strip()
        if not text:
            raise FormError(f"{name}: is empty; write {meaning}")
        if len(text) > _LONGEST or not text.isprintable():
            raise FormError(
                f"{name}: {len(text)} characters; write one printable line of at most {_LONGEST}"
            )
        return text

    def choice(self, name: str, offered: Collection[str]) -> str:
        """Give a field's value, which is one of those offered.

        Raises:
            FormError: it is none of them.
        """
        value = self.fields.get(name, "")
        if value not in offered:
            known = ", ".join(each for each in offered if each)
            raise FormError(f"{name}: is not one of those offered; choose one of {known}")
        return value


async def read_form(request: Request) -> Form:
    """Read a form's fields.

    Raises:
        FormError: it is longer than any form of ours, or is no text.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise FormError(f"the form is longer than {LONGEST_FORM} bytes; write less")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise FormError("the form is not text; send it from the board's page") from None
    names = [name for name, _ in pairs]
    return Form({name: value for name, value in pairs if names.count(name) == 1})
