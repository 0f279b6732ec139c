"""Plain YAML scalars by the YAML 1.2 core schema.

``no``, ``on`` and dates are text; only ``true``, ``false``, ``null`` and numbers are not.
Numbers that are infinite, not numbers, or longer than any contract needs are faults.

Source: YAML 1.2.2, section 10.3.2 "Tag Resolution" (core schema).
"""

from __future__ import annotations

import math
import re

Scalar = str | bool | int | float | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 40


class ScalarFault(Exception):  # noqa: N818 - becomes one of the file's faults
    """A plain scalar that looks like a number and cannot be one."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the stable code and the message."""
        self.code = code
        self.message = message
        super().__init__(message)


def read_scalar(text: str) -> Scalar:
    """Resolve one plain scalar.

    Raises:
        ScalarFault: an infinite or overlong number.
    """
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return _read_number(text)


def _read_number(text: str) -> Scalar:
    if _NOT_FINITE.fullmatch(text):
        raise ScalarFault("not_finite", f"{text} is not a finite number; write a number")
    is_integer = _INTEGER.fullmatch(text) is not None
    is_based = _BASED.fullmatch(text) is not None
    if not (is_integer or is_based or _FLOAT.fullmatch(text)):
        return text
    if len(text) > _LONGEST_NUMBER:
        message = f"is a number of {len(text)} characters, at most {_LONGEST_NUMBER}; quote text"
        raise ScalarFault("number_too_long", message)
    if is_integer:
        return int(text)
    if is_based:
        return int(text, 0)
    value = float(text)
    if math.isinf(value):
        raise ScalarFault("not_finite", f"{text} is too large for a number; write a smaller one")
    return value
