"""The read-back of each destination: one step after the sync that looks at what landed.

A vendor's "accepted" is its word. The check ``agrees`` fails when more records differ than the
contract tolerates; it stops nothing, because nothing is left to stop.
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - Dagster reads annotations
from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import reconciliation_key, sync_key
from activation_pipeline.orchestration.reporting import reconciliation_metadata, what_to_do
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)
from activation_pipeline.orchestration.syncs import check_mapped
from activation_pipeline.reconcile import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.reconcile import Reconciliation

AGREES = "agrees"
_CRON = {"daily": "0 3 * * *", "weekly": "0 3 * * 1", "monthly": "0 3 1 * *"}


def reconciliation_asset(
    contract: Contract, destination: str, *, clock: Callable[[], datetime]
) -> dg.AssetsDefinition:
    """Make the asset whose materialization is a comparison of one destination with the plan."""
    name, mapping = contract.name, contract.destinations[destination]
    key, kind = reconciliation_key(contract, destination), mapping.kind or destination
    limit = contract.monitoring.pause_when.drift_above or 0.0
    due = dg.AutomationCondition.cron_tick_passed(_CRON[contract.monitoring.reconcile])

    @dg.asset(
        key=key,
        deps=[sync_key(contract, destination)],
        group_name=name,
        description=f"Reads back from {destination} what the newest plan of {name} wrote there.",
        owners=[f"team:{contract.owners.destination_field}"],
        kinds={kind},
        check_specs=[
            dg.AssetCheckSpec(
                AGREES,
                asset=key,
                description="The destination holds what was delivered; drift stays in its limit.",
            )
        ],
        automation_condition=dg.AutomationCondition.eager()
        | (due & ~dg.AutomationCondition.missing() & ~dg.AutomationCondition.in_progress()),
        pool=kind,
    )
    def reconciliation(activation: ActivationResource) -> Iterator[dg.MaterializeResult[None]]:
        with told_to_dagster(name, destination), activation.opened() as runtime:
            current = activation.contract(name, today=clock().date())
            check_mapped(current, destination)
            found = reconcile(current, destination, runtime, clock=clock)
        yield dg.MaterializeResult(
            metadata=reconciliation_metadata(found),
            check_results=[_agreement(found, key, limit=limit)],
        )

    return reconciliation


def _agreement(found: Reconciliation, key: dg.AssetKey, *, limit: float) -> dg.AssetCheckResult:
    agreed, holds = found.counts.get("agrees", 0), found.drift <= limit
    return dg.AssetCheckResult(
        # The limit is inclusive, as every limit of a contract.
        passed=holds,
        asset_key=key,
        check_name=AGREES,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{agreed} of {found.records} delivered records agree; drift {found.drift:.4f},"
        f" at most {limit:g}",
        metadata={
            "observed": dg.MetadataValue.float(float(found.drift)),
            "limit": dg.MetadataValue.float(float(limit)),
            **({} if holds else {"runbook": what_to_do("drift")}),
        },
    )
