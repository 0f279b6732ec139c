"""The JSON Schema of a contract file, generated from the models and the gates.

A file differs from the model in two places: it has no ``name``, and each gate is one key
with its limits. Editors complete and check with it; it cannot know the rules between
sections.
"""

from __future__ import annotations

from typing import Any

from activation_pipeline import gates
from activation_pipeline.contract import Contract
from activation_pipeline.loading import known_gates

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_WARN = {"type": "boolean", "description": "Report it, and deliver all the same."}


def json_schema() -> dict[str, Any]:
    """Generate the schema of a contract file (JSON Schema 2020-12)."""
    schema = Contract.model_json_schema(by_alias=True, mode="validation")
    schema["properties"].pop("name")
    schema["required"].remove("name")
    schema["properties"]["gates"] = {
        "description": "8. Quality gates: each stops the delivery, unless it says warn: true.",
        "type": "array",
        "minItems": 1,
        "items": {"oneOf": [_names_alone(), *map(_with_limits, known_gates.names())]},
    }
    schema["$defs"].pop("GateSpec", None)
    _fill_in_descriptions(schema)
    return {"$schema": DRAFT, **_without_titles(schema), "title": "Activation contract"}


def _names_alone() -> dict[str, Any]:
    return {"enum": [name for name in known_gates.names() if not _needed(name)]}


def _needed(name: str) -> list[str]:
    return [limit for limit, (_, needed) in known_gates.limit_schemas(name).items() if needed]


def _with_limits(name: str) -> dict[str, Any]:
    limits = {limit: schema for limit, (schema, _) in known_gates.limit_schemas(name).items()}
    section = {
        "type": "object" if _needed(name) else ["object", "null"],
        "description": gates.GATES[name].description,
        "properties": {**limits, **({"warn": _WARN} if known_gates.may_warn(name) else {})},
        "required": _needed(name),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {name: section},
        "required": [name],
        "additionalProperties": False,
    }


def _fill_in_descriptions(schema: dict[str, Any]) -> None:
    """Say at each section's key what the section's docstring says, for editors that show keys."""
    for name, section in schema["properties"].items():
        model = section.get("$ref", "").rpartition("/")[2]
        if model:
            section["description"] = schema["$defs"][model]["description"].partition("\n")[0]
        elif name == "destinations":
            described = schema["$defs"]["Destination"]["description"]
            section["description"] = described.partition("\n")[0]


def _without_titles(schema: Any) -> Any:
    """Drop the titles that are only field names again; a field may be called title."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value)
        for key, value in schema.items()
        if key != "title" or not isinstance(value, str)
    }
