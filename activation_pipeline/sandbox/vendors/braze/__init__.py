"""The stand-in for Braze: users, their custom attributes, the catalogue of attributes.

Of the identifiers of a user ``external_id`` and ``braze_id`` are known here; events and purchases
are counted and not kept. There is no list and no history: Braze has neither.
"""

from __future__ import annotations

from activation_pipeline.sandbox.vendors.braze import access, attributes, exporting, tracking, users
from activation_pipeline.sandbox.wire import Vendor, route

VENDOR = Vendor(
    name="braze",
    routes=(
        route("POST", "/users/track", tracking.track),
        route("POST", "/users/export/ids", exporting.export_ids),
        route("GET", "/custom_attributes", attributes.read_page),
    ),
    admit=access.admit,
    envelope=access.envelope,
    seal=access.seal,
    edit=users.edit,
    adopt=users.adopt,
    fault_answers={
        "unauthorized": access.unauthorized,
        "forbidden": access.forbidden,
        "rate_limited": access.rate_limited,
        "maintenance": access.maintenance,
        "server_error": access.server_error,
        "too_large": access.too_large,
    },
)
