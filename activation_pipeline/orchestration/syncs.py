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

_GREEN = frozenset({"delivered", "nothing_to_send", "alert_only"})


def sync_asset(
    contract: Contract,
    destination: str,
    *,
    place: dg.CodeReferencesMetadataValue,
    clock: Callable[[], datetime],
) -> dg.AssetsDefinition:
    """Make the asset whose materialization is a whole delivery to one destination."""
    mapping, name = contract.destinations[destination], contract.name
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
        automation_condition=(
            dg.AutomationCondition.eager()
            & dg.AutomationCondition.all_deps_blocking_checks_passed()
        ).with_label("the plan is new and every gate passes"),
        pool=kind,
    )
    def sync(activation: ActivationResource) -> dg.MaterializeResult[None]:
        with told_to_dagster(name, destination), activation.opened() as runtime:
            now = clock()
            current = activation.contract(name, today=now.date())
            check_mapped(current, destination)
            report = deliver(current, destination, runtime, clock=clock)
        dg.AssetExecutionContext.get().log.info(report.headline)
        if report.outcome not in _GREEN:
            raise dg.Failure(
                description=report.headline, metadata=report_metadata(report), allow_retries=False
            )
        return dg.MaterializeResult(metadata=report_metadata(report))

    return sync


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
