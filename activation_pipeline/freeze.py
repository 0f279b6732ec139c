"""Keep an audience, or what a contract wrote, as it is: a stop that is an incident.

A freeze sends nothing and takes nothing back. It holds until somebody resumes the contract, and
whatever changes a destination by itself asks ``incidents.freeze_in_force`` first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.incident import Incident
from activation_pipeline.pausing import pause

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.incident import IncidentClass
    from activation_pipeline.runtime import Runtime


def freeze(
    contract: Contract,
    destination: str | None,
    runtime: Runtime,
    *,
    by: str,
    reason: str,
    incident_class: IncidentClass,
    now: datetime,
) -> Incident:
    """Stop a contract, or one of its destinations, and note the incident.

    A delivery that is running stops before its next request.

    Returns:
        The incident; ``counts`` say how many records each destination holds from us.
    """
    ledger, name = runtime.ledger, contract.name
    why = f"frozen ({incident_class}): {reason}"
    pause(name, destination, runtime, by=by, reason=why, until=None, now=now, contract=contract)
    places = (destination,) if destination is not None else tuple(contract.destinations)
    counts = {place: ledger.deliveries.position(name, place)[1] or 0 for place in places}
    sent = [ledger.incidents.last_sent(name, place) for place in places]
    incident = Incident(
        contract=name,
        destination=destination,
        incident_class=incident_class,
        action="freeze",
        plan=next((plan for plan in sent if plan), None),
        restoring=None,
        by=by,
        reason=reason,
        counts=counts,
        at=now,
    )
    ledger.incidents.record(incident)
    return incident
