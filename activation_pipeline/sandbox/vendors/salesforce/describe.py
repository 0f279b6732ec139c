"""What the organisation says of itself: versions, resources, objects, fields.

A describe answers 304 to ``If-Modified-Since`` while nothing changed. Source: ``destinations.md``
section 2, "Describe".
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.salesforce.saving import desk
from activation_pipeline.sandbox.vendors.salesforce.sobjects import version_of
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from activation_pipeline.sandbox.catalogue import FieldSpec, ObjectSpec

# Versions 21.0 to 30.0 were retired in 2025; 68.0 is Winter '27.
_VERSIONS = range(31, 69)


def versions(_call: Call, _world: World) -> Answer:
    """GET the versions of the API."""
    return json_answer(
        [
            {"label": f"Version {n}.0", "url": f"/services/data/v{n}.0", "version": f"{n}.0"}
            for n in _VERSIONS
        ]
    )


def check_version(call: Call) -> None:
    """Refuse a retired or unknown version."""
    number = int(version_of(call).split(".")[0])
    if number and number < _VERSIONS.start:
        raise Refusal(
            410,
            "UNSUPPORTED_API_VERSION",
            f"The requested API version has been retired: {number}.0. Use a later one.",
        )
    if number not in _VERSIONS:
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")


def resources(call: Call, _world: World) -> Answer:
    """GET the resources of one version."""
    root = f"/services/data/v{version_of(call)}"
    names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs")
    return json_answer({name: f"{root}/{name}" for name in names})


def objects(call: Call, world: World) -> Answer:
    """GET every object, in short."""
    found = [_summary(call, spec) for spec in world.org.objects]
    return json_answer({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})


def describe(call: Call, world: World) -> Answer:
    """GET one object with its fields."""
    spec = desk(call, world, call.params["object"]).spec
    changed = datetime.fromisoformat(
        world.store.setting("org_changed_at", world.store.setting("started_at"))
    )
    changed = changed.astimezone(UTC).replace(microsecond=0)
    headers = {"Last-Modified": format_datetime(changed, usegmt=True)}
    if not _is_newer(changed, call.headers.get("if-modified-since")):
        return Answer(304, headers=headers)
    fields = [_field(field) for field in spec.fields]
    return json_answer({**_summary(call, spec), "fields": fields}, 200, headers)


def _is_newer(changed: datetime, since: str | None) -> bool:
    if since is None:
        return True
    try:
        return changed > parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return True


def _summary(call: Call, spec: ObjectSpec) -> dict[str, Any]:
    root = f"/services/data/v{version_of(call)}/sobjects/{spec.name}"
    return {
        "name": spec.name,
        "label": spec.label,
        "labelPlural": f"{spec.label}s",
        "keyPrefix": spec.id_prefix,
        "custom": False,
        "createable": True,
        "updateable": True,
        "deletable": True,
        "queryable": True,
        "retrieveable": True,
        "urls": {"sobject": root, "describe": f"{root}/describe", "rowTemplate": f"{root}/{{ID}}"},
    }


def _field(field: FieldSpec) -> dict[str, Any]:
    picks = [
        {"value": o.value, "label": o.label or o.value, "active": o.active, "defaultValue": False}
        for o in field.options
    ]
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type,
        "length": field.length or (255 if field.type == "picklist" else 0),
        "byteLength": (field.length or 0) * 3,
        "precision": field.precision or 0,
        "scale": field.scale,
        "nillable": not field.required and field.type not in ("id", "boolean"),
        "createable": field.createable,
        "updateable": field.updateable,
        "externalId": field.external_id,
        "unique": field.unique,
        "caseSensitive": field.case_sensitive,
        "idLookup": field.external_id or field.type == "id",
        "calculated": field.formula is not None,
        "calculatedFormula": None,
        "custom": field.custom,
        "restrictedPicklist": field.restricted,
        "picklistValues": [{**pick, "validFor": None} for pick in picks],
        "defaultedOnCreate": field.type == "boolean" or field.name == "OwnerId",
        "referenceTo": ["User"] if field.type == "reference" else [],
        "filterable": True,
        "sortable": True,
    }
