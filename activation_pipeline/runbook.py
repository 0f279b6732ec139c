"""Where the runbook says what to do: one section for each clause, named after it.

A clause is a gate, a rule of ``monitoring.pause_when`` or whatever else a refusal names. The states
below stop nothing by themselves, and somebody has to act all the same. The page is in this
repository; an installation may name an address of its own in ``ACTIVATION_RUNBOOK``.
"""

from __future__ import annotations

PAGE = "docs/runbook.md"
ADDRESS = "ACTIVATION_RUNBOOK"

STATES = (
    "delivered_in_part",
    "rejected",
    "unknown",
    "drift",
    "interrupted",
    "failed",
    "no_answer",
    "destination_refuses",
    "warehouse",
    "settings",
    "alert_channel",
)


def link(section: str, address: str | None = None) -> str:
    """Link to the section of a clause or state; ``address`` is where the page is served."""
    return f"{address or PAGE}#{section}"
