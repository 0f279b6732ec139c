"""What of a model's text can change its result: all but comments, indentation and empty lines.

The text is SQL inside Jinja, of any dialect. Where it has anything that dialects read
differently, or that could make a comment look like a value, it is taken as it is written:
an approval that is asked for once too often costs a minute.
"""

from __future__ import annotations

import re

_STRING = r"""(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
_TAG = (
    rf"(?:\{{\{{(?:{_STRING}|(?!\}}\}}).)*+\}}\}}"
    rf"|\{{%(?:{_STRING}|(?!%\}}).)*+%\}})"
)  # fmt: skip
_REMARK = r"(?:\{\#.*?\#\})"
_TOKEN = re.compile(
    rf"""(?P<remark>{_REMARK})
    |(?P<tag>{_TAG})
    |(?P<line>--(?:{_REMARK}|{_TAG}|[^\n])*+)
    |(?P<block>/\*.*?\*/)
    |(?P<quoted>'(?:{_REMARK}|{_TAG}|[^'])*+'|"(?:{_REMARK}|{_TAG}|[^"])*+"|`[^`]*+`)
    |(?P<space>\s+)
    |(?P<word>[^\s'"`{{}}/\-]+)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
# Backslashes and tripled quotes are read differently by dialects; in a raw block nothing is Jinja.
_DOUBTFUL = re.compile(r"\\|'''|\"\"\"|\{%-?\s*raw\b")
# Text that Jinja keeps in a variable, or hands to a macro, may end between quotes elsewhere.
_KEPT = re.compile(r"\{%-?\s*(?:macro|call|filter|set\s+[\w.,\s]+?-?%\})")


def significant(code: str) -> str:
    """Leave out of a model's or macro's text what changes no result.

    Two texts that give the same may differ in comments, indentation, empty lines and, outside
    of macros, in any white space between words. What looks the same but is quoted is kept.
    """
    if _DOUBTFUL.search(code):
        return _as_written(code)
    is_kept = bool(_KEPT.search(code))
    parts: list[str] = []
    space = ""
    for match in _TOKEN.finditer(code):
        kind, text = str(match.lastgroup), match.group()
        if _is_doubtful(kind, text):
            return _as_written(code)
        if _is_space(kind, text, at_line=not parts or "\n" in space, is_kept=is_kept):
            space += text if kind == "space" else " "
            continue
        parts += [_between(space, is_kept=is_kept) if parts else "", text]
        # A remark that is kept ends with its line: what follows is no part of it.
        parts += ["\n"] if kind == "line" else []
        space = ""
    return "".join(parts)


def _is_doubtful(kind: str, text: str) -> bool:
    """Find quotes that never end, other dialects' comments and quotes, nested comments."""
    if kind == "block":
        return "/*" in text[2:] or "{" in text or text.startswith("/*+")
    if kind == "word":
        return "#" in text or "$" in text
    return kind == "other" and text in "'\"`"


def _is_space(kind: str, text: str, *, at_line: bool, is_kept: bool) -> bool:
    if kind == "line":
        has_tag = "{{" in text or "{%" in text
        return not has_tag and (at_line or not is_kept)
    return kind in {"space", "remark"} or (kind == "block" and not is_kept)


def _between(space: str, *, is_kept: bool) -> str:
    if not space or not is_kept:
        return " " if space else ""
    return "\n" if "\n" in space else space


def _as_written(code: str) -> str:
    return "\n".join(line.rstrip() for line in code.strip().splitlines())
