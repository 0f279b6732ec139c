"""A plan: the exact changes that a contract proposes now, and the decision about them.

Composes the queries that compare the population with what each destination holds from us,
and applies the field policy (``on_null``, ``on_edit``, ``behavior``, caveats). A plan spans
all destinations of its contract, with one frozen part for each: one decision, several
systems. Nothing here reads or writes anything.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from activation_pipeline.contract import Caveats, Contract, Destination, MappedField

Decision = Literal["launch", "launch_with_caveats", "pause"]
OPERATIONS = ("add", "update", "refresh", "clear", "remove")
# Only an undo has it: values are put back, and nothing of the record is ours any more.
WITHDRAW = "withdraw"
_STRICTNESS: tuple[Decision, ...] = ("launch", "launch_with_caveats", "pause")


@dataclass(frozen=True)
class PlanPart:
    """One destination's share of a plan: an immutable snapshot and its counts.

    ``content`` is the SHA-256 of the snapshot's bytes, ``position`` the number of the last
    delivery that the comparison saw, ``baseline`` how many records we held there then (None:
    nothing was ever delivered), ``withheld`` how many changes policy kept back, by reason.
    ``identity`` is the account that it was made for; "" in plans that do not say.
    """

    destination: str
    content: str
    rows: int
    operations: Mapping[str, int]
    position: int
    baseline: int | None
    withheld: Mapping[str, int]
    identity: str = ""

    @property
    def mark(self) -> list[str | int]:
        """Give what tells this part from any other; plans that name no account keep their ids."""
        seen: list[str | int] = [self.destination, self.content, self.rows, self.position]
        return [*seen, self.identity] if self.identity else seen


@dataclass(frozen=True)
class Plan:
    """What one contract proposes: equal input gives an equal plan with an equal id."""

    contract: str
    fingerprint: str
    definition: str
    parts: tuple[PlanPart, ...]

    @property
    def id(self) -> str:
        """Hash content, contract, logic, position and account: 16 hex digits."""
        seen = {
            "contract": self.contract,
            "fingerprint": self.fingerprint,
            "definition": self.definition,
            "parts": [part.mark for part in self.parts],
        }
        return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]

    def part(self, destination: str) -> PlanPart:
        """Find one destination's part."""
        return next(part for part in self.parts if part.destination == destination)


def decide(votes: Iterable[Decision]) -> Decision:
    """Let the strictest vote win; no vote at all pauses."""
    cast = tuple(votes)
    return max(cast, key=_STRICTNESS.index) if cast else "pause"


def written_fields(destination: Destination, caveats: Caveats | None) -> dict[str, MappedField]:
    """List the fields that may be written: all, or the caveats' low-risk fields."""
    if caveats is None or caveats.fields is None:
        return dict(destination.fields)
    return {name: m for name, m in destination.fields.items() if name in caveats.fields}


def indicators(contract: Contract, fields: Mapping[str, MappedField]) -> frozenset[str]:
    """Name the freshness indicators: fields that carry the contract's event time.

    They change with every refresh, so a record in which nothing else changed is a ``refresh``
    and does not count as an update. Source: "Is there an expiry date or freshness indicator?".
    """
    return frozenset(f for f, m in fields.items() if m.column == contract.freshness.column)
