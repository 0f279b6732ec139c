"""The gates of a file, item by item: a name alone, or one name with its limits.

Names and parameters are checked here against the gates that exist, so that one malformed
gate does not hide what is wrong with another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from activation_pipeline.contract import GateSpec
from activation_pipeline.loading import known_gates
from activation_pipeline.loading.places import Finding, Path
from activation_pipeline.loading.wording import did_you_mean, shown

if TYPE_CHECKING:
    from activation_pipeline.loading.document import Node

_FORM = "write one name with its limits, as in match_rate: {at_least: 0.98}"


def read_gates(node: Node, findings: list[Finding]) -> tuple[GateSpec, ...] | None:
    """Read every gate; None when one of them is malformed, with findings for each that is."""
    items = node.value if isinstance(node.value, list) else []
    if not items:
        findings.append(Finding(("gates",), "too_short", f"is empty; {_FORM}"))
        return None
    found = [_read(item, ("gates", index), findings) for index, item in enumerate(items)]
    gates = tuple(spec for spec in found if spec is not None)
    return gates if len(gates) == len(items) else None


def _read(item: Node, path: Path, findings: list[Finding]) -> GateSpec | None:
    value = item.plain()
    if isinstance(value, str):
        return _spec(value, {}, (*path, value), findings)
    if not isinstance(value, dict) or len(value) != 1:
        count = f"{len(value)} keys" if isinstance(value, dict) else shown(value)
        findings.append(Finding(path, "gate_is_one_key", f"{count} is not a gate; {_FORM}"))
        return None
    name, params = next(iter(value.items()))
    if params is not None and not isinstance(params, dict):
        message = f"{shown(params)} is not a section with limits; {_FORM}"
        findings.append(Finding((*path, name), "wrong_type", message))
        return None
    return _spec(name, dict(params or {}), (*path, name), findings)


def _spec(
    name: str, params: dict[str, object], path: Path, findings: list[Finding]
) -> GateSpec | None:
    if name not in known_gates.names():
        hint = did_you_mean(name, known_gates.names())
        known = hint or f"; the gates are {', '.join(known_gates.names())}"
        message = f"{shown(name)} is not a gate{known}"
        findings.append(Finding(path, "unknown_gate", message, at_key=True))
        return None
    warn = params.pop("warn", False)
    if not isinstance(warn, bool):
        message = f"{shown(warn)} is not true or false; write warn: true, or remove it"
        findings.append(Finding((*path, "warn"), "wrong_type", message))
        return None
    faults = known_gates.check_params(name, params)
    findings += [
        Finding((*path, param) if param else path, code, message, at_key=code == "unknown_key")
        for param, code, message in faults
    ]
    try:
        return None if faults else GateSpec(name=name, params=params, warn=warn)
    except ValidationError:  # pragma: no cover - a registered gate whose name is no Name
        findings.append(Finding(path, "unknown_gate", f"{shown(name)} is not a gate name"))
        return None
