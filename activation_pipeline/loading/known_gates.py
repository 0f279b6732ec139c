"""Which gates exist and what their limits may be, asked of the gates themselves.

The gates validate their own parameters; only the words are made here, so that a wrong limit
reads like every other problem of a contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activation_pipeline import gates, judgement
from activation_pipeline.loading.wording import did_you_mean, listed, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_OUT_OF_RANGE = frozenset({"greater_than_equal", "less_than_equal"})
_WANTED = {"integer": "a whole number", "number": "a number", "string": "text", "array": "a list",
           "boolean": "true or false"}  # fmt: skip


def names() -> tuple[str, ...]:
    """Name every gate."""
    return tuple(gates.GATES)


def limit_schemas(name: str) -> dict[str, tuple[dict[str, Any], bool]]:
    """Give the JSON Schema of each limit of a gate, and whether it has to be there."""
    return judgement.parameter_schemas(name)


def may_warn(name: str) -> bool:
    """Tell whether a contract may turn a gate into a warning; safety gates always stop."""
    return gates.GATES[name].may_be_signed


def check_params(name: str, params: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """List what is wrong with a gate's limits: limit, code, message; codes as for sections."""
    known = limit_schemas(name)
    return [
        (limit, *_worded(limit, params, code, message, known))
        for limit, code, message in judgement.check_params(name, params)
    ]


def _worded(
    limit: str,
    params: Mapping[str, object],
    code: str,
    message: str,
    known: Mapping[str, tuple[dict[str, Any], bool]],
) -> tuple[str, str]:
    if limit not in known:
        hint = did_you_mean(limit, known) or f"; the limits here are {listed(known)}"
        return "unknown_key", f"unknown limit {shown(limit)}{hint}"
    schema = known[limit][0]
    is_ratio = schema.get("maximum") == 1
    wanted = "a ratio from 0 to 1" if is_ratio else _WANTED.get(str(schema.get("type")), "a value")
    if limit not in params:
        return "missing", f"is missing; write {wanted}"
    found = params[limit]
    if code.startswith("not_a_"):
        return code, message
    if code in _OUT_OF_RANGE:
        least, most = schema.get("minimum"), schema.get("maximum")
        return "out_of_range", f"{shown(found)} is not from {least} to {most}; write {wanted}"
    if code == "string_pattern_mismatch":
        return "bad_name", f"{shown(found)} is not a name; write lower-case letters, digits and _"
    hint = f"; write [{shown(found)}]" if wanted == "a list" and isinstance(found, str) else ""
    return "wrong_type", f"{shown(found)} is not {wanted}{hint}"
