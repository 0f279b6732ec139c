"""One record among many: found by its key or its id, and saved or refused by itself.

Collections and bulk jobs treat each record alike; how its refusal is spelt is theirs. Source:
``destinations.md`` section 2, "Collections".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.wire import Call, Refusal

if TYPE_CHECKING:
    from activation_pipeline.sandbox.catalogue import FieldSpec
    from activation_pipeline.sandbox.shelf import Record
    from activation_pipeline.sandbox.vendors.salesforce.saving import Desk


def own_id(record: dict[str, Any]) -> str | None:
    """Return the id that a record names itself by, if it does."""
    value = next((v for k, v in record.items() if k.lower() == "id"), None)
    return value if isinstance(value, str) else None


def upsert_one(
    place: Desk, field: FieldSpec, key: str | None, record: dict[str, Any], *, lost: bool
) -> dict[str, Any]:
    """Save one record by the value of a key field; a lost one says so of itself and is not."""
    if key is None:
        raise Refusal(400, "MISSING_ARGUMENT", f"{field.name} not specified", fields=[field.name])
    if field.name == place.spec.id_field:
        ids = [live_record(place, key).id]
    elif own_id(record) is not None:
        raise Refusal(400, "INVALID_FIELD", "cannot specify Id in an upsert call", fields=["Id"])
    else:
        ids = place.shelf.ids_by(field, key)
    if len(ids) > 1:
        raise Refusal(
            400,
            "DUPLICATE_EXTERNAL_ID",
            f"{field.name}: more than one record found for external id field: {ids}",
            fields=[field.name],
        )
    if not ids:
        return {"id": place.create(record), "success": True, "errors": [], "created": True}
    body = {k: v for k, v in record.items() if k.lower() not in (field.name.lower(), "id")}
    found = place.shelf.find(ids[0])
    if found is not None and not lost:
        place.update(found, body)
    return {"id": ids[0], "success": True, "errors": [], "created": False}


def check_rule(call: Call, position: int, key: str | None) -> None:
    """Refuse what a validation rule that an admin wrote refuses; its message is the admin's."""
    if call.refuse.loses(position, key):
        raise Refusal(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", f"Ask RevOps before you save {key}")


def live_record(place: Desk, record_id: str) -> Record:
    """Return the record of an id, or refuse as a call for many does."""
    try:
        return place.live(record_id)
    except Refusal as refusal:
        if refusal.code == "NOT_FOUND":
            raise Refusal(
                404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
            ) from None
        raise
