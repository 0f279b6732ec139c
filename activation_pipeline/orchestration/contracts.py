"""Everything that one contract has in Dagster: its group, its job and its schedule.

The group is the activated asset with its checks, and a sync and a read-back for each
destination. The job also builds the dbt models that the contract reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.orchestration.checks import gate_checks
from activation_pipeline.orchestration.naming import (
    activated_key,
    job_name,
    reconciliation_key,
    sync_key,
)
from activation_pipeline.orchestration.plans import activated_asset
from activation_pipeline.orchestration.reconciliations import reconciliation_asset
from activation_pipeline.orchestration.reporting import line_of_contract
from activation_pipeline.orchestration.syncs import sync_asset
from activation_pipeline.sources import model_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.loading import Checked
    from activation_pipeline.manifest import Manifest


def contract_definitions(
    contract: Contract,
    *,
    checked: Checked,
    file: Path,
    models: Mapping[str, dg.AssetKey],
    clock: Callable[[], datetime],
) -> dg.Definitions:
    """Make a contract's group, job and schedule.

    Args:
        contract: valid.
        checked: knows the lines of its parts.
        file: for links to those lines.
        models: the dbt asset of each relation that the contract names; others have none.
        clock: tells the time, UTC.
    """

    def place(*path: str) -> dg.CodeReferencesMetadataValue:
        return line_of_contract(file, checked.position(*path).line)

    deps = [models[name] for name in model_names(contract) if name in models]
    assets = [activated_asset(contract, deps=deps, place=place("workflow"), clock=clock)]
    for name in contract.destinations:
        where = place("destinations", name)
        assets.append(sync_asset(contract, name, place=where, clock=clock))
        assets.append(reconciliation_asset(contract, name, clock=clock))
    job = _job(contract)
    return dg.Definitions(
        assets=assets,
        asset_checks=[gate_checks(contract, clock=clock)],
        jobs=[job],
        schedules=[_schedule(contract, job)],
    )


def _job(contract: Contract) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        job_name(contract.name),
        selection=with_upstream(contract_keys(contract)),
        description=contract.workflow.decision,
        tags={"activation/contract": contract.name},
    )


def _schedule(contract: Contract, job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        job=job,
        cron_schedule=contract.freshness.refresh,
        execution_timezone=contract.freshness.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The cadence that the contract promises.",
    )


def contract_keys(contract: Contract) -> list[dg.AssetKey]:
    """List the keys of a contract's group."""
    keys = [activated_key(contract)]
    for name in contract.destinations:
        keys += [sync_key(contract, name), reconciliation_key(contract, name)]
    return keys


def with_upstream(keys: Iterable[dg.AssetKey]) -> dg.AssetSelection:
    """Select assets, everything that they are built from, and all their checks."""
    chosen = dg.AssetSelection.assets(*keys)
    return chosen | chosen.upstream()


def model_keys(manifest: Manifest, by_id: Mapping[str, dg.AssetKey]) -> dict[str, dg.AssetKey]:
    """Find the asset of each name that a contract may use for a relation."""
    return {name: by_id[node] for name, node in manifest.names.items() if node in by_id}
