"""Which relations a contract reads, and where the dbt manifest says they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.expressions import Relations
from activation_pipeline.warehouse import relation_table

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.manifest import Manifest


def model_names(contract: Contract) -> tuple[str, ...]:
    """List every relation that a contract reads, the source model first."""
    suppression = contract.suppression
    names = [contract.source.model, *map(contract.matching.identity_for, contract.destinations)]
    names += [*suppression.models, *suppression.review]
    names += [suppression.holdout.model] if suppression.holdout else []
    names += [contract.source.feeds_model] if contract.source.feeds_model else []
    return tuple(dict.fromkeys(names))


def relations(contract: Contract, manifest: Manifest) -> Relations:
    """Locate every relation that a contract reads.

    Raises:
        WarehouseError: a name that the manifest does not have.
    """
    tables = {name: relation_table(manifest.resolve(name)) for name in model_names(contract)}
    return Relations(source=tables[contract.source.model], models=tables)
