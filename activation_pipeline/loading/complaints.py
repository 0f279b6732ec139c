"""A model's complaint about one value, in this project's own words, codes and paths.

Pydantic says what it expected in terms of types; an author of a contract needs the place
in the file, what was found and what to write instead. Complaints that come only from the
arm of a choice that was not meant are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from activation_pipeline.contract import Contract
from activation_pipeline.loading.places import Finding, Path
from activation_pipeline.loading.wording import did_you_mean, expectation, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_NAME = "write lower-case letters, digits and _, a letter first, at most 63 characters"
_PATTERNS = {
    r"^[a-z][a-z0-9_]{0,62}$": ("bad_name", f"is not a name; {_NAME}"),
    r"^[^\x00-\x1f\x7f\"`]+$": (
        "bad_identifier",
        "has a quotation mark, a back-tick or a control character; write the name without it",
    ),
    r"^[0-9a-f]{16}$": (
        "not_a_fingerprint",
        "is not a fingerprint of 16 hex digits; let `activation approve` write it",
    ),
}
_ON_EDIT = (
    "not_one_of",
    "is not keep, keep with a duration (keep 30d), overwrite or flag; write one of these",
)


def complaint(section: str, value: object, error: ErrorDetails) -> Finding | None:
    """Turn one validation error of a section into a finding; None where it adds nothing."""
    path: Path = (section,)
    current: Any = value
    at_key = False
    for part in error["loc"]:
        if part == "[key]":
            at_key = True
        elif _has(current, part):
            path, current = (*path, part), current[part]
        elif error["type"] == "missing":
            path = (*path, part)
        elif isinstance(current, dict) != str(part).startswith("dict["):
            return None
    if error["type"] == "too_short" and current:
        return None  # not empty: its members are wrong, which is said at each of them
    code, message = _worded(path, str(path[-1]) if at_key else current, error)
    return Finding(path, code, message, at_key=at_key or isinstance(current, dict))


def _has(current: Any, part: str | int) -> bool:
    if isinstance(current, list):
        return isinstance(part, int) and part < len(current)
    return isinstance(current, dict) and part in current


def annotation_at(path: Path) -> Any:
    """Find the declared type at a path of a contract; None where there is none."""
    annotation: Any = Contract
    for part in path:
        annotation = _below(annotation, part)
    return annotation


def _below(annotation: Any, part: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part == (field.alias or name):
                constraints = tuple(field.metadata)
                whole = Annotated[(field.annotation, *constraints)] if constraints else None
                return whole or field.annotation
        return None
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    if get_origin(annotation) is tuple:
        return arguments[0]
    return next((found for a in arguments if (found := _below(a, part)) is not None), None)


def _worded(path: Path, found: object, error: ErrorDetails) -> tuple[str, str]:
    kind = error["type"]
    wanted = expectation(annotation_at(path))
    if kind == "missing":
        return "missing", f"is missing; write {wanted}"
    if kind not in _LIBRARY_CODES:
        return kind, error["msg"]
    if found is None or found == "":
        return "empty", f"is empty; write {wanted}"
    worded = _by_kind(kind, path, found, error.get("ctx", {}))
    wrong = f"{_described(found)} is not {wanted}{_quote_hint(path, found)}"
    return worded or ("wrong_type", wrong)


def _by_kind(
    kind: str, path: Path, found: object, limits: Mapping[str, Any]
) -> tuple[str, str] | None:
    if kind == "literal_error":
        return "not_one_of", _not_one_of(path, found)
    if kind == "string_pattern_mismatch":
        code, words = _PATTERNS.get(str(limits.get("pattern")), _ON_EDIT)
        return code, f"{shown(found)} {words}"
    if kind in _LENGTHS:
        return _LENGTHS[kind], _length(kind, found, limits)
    if kind in ("greater_than_equal", "less_than_equal"):
        side, limit = ("below", limits["ge"]) if "ge" in limits else ("above", limits["le"])
        return "out_of_range", f"{shown(found)} is {side} {limit}; write a number within the limit"
    if kind == "string_unicode":
        return "bad_text", "has half of a character pair; write the whole character"
    return None


def _not_one_of(path: Path, found: object) -> str:
    wanted = expectation(annotation_at(path))
    names = _literals(annotation_at(path))
    hint = did_you_mean(found, names) if isinstance(found, str) else ""
    return f"{_described(found)} is not {wanted}{hint or '; write one that is allowed'}"


def _literals(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [value for value in get_args(annotation) if isinstance(value, str)]
    return [name for argument in get_args(annotation) for name in _literals(argument)]


def _length(kind: str, found: object, limits: Mapping[str, Any]) -> str:
    if kind == "too_short":
        return "is empty; name at least one"
    if kind == "string_too_long":
        return f"has {len(str(found))} characters, at most {limits['max_length']}; shorten it"
    least = limits["min_length"]
    return f"{shown(found)} has {len(str(found))} characters, at least {least}; write a sentence"


def _described(found: object) -> str:
    if isinstance(found, dict):
        return "a section"
    return "a list" if isinstance(found, list) else shown(found)


def _quote_hint(path: Path, found: object) -> str:
    """Propose quotes where the text would then be right: a number of a list, but no role."""
    if not isinstance(found, bool | int | float):
        return ""
    try:
        TypeAdapter(annotation_at(path)).validate_python(shown(found))
    except ValidationError:
        return ""
    return f'; write "{shown(found)}"'


_LENGTHS = {
    "string_too_short": "too_short",
    "too_short": "too_short",
    "string_too_long": "too_long",
}
_LIBRARY_CODES = frozenset(
    {"missing", "literal_error", "string_pattern_mismatch", "greater_than_equal",
     "less_than_equal", "string_unicode", *_LENGTHS, "string_type", "int_type", "int_from_float",
     "int_parsing", "bool_type", "bool_parsing", "float_type", "float_parsing", "tuple_type",
     "list_type", "dict_type", "mapping_type", "model_type", "model_attributes_type",
     "finite_number", "int_parsing_size", "date_type"}
)  # fmt: skip
