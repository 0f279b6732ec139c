"""The JSON Schema of a contract file, generated from the models.

A file differs from the model in two places: it has no ``name``, and each gate is one key
with its limits. Editors complete and check with it; it cannot know the rules between
sections.
"""

from __future__ import annotations

from typing import Any

from activation_pipeline.contract import Contract
from activation_pipeline.loading import known_gates

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Generate the schema of a contract file (JSON Schema 2020-12)."""
    schema = Contract.model_json_schema(by_alias=True, mode="validation")
    schema["properties"].pop("name")
    schema["required"].remove("name")
    schema["properties"]["gates"] = {
        "description": "8. Quality gates: each stops the delivery, unless it says warn: true.",
        "type": "array",
        "minItems": 1,
        "items": {"oneOf": [{"enum": list(known_gates.names())}, _gate()]},
    }
    schema["$defs"].pop("GateSpec", None)
    return {"$schema": DRAFT, "title": "Activation contract", **_without_titles(schema)}


def _gate() -> dict[str, Any]:
    limits = {"type": ["object", "null"], "properties": {"warn": {"type": "boolean"}}}
    return {
        "type": "object",
        "properties": dict.fromkeys(known_gates.names(), limits),
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _without_titles(schema: Any) -> Any:
    """Drop the titles that are only field names again; a property may be called title."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value)
        for key, value in schema.items()
        if key != "title" or not isinstance(value, str)
    }
