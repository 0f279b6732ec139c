"""The stand-in for HubSpot: contacts, their properties, static lists.

Every path answers in both styles, ``/crm/v3/...`` and ``/crm/.../2026-09/...``. Search is not here:
it is not a read-back, and nothing should lean on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.sandbox.vendors.hubspot import (
    access,
    batches,
    lists,
    objects,
    properties,
    saving,
)
from activation_pipeline.sandbox.wire import Route, Vendor, route

if TYPE_CHECKING:
    from activation_pipeline.sandbox.wire import Function

_DATED = r"20\d\d-(?:03|09)"


def _both(method: str, family: str, path: str, function: Function) -> tuple[Route, Route]:
    return (
        route(method, rf"/crm/v[34]/{family}{path}", function),
        route(method, f"/crm/{family}/{_DATED}{path}", function),
    )


_TABLE: tuple[tuple[str, str, str, Function], ...] = (
    ("POST", "objects", "/{object}/batch/read", batches.read),
    ("POST", "objects", "/{object}/batch/create", batches.create),
    ("POST", "objects", "/{object}/batch/update", batches.update),
    ("POST", "objects", "/{object}/batch/upsert", batches.upsert),
    ("GET", "objects", "/{object}", objects.read_page),
    ("POST", "objects", "/{object}", objects.create),
    ("GET", "objects", "/{object}/{id}", objects.read),
    ("PATCH", "objects", "/{object}/{id}", objects.update),
    ("DELETE", "objects", "/{object}/{id}", objects.archive),
    ("GET", "properties", "/{object}", properties.read_all),
    ("GET", "properties", "/{object}/{name}", properties.read_one),
    ("POST", "lists", "", lists.create),
    ("GET", "lists", "/object-type-id/{object}/name/{name}", lists.read_by_name),
    ("GET", "lists", "/records/{object}/{record}/memberships", lists.lists_of_record),
    ("GET", "lists", "/{list}", lists.read),
    ("PUT", "lists", "/{list}/memberships/add", lists.add),
    ("PUT", "lists", "/{list}/memberships/remove", lists.remove),
    ("PUT", "lists", "/{list}/memberships/add-and-remove", lists.add_and_remove),
    ("GET", "lists", "/{list}/memberships", lists.members),
    ("GET", "lists", "/{list}/memberships/join-order", lists.members_by_join),
    ("DELETE", "lists", "/{list}/memberships", lists.empty),
)

VENDOR = Vendor(
    name="hubspot",
    routes=tuple(entry for line in _TABLE for entry in _both(*line)),
    admit=access.admit,
    envelope=access.envelope,
    seal=access.seal,
    edit=saving.edit,
    adopt=saving.adopt,
    fault_answers={
        "unauthorized": access.unauthorized,
        "rate_limited": access.rate_limited,
        "locked": access.locked,
        "migrating": access.migrating,
        "missing_scopes": access.missing_scopes,
        "server_error": access.server_error,
    },
    start=lists.start,
)
