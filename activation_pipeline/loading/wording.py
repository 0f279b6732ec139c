"""Words for problems: what a contract's author reads instead of a library's error.

Texts for syntax faults, a description of what each kind of value should look like, and the
nearest right name where it is surely meant. Positions and codes are not decided here.
"""

from __future__ import annotations

import difflib
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from activation_pipeline.notation import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean", "expectation", "file_keys", "listed", "nearest", "shown", "syntax_fault"]

_SURELY = 0.75
_NEARLY_SAME = 0.9
# Comparing is slow, and a file may be written to make it slower.
_MOST_NAMES = 3000
_LENGTH_SLIP = 3
_LETTERS_SLIP = 4
_LONGEST_NAME = 128
_LISTED = 12
_PARTS = re.compile("_+")
_SHORT_WORDS = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    float: "a ratio from 0 to 1",
    date: "a day such as 2026-12-15",
    timedelta: "a duration such as 24h",
}

# What the parser says, by its first words, and what the author should do about it.
_SYNTAX = (
    ("found character '\\t'", "has a tab where spaces are needed; indent with spaces"),
    (
        "mapping values are not allowed",
        "has a key where the text before it goes on; check the indentation, or quote that text",
    ),
    ("expected <block end>", "is indented unlike the lines above it; align keys of one section"),
    ("could not find expected ':'", "lacks a colon after a key; write key: value"),
    ("expected ',' or", "lacks a comma, or the closing bracket of line {opened}; write it"),
    ("found unexpected end of stream", "ends inside the quotes of line {opened}; close them"),
    ("found character '@'", "has @ at the start of a text; quote the text"),
    ("found character '`'", "has ` at the start of a text; quote the text"),
    ("found character '%'", "has % at the start of a text; quote the text"),
    ("found undefined alias", "has an alias (*); write the value out where it is meant"),
    ("found undefined tag handle", "has a tag (!); remove it, contracts hold plain values only"),
    ("expected the node content", "has a comma or bracket where a value is needed; write a value"),
)


def syntax_fault(problem: str, opened: int | None) -> str:
    """Say what to do about a parser's complaint; ``opened`` is its context's line."""
    for start, words in _SYNTAX:
        if problem.startswith(start):
            return words.replace("{opened}", str(opened))
    return f"is not valid YAML here ({shown(problem)}); compare with a shipped contract"


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Name the one candidate that is surely meant; None where it would be a guess."""
    candidates = list(names)
    if len(candidates) > _MOST_NAMES:
        return None
    found = [name for name in candidates if _is_slip(word.lower(), name.lower())]
    return found[0] if len(found) == 1 else None


def _is_slip(word: str, name: str) -> bool:
    """Compare part by part: suppress_bots is no slip of suppress_tests, alike as they look."""
    if word == name:
        return True
    is_longer = abs(len(word) - len(name)) > _LENGTH_SLIP or len(word) > _LONGEST_NAME
    if is_longer or len(set(word) ^ set(name)) > _LETTERS_SLIP:
        return False
    parts, wanted = _PARTS.split(word), _PARTS.split(name)
    pairs = [(word, name)] if len(parts) != len(wanted) else list(zip(parts, wanted, strict=True))
    least = _SURELY if len(parts) == len(wanted) else _NEARLY_SAME
    return all(difflib.SequenceMatcher(None, *pair).ratio() >= least for pair in pairs)


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """End a message with the nearest name, or with nothing."""
    name = nearest(word, names)
    return f"; did you mean {name}?" if name else ""


def listed(names: Iterable[str]) -> str:
    """Write names for a message, the first dozen of them."""
    every = list(names)
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return ", ".join(shown(name) for name in every[:_LISTED]) + more or "none"


def expectation(annotation: Any) -> str:
    """Describe what may be written where a value of this type stands."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is None:
        is_section = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        keys = ", ".join(file_keys(annotation)) if is_section else ""
        return f"a section with {keys}" if keys else _SHORT_WORDS.get(annotation, "a value")
    if origin is Literal:
        values = [str(value).lower() if value is True else str(value) for value in arguments]
        return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
    inner = [expectation(argument) for argument in arguments if argument is not type(None)]
    if origin is tuple:
        return f"a list of {inner[0]}, as in [a, b]" if inner[0] == "text" else "a list"
    if origin is dict:
        return f"a section with {inner[1]} under each name"
    return inner[0] if origin is Annotated else ", or ".join(dict.fromkeys(inner))


def file_keys(model: type[BaseModel]) -> list[str]:
    """List a section's keys as the file spells them."""
    keys = [field.alias or name for name, field in model.model_fields.items()]
    return [key for key in keys if not (model.__name__ == "Contract" and key == "name")]
