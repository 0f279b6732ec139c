"""Salesforce record ids: 15 characters that mind their case, or 18 with a checksum.

Source: Salesforce Object Reference, "ID Field Type" (read 2026-11-21).
"""

from __future__ import annotations

import re

_SHORT = 15
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def is_id(text: object) -> bool:
    """Tell whether a text has the shape of an id."""
    return isinstance(text, str) and _SHAPE.fullmatch(text) is not None


def long_id(text: str) -> str:
    """Return the 18-character form of an id of either length."""
    if len(text) != _SHORT:
        return text
    suffix = ""
    for part in (text[0:5], text[5:10], text[10:15]):
        suffix += _ALPHABET[sum(1 << i for i, letter in enumerate(part) if letter.isupper())]
    return text + suffix


def make_id(prefix: str, number: int) -> str:
    """Return the id of the n-th record that the sandbox itself creates."""
    digits = ""
    while number:
        number, rest = divmod(number, len(_DIGITS))
        digits = _DIGITS[rest] + digits
    return long_id(prefix + "SB" + digits.rjust(_SHORT - len(prefix) - 2, "0"))
