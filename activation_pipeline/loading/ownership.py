"""Rules between contracts: one destination field, one list, one store's object has one contract.

Two contracts that write one field would overwrite each other's values for ever, and each
would take the other's writes for edits by a person. A store's items are deleted whole, so two
contracts that share an object would delete each other's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from activation_pipeline.loading.places import Finding, Path
from activation_pipeline.loading.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.contract import Destination

_Owned = tuple[str, str, str]


def conflicts(contracts: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Finding, ...]]:
    """Find what more than one place owns; ``contracts`` maps names to their right sections.

    Names of systems, objects and fields are compared without case, as the vendors do.
    """
    places: dict[_Owned, list[tuple[str, Path]]] = defaultdict(list)
    for contract, sections in contracts.items():
        destinations: Mapping[str, Destination] = sections.get("destinations", {})
        for name, destination in destinations.items():
            for owned, below in destination.owns(name).items():
                places[owned].append((contract, ("destinations", name, *below)))
    found: dict[str, list[Finding]] = defaultdict(list)
    for owned, owners in places.items():
        for contract, path in owners:
            others = [other for other in owners if other != (contract, path)]
            if others:
                found[contract].append(_finding(contract, path, owned, others))
    return {contract: tuple(findings) for contract, findings in found.items()}


def _finding(contract: str, path: Path, owned: _Owned, others: list[tuple[str, Path]]) -> Finding:
    names = sorted({f"contract {other}" if other != contract else f"destination {place[1]}"
                    for other, place in others})  # fmt: skip
    said = owned[2] if owned[1] == "object" else str(path[-1])
    message = (
        f"{owned[0]} {owned[1]} {shown(said)} is also written by {', '.join(names)}; "
        "give it to one of them"
    )
    return Finding(path, "owned_twice", message, at_key=True)
