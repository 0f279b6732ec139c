"""An incident: a plan undone, an audience frozen, or values that expired, with class and who."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

IncidentClass = Literal["identity", "freshness", "suppression", "destination_logic"]
CLASSES: tuple[IncidentClass, ...] = get_args(IncidentClass)


@dataclass(frozen=True)
class Incident:
    """One undo, freeze or expiry.

    ``destination`` is None where a whole contract was frozen; ``plan`` is what was undone, or what
    was delivered last when it was frozen or expired; ``restoring`` the plan that puts values back
    or takes them away, or only lists what was left alone (None: a freeze). ``counts`` are records,
    as it began.
    """

    contract: str
    destination: str | None
    incident_class: IncidentClass
    action: Literal["rollback", "freeze", "expire"]
    plan: str | None
    restoring: str | None
    by: str
    reason: str
    counts: Mapping[str, int]
    at: datetime

    @property
    def told(self) -> str:
        """Tell what was done, when and to what; who and why are for whoever asks the ledger."""
        where = self.destination or "all destinations"
        done = {"rollback": f"plan {self.plan} undone", "freeze": "frozen", "expire": "expired"}
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return (
            f"{where}: {done[self.action]} at {self.at:%Y-%m-%d %H:%M} UTC ({self.incident_class})"
            f"{': ' + counts if counts else ''}"
        )
