"""What a contract means, apart from how it is written, and what differs between two meanings.

A meaning is plain JSON values: the ledger keeps it by its fingerprint, so that a message can
say later what was approved and what it has become.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from activation_pipeline.notation import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Rules are tried in their order; every other list of a contract is a set.
_ORDERED = (("matching", "rules"),)
_NOT_SET = "not set"
_MOST_TOLD = 5


def canonical(value: Any, path: tuple[str, ...] = ()) -> Any:
    """Put every list whose order says nothing into one order."""
    if isinstance(value, dict):
        return {key: canonical(each, (*path, key)) for key, each in value.items()}
    if isinstance(value, list) and path not in _ORDERED:
        return sorted((canonical(each, path) for each in value), key=_as_text)
    return value


def _as_text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """List what differs between two meanings, each as ``path: old -> new``, by path."""
    before, after = dict(_leaves(old, ())), dict(_leaves(new, ()))
    return tuple(
        f"{path}: {_written(before, path)} -> {_written(after, path)}"
        for path in sorted({*before, *after})
        if before.get(path, _NOT_SET) != after.get(path, _NOT_SET)
    )


def told(changes: tuple[str, ...]) -> str:
    """Put a list of changes into one line; of very many, the first and how many more."""
    rest = len(changes) - _MOST_TOLD
    return "; ".join(changes[:_MOST_TOLD]) + (f"; and {rest} more" if rest > 0 else "")


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if path == ("gates",):
        for spec in value:
            yield from _gate_leaves(spec)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, (*path, str(key)))
    elif value is not None:
        yield ".".join(path), value


def _gate_leaves(spec: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Tell a gate as the file has it: that it is there, then each of its limits."""
    path = f"gates.{spec['name']}"
    yield path, "named"
    yield from _leaves(spec["params"], (path,))
    if spec["warn"]:
        yield f"{path}.warn", True


def _written(values: Mapping[str, Any], path: str) -> str:
    value = values.get(path)
    return _NOT_SET if value is None else shown(value)
