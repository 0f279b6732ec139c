"""Words for problems: what a contract's author reads instead of a library's error.

Texts for syntax faults, a description of what each kind of value should look like, and the
nearest right name where it is surely meant. Positions and codes are not decided here.
"""

from __future__ import annotations

import difflib
import types
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from activation_pipeline.contract import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["expectation", "nearest", "shown", "syntax_fault"]

_SURELY = 0.8
_SHORT_WORDS = {str: "text", int: "a whole number", bool: "true or false", float: "a ratio from 0 to 1",
                date: "a day such as 2026-12-15", timedelta: "a duration such as 24h"}  # fmt: skip

# What the parser says, by its first words, and what the author should do about it.
_SYNTAX = (
    ("found character '\\t'", "has a tab where spaces are needed; indent with spaces"),
    ("mapping values are not allowed",
     "has a colon that YAML takes for a key; quote the text, or start a new line for the key"),
    ("expected <block end>", "is indented unlike the lines above it; align keys of one section"),
    ("could not find expected ':'", "lacks a colon after a key; write key: value"),
    ("expected ',' or", "lacks a comma or a closing bracket in { } or [ ]; close it"),
    ("found unexpected end of stream", "ends inside a quoted text; close the quote"),
    ("found character '@'", "has @ at the start of a text; quote the text"),
    ("found character '`'", "has ` at the start of a text; quote the text"),
    ("found character '%'", "has % at the start of a text; quote the text"),
    ("found undefined alias", "has an alias (*); write the value out where it is meant"),
    ("found undefined tag handle", "has a tag (!); remove it, contracts hold plain values only"),
    ("expected the node content", "has a comma or bracket where a value is needed; write a value"),
)  # fmt: skip


def syntax_fault(problem: str) -> str:
    """Say what to do about a parser's complaint."""
    for start, words in _SYNTAX:
        if problem.startswith(start):
            return words
    return f"is not valid YAML here ({shown(problem)}); compare with a shipped contract"


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Name the one candidate that is surely meant; None where it is a guess."""
    by_lower = {name.lower(): name for name in names}
    found = difflib.get_close_matches(word.lower(), by_lower, n=2, cutoff=_SURELY)
    return by_lower[found[0]] if len(found) == 1 else None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """End a message with the nearest name, or with nothing."""
    name = nearest(word, names)
    return f"; did you mean {name}?" if name else ""


def expectation(annotation: Any) -> str:
    """Describe what may be written where a value of this type stands."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return expectation(arguments[0])
    if origin is Literal:
        return _one_of([_spelled(value) for value in arguments])
    if origin in (Union, types.UnionType):
        kinds = dict.fromkeys(expectation(a) for a in arguments if a is not type(None))
        return ", or ".join(kinds)
    if origin is tuple:
        return f"a list with {expectation(arguments[0])} in each place, as in [a, b]"
    if origin is dict:
        return f"a section with {expectation(arguments[1])} under each name"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a section with {', '.join(file_keys(annotation))}"
    return _SHORT_WORDS.get(annotation, "a value")


def file_keys(model: type[BaseModel]) -> list[str]:
    """List a section's keys as the file spells them."""
    keys = [field.alias or name for name, field in model.model_fields.items()]
    return [key for key in keys if not (model.__name__ == "Contract" and key == "name")]


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_of(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"one of {', '.join(values)}"
