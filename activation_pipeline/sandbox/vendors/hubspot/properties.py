"""The catalogue of properties.

Source: ``destinations.md`` section 3, "Properties".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.hubspot.saving import desk
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from activation_pipeline.sandbox.catalogue import FieldSpec


def read_all(call: Call, world: World) -> Answer:
    """GET every property of an object."""
    spec = desk(call, world, call.params["object"]).spec
    return json_answer({"results": [_property(world, field) for field in spec.fields]})


def read_one(call: Call, world: World) -> Answer:
    """GET one property."""
    spec = desk(call, world, call.params["object"]).spec
    field = spec.field(call.params["name"])
    if field is None:
        raise Refusal(
            404,
            "OBJECT_NOT_FOUND",
            f"Property {call.params['name']} does not exist for object type {spec.names[-1]}",
            extra={"subCategory": "Properties.PROPERTY_NOT_FOUND"},
        )
    return json_answer(_property(world, field))


def _property(world: World, field: FieldSpec) -> dict[str, Any]:
    started = world.store.setting("started_at")
    options = [
        {"label": o.label or o.value, "value": o.value, "displayOrder": place, "hidden": False}
        for place, o in enumerate(field.options)
    ]
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "fieldType": field.control,
        "description": "",
        "groupName": "contactinformation",
        "options": options,
        "createdAt": started,
        "updatedAt": started,
        "displayOrder": -1,
        "calculated": field.formula is not None,
        "externalOptions": False,
        "archived": False,
        "hasUniqueValue": field.unique,
        "hidden": False,
        "hubspotDefined": not field.custom,
        "formField": not field.is_read_only,
        "modificationMetadata": {
            "archivable": field.custom,
            "readOnlyDefinition": not field.custom,
            "readOnlyValue": field.is_read_only,
        },
    }
