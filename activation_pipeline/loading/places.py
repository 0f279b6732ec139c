"""Where a path of the contract stands in its file, and problems made from that.

A path is a tuple of keys and list indexes. Gates are written as one-key mappings, so their
paths (``gates``, index, name, parameter) are spelled here as people read them,
``gates.match_rate.at_least``. What is wrong is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from activation_pipeline.errors import Problem
from activation_pipeline.loading.document import START, Node, Position
from activation_pipeline.loading.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """One thing wrong with a contract, at a path.

    ``at_key`` points at the key instead of the value: right for what should not be there.
    """

    path: Path
    code: str
    message: str
    severity: Literal["error", "warning"] = "error"
    at_key: bool = False


def position_of(root: Node, path: Path, *, at_key: bool = False) -> Position:
    """Find a path's value, its key, or for a part that is missing the nearest key above it."""
    node, key_position = root, START
    for part in path:
        children = node.value
        if isinstance(children, dict) and part in node.keys:
            key_position = node.keys[str(part)]
            if part not in children:
                return key_position
            node = children[str(part)]
        elif isinstance(children, list) and isinstance(part, int) and part < len(children):
            node = children[part]
            key_position = node.position
        else:
            return key_position
    return key_position if at_key else node.position


def spelled(path: Path) -> str:
    """Write a path with dots; a gate's index is left out, because its name says more."""
    parts = path
    if len(path) > 2 and path[0] == "gates":  # noqa: PLR2004 - section, index, name
        parts = (path[0], *path[2:])
    return ".".join(shown(str(part)) for part in parts)


def problems(file: str, root: Node, findings: Iterable[Finding]) -> list[Problem]:
    """Give every finding its line and column; the same words about one place are one problem."""
    found: dict[tuple[Position, str], Problem] = {}
    for finding in findings:
        place = position_of(root, finding.path, at_key=finding.at_key)
        problem = Problem(
            file, place.line, place.column, spelled(finding.path),
            finding.code, finding.message, finding.severity,
        )  # fmt: skip
        found.setdefault((place, str(problem)), problem)
    return list(found.values())
