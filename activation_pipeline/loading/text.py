"""A contract file's bytes to text, or the reason why it cannot be one.

Only regular files are opened, only up to the size limit is read, only UTF-8 without
control characters is accepted. What the text says is not looked at here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from activation_pipeline.loading.document import START, Fault, Position

if TYPE_CHECKING:
    from pathlib import Path

SIZE_LIMIT_BYTES = 256 * 1024
_BOM = "\ufeff"
# C0 and C1 controls, line separators that editors do not count as lines, marks that make text
# read in another order than it is written, and non-characters.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]"
)


def read_text(path: Path) -> str | Fault:
    """Read a whole file as UTF-8 text; a fault says what is in the way."""
    try:
        if not path.is_file():
            return Fault(START, "unreadable", "is not a file; write the contract's YAML file here")
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT_BYTES + 1)
            size = file.seek(0, 2)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        return Fault(START, "unreadable", f"cannot be read ({reason}); check its permissions")
    if len(content) > SIZE_LIMIT_BYTES:
        message = f"has {size} bytes, at most {SIZE_LIMIT_BYTES}; a contract is one to two pages"
        return Fault(START, "too_large", message)
    return _decoded(content)


def _decoded(content: bytes) -> str | Fault:
    try:
        text = content.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        message = f"is not UTF-8 at byte {error.start}; save the file as UTF-8"
        return Fault(_end_of(before), "not_utf8", message)
    found = _FORBIDDEN.search(text)
    if found is None:
        return text
    message = f"has the control character U+{ord(found[0]):04X}; remove it"
    return Fault(_end_of(text[: found.start()]), "control_character", message)


def _end_of(text: str) -> Position:
    lines = re.split("\r\n|\r|\n", text)
    return Position(len(lines), len(lines[-1]) + 1)
