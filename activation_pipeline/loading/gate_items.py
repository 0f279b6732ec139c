"""The gates of a file, item by item: a name alone, or one name with its limits.

Names and parameters are checked here against the gates that exist, so that one malformed
gate does not hide what is wrong with another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.contract import GateSpec
from activation_pipeline.loading import known_gates
from activation_pipeline.loading.partial import Partial
from activation_pipeline.loading.places import Finding, Path
from activation_pipeline.loading.wording import did_you_mean, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from activation_pipeline.loading.document import Node

_FORM = "write one name with its limits, as in match_rate: {at_least: 0.98}"


def read_gates(
    items: Sequence[Node],
) -> tuple[tuple[GateSpec | Partial, ...] | None, list[Finding]]:
    """Read every gate; a malformed one is a stand-in without limits, with its findings."""
    if not items:
        return None, [Finding(("gates",), "too_short", f"is empty; {_FORM}")]
    gates: list[GateSpec | Partial] = []
    findings: list[Finding] = []
    for index, item in enumerate(items):
        path: Path = ("gates", index)
        name, params, wrong = _split(item.plain(), path)
        wrong += () if wrong else _faults(name, params, (*path, name))
        warn = params.pop("warn", False)
        findings += wrong
        gates.append(
            Partial({"name": name, "params": {}})
            if wrong
            else GateSpec(name=name, params=params, warn=warn)
        )
    return tuple(gates), findings


def _split(value: object, path: Path) -> tuple[str, dict[str, object], list[Finding]]:
    if isinstance(value, str):
        return value, {}, []
    if not isinstance(value, dict) or len(value) != 1:
        count = f"{len(value)} keys" if isinstance(value, dict) else shown(value)
        message = f"{count} is not a gate; {_FORM}"
        return f"gate {path[-1]}", {}, [Finding(path, "gate_is_one_key", message)]
    name, params = next(iter(value.items()))
    if params is None or isinstance(params, dict):
        return name, dict(params or {}), []
    message = f"{shown(params)} is not a section with limits; {_FORM}"
    return name, {}, [Finding((*path, name), "wrong_type", message)]


def _faults(name: str, params: dict[str, object], path: Path) -> Iterator[Finding]:
    if name not in known_gates.names():
        known = f"; the gates are {', '.join(known_gates.names())}"
        hint = did_you_mean(name, known_gates.names()) or known
        yield Finding(path, "unknown_gate", f"{shown(name)} is not a gate{hint}", at_key=True)
        return
    if not isinstance(params.get("warn", False), bool):
        message = f"{shown(params['warn'])} is not true or false; write warn: true, or remove it"
        yield Finding((*path, "warn"), "wrong_type", message)
    elif params.get("warn") and not known_gates.may_warn(name):
        message = f"gate {name} always stops the delivery; remove warn"
        yield Finding((*path, "warn"), "always_stops", message, at_key=True)
    limits = {key: value for key, value in params.items() if key != "warn"}
    for limit, code, message in known_gates.check_params(name, limits):
        yield Finding((*path, limit), code, message, at_key=code == "unknown_key")
