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
    why, name = f"frozen ({incident_class}): {reason}", contract.name
    pause(name, destination, runtime, by=by, reason=why, until=None, now=now, contract=contract)
    incident = freezing(
        contract, destination, runtime, by=by, reason=reason, incident_class=incident_class, now=now
    )
    runtime.ledger.incidents.record(incident)
    return incident


def freezing(
    contract: Contract,
    destination: str | None,
    runtime: Runtime,
    *,
    by: str,
    reason: str,
    incident_class: IncidentClass,
    now: datetime,
) -> Incident:
    """Describe a freeze as an incident, with what is held where; nothing is written."""
    ledger, name = runtime.ledger, contract.name
    places = (destination,) if destination is not None else tuple(contract.destinations)
    counts = {place: ledger.deliveries.position(name, place)[1] or 0 for place in places}
    sent = [ledger.incidents.last_sent(name, place) for place in places]
    return Incident(
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
