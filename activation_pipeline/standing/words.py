"""A word of the ledger as a state: a pause, or an expiry, that somebody or a rule wrote down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.evidence import ITSELF
from activation_pipeline.notation import without_addresses
from activation_pipeline.standing.state import Standing
from activation_pipeline.steps import Step, resume_command

if TYPE_CHECKING:
    from activation_pipeline.evidence import Pause
    from activation_pipeline.incident import Incident

# The reason of what acts by itself begins with the clause, and ends with who has to act.
_OWNER = "; owner: "
_EXPIRY = "expire_after"


def of_pause(pause: Pause, *, restarted_by: str | None) -> Standing:
    """Tell a pause as a state; a rule's pause has the rule as its clause."""
    rule, _, found = pause.reason.partition(": ")
    by_rule = pause.by == ITSELF and bool(found)
    told, _, owner = found.partition(_OWNER)
    command = resume_command(pause.contract, role=restarted_by, destination=pause.destination)
    return Standing(
        contract=pause.contract,
        state="paused",
        clause=rule if by_rule else "not_paused",
        message=without_addresses(told if by_rule else pause.reason),
        since=pause.since,
        until=pause.until,
        by=without_addresses(pause.by),
        destination=pause.destination,
        restarted_by=restarted_by,
        owner=owner if by_rule and owner else restarted_by,
        next_step=Step(
            restarted_by or "workflow owner", "look at why it is paused, then restart", command
        ),
    )


def of_expiry(incident: Incident, *, owner: str | None) -> Standing:
    """Tell an expiry as a state."""
    counts = ", ".join(f"{word} {count:,}" for word, count in incident.counts.items())
    found = incident.reason.removeprefix(f"{_EXPIRY}: ")
    return Standing(
        contract=incident.contract,
        state="expired",
        clause=_EXPIRY,
        message=without_addresses(found) + (f" ({counts})" if counts else ""),
        since=incident.at,
        by=without_addresses(incident.by),
        destination=incident.destination,
        owner=owner,
        next_step=Step(
            owner or "source model owner",
            "mend the source: a fresh sync restores",
            f"activation plan {incident.contract}",
        ),
    )
