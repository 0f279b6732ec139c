"""The stand-in for a store of items behind a webhook: context for agents, by object and key.

It verifies what ``docs/webhook.md`` asks of a receiver: signature, freshness and digest, equal
batches, versions, and expiry, which ends what an agent is shown.
"""

from __future__ import annotations

from activation_pipeline.sandbox.vendors.webhook import access, items, reading, taking
from activation_pipeline.sandbox.wire import Vendor, route

VENDOR = Vendor(
    name="webhook",
    routes=(
        route("GET", "/capabilities", reading.capabilities),
        route("POST", "/items", taking.take),
        route("POST", "/read", reading.read),
        route("GET", "/context/{object}/{key}", reading.context),
    ),
    admit=access.admit,
    envelope=access.envelope,
    seal=access.seal,
    edit=items.edit,
    adopt=items.adopt,
    fault_answers={
        "unauthorized": access.unauthorized,
        "forbidden": access.forbidden,
        "rate_limited": access.rate_limited,
        "unavailable": access.unavailable,
        "busy": access.busy,
        "server_error": access.server_error,
        "too_large": access.too_large,
        "bad_request": access.bad_request,
    },
)
