"""``activation freeze``: keep what is delivered as it is, as an incident."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from activation_pipeline.cli import opening, output
from activation_pipeline.freeze import freeze
from activation_pipeline.steps import resume_command

if TYPE_CHECKING:
    from activation_pipeline.incident import IncidentClass


def run(
    name: str,
    *,
    destination: str | None,
    by: str,
    reason: str,
    incident_class: IncidentClass,
    as_json: bool,
) -> None:
    """Freeze a contract, or one of its destinations, from now on."""
    found = opening.settings()
    contract = opening.contract(found, name)
    opening.destinations(contract, destination)
    with opening.runtime(found) as runtime:
        incident = freeze(
            contract,
            destination,
            runtime,
            by=by,
            reason=reason,
            incident_class=incident_class,
            now=opening.now(),
        )
    if as_json:
        output.show_json(asdict(incident))
        return
    ours = ", ".join(f"{place} {count:,}" for place, count in incident.counts.items())
    told = f"frozen ({incident_class}); nobody joins, nobody leaves; ours there: {ours}"
    who = contract.monitoring.restarted_by
    again = resume_command(name, role=who, destination=destination)
    output.show(
        [
            f"{name}: {destination or 'all destinations'}: {told}",
            f"next: activation export {name}, for who is in, who is out and why",
            f"{who} may restart: {again}",
        ]
    )
