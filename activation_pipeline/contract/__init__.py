"""The activation contract: ten sections and the launch, as frozen models.

A contract says what one workflow may change downstream, and on what conditions. This
package holds the shape of each section, the rules inside one section, and the
fingerprint of the meaning. Reading YAML, positions in files and the rules that need more
than one section or the dbt project are in ``loading``; gate parameters are checked
against ``gates``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import Field

from activation_pipeline.contract._section import Section
from activation_pipeline.contract.meaning import canonical
from activation_pipeline.contract.safeguards import (
    Approval,
    Caveats,
    GateSpec,
    Launch,
    Monitoring,
    Owners,
    PauseRules,
    RollbackRules,
)
from activation_pipeline.contract.subject import (
    Destination,
    Entity,
    Freshness,
    Holdout,
    MappedField,
    Matching,
    Source,
    Suppression,
    SuppressionRule,
    Workflow,
)
from activation_pipeline.notation import Name

__all__ = [
    "Approval",
    "Caveats",
    "Contract",
    "Destination",
    "Entity",
    "Freshness",
    "GateSpec",
    "Holdout",
    "Launch",
    "MappedField",
    "Matching",
    "Monitoring",
    "Owners",
    "PauseRules",
    "RollbackRules",
    "Source",
    "Suppression",
    "SuppressionRule",
    "Workflow",
    "fingerprint",
    "meaning",
]


class Contract(Section):
    """One workflow's activation contract; ``name`` is its file's name without the ending."""

    name: Name
    version: Annotated[int, Field(ge=1, strict=True)]
    workflow: Workflow
    entity: Entity
    matching: Matching
    source: Source
    destinations: Annotated[dict[Name, Destination], Field(min_length=1)]
    freshness: Freshness
    suppression: Suppression
    gates: Annotated[tuple[GateSpec, ...], Field(min_length=1)]
    owners: Owners
    monitoring: Monitoring
    launch: Launch

    @property
    def asset_kind(self) -> str:
        """Name the activated asset's last key part: ``audience``, ``score`` or ``context``."""
        return "context" if self.workflow.kind == "ai_context" else self.workflow.kind

    @property
    def roles(self) -> frozenset[str]:
        """Every role that the contract names, wherever it names one."""
        owners = self.owners.model_dump().values()
        suppression = (rule.owner for rule in self.suppression.models.values())
        signers = (role for spec in self.gates for role in spec.signers)
        return frozenset(
            {*owners, *suppression, *signers, *self.suppression.review.values(),
             *self.monitoring.alert, self.monitoring.restarted_by}
        )  # fmt: skip

    def owned(self, destination: str | None = None) -> frozenset[tuple[str, str, str]]:
        """List what no second contract may write there, or anywhere: kind, object, field."""
        chosen = self.destinations if destination is None else (destination,)
        return frozenset(
            place for name in chosen if name in self.destinations
            for place in self.destinations[name].owns(name)
        )  # fmt: skip


def meaning(contract: Contract) -> dict[str, Any]:
    """Say what a contract means as plain JSON values, however its file spells or orders it.

    ``launch.approvals`` is left out, because an approval names the fingerprint.
    """
    written = contract.model_dump(mode="json", by_alias=True, exclude={"launch": {"approvals"}})
    found: dict[str, Any] = canonical(written)
    return found


def fingerprint(contract: Contract) -> str:
    """Hash the meaning of a contract: 16 hex digits.

    Comments, white space, the spelling of durations and every order but that of matching rules
    do not change it.
    """
    text = json.dumps(meaning(contract), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
