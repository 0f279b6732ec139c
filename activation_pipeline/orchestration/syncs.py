"""The sync of each destination: one step that delivers the newest plan, or fails saying why not.

The step asks the core, which refuses by itself; so a sync that somebody starts alone, without
its checks or from a schedule is refused as well. It is green only when nothing was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.deliver import deliver
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import activated_key, sync_key
from activation_pipeline.orchestration.reporting import report_metadata
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.report import Report

_GREEN = frozenset({"delivered", "nothing_to_send", "alert_only"})


def sync_asset(
    contract: Contract,
    destination: str,
    *,
    place: dg.CodeReferencesMetadataValue,
    clock: Callable[[], datetime],
) -> dg.AssetsDefinition:
    """Make the asset whose materialization is a whole delivery to one destination."""
    name, mapping = contract.name, contract.destinations[destination]
    kind = mapping.kind or destination

    @dg.asset(
        key=sync_key(contract, destination),
        deps=[activated_key(contract)],
        group_name=name,
        description=_description(contract, destination),
        owners=[f"team:{contract.owners.destination_field}"],
        kinds={kind},
        tags={"activation/behavior": mapping.behavior},
        metadata={
            "dagster/code_references": place,
            "read_by": dg.MetadataValue.json(list(mapping.read_by)),
            "edited_by": dg.MetadataValue.text(mapping.edited_by),
        },
        automation_condition=_new_and_passed(),
        pool=kind,
    )
    def sync(activation: ActivationResource) -> dg.MaterializeResult[None]:
        report = _deliver(name, destination, activation, clock=clock)
        dg.AssetExecutionContext.get().log.info(report.headline)
        if report.outcome not in _GREEN:
            owner = contract.owners.destination_field
            raise dg.Failure(
                description=f"{report.headline}; owner: {owner}; see who with activation export "
                f"{name}",
                metadata=report_metadata(report),
                allow_retries=False,
            )
        return dg.MaterializeResult(metadata=report_metadata(report))

    return sync


def _new_and_passed() -> dg.AutomationCondition[dg.AssetKey | dg.AssetCheckKey]:
    """Do not even try what would be refused; the refusal itself does not depend on this."""
    passed = dg.AutomationCondition.all_deps_blocking_checks_passed()
    return (dg.AutomationCondition.eager() & passed).with_label("a new plan, every gate passes")


def _deliver(
    name: str, destination: str, activation: ActivationResource, *, clock: Callable[[], datetime]
) -> Report:
    """Deliver by the contract as its file is now."""
    with told_to_dagster(name, destination), activation.opened() as runtime:
        current = activation.contract(name, today=clock().date())
        check_mapped(current, destination)
        return deliver(current, destination, runtime, clock=clock)


def check_mapped(contract: Contract, destination: str) -> None:
    """Fail when the file, as it is now, no longer has the destination."""
    if destination not in contract.destinations:
        raise dg.Failure(
            description=f"{contract.name}: destinations.{destination}: gone from the contract; "
            "reload the definitions",
            allow_retries=False,
        )


def _description(contract: Contract, destination: str) -> str:
    mapping = contract.destinations[destination]
    what = f"list {mapping.list}" if mapping.list else ", ".join(mapping.fields)
    return (
        f"Sends the newest plan of {contract.name} to {destination} ({mapping.object}: {what}), "
        "as far as its decision and everything that is checked at send time allow."
    )
