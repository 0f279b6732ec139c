"""The activated asset of a contract: one step that makes and judges a plan.

Its materialization is the plan with its counts, whatever was decided about it; the decision
is shown by the checks and held by the sync.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import dagster as dg
from croniter import croniter

from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import WRITER_POOL, activated_key
from activation_pipeline.orchestration.reporting import plan_metadata
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)
from activation_pipeline.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from activation_pipeline.contract import Contract, Freshness
    from activation_pipeline.ledger import Evaluation

_GRACE = timedelta(hours=1)
_TICKS = 60
_ANY_START = datetime(2026, 1, 1, tzinfo=UTC)


def activated_asset(
    contract: Contract,
    *,
    deps: Sequence[dg.AssetKey],
    place: dg.CodeReferencesMetadataValue,
    clock: Callable[[], datetime],
) -> dg.AssetsDefinition:
    """Make the asset whose materialization is the contract's plan.

    Args:
        contract: as it was when definitions loaded; the step reads its file again.
        deps: the dbt assets of every model that the contract reads.
        place: the contract's line in its file.
        clock: tells the time, UTC.
    """
    key, name = activated_key(contract), contract.name

    @dg.asset(
        key=key,
        deps=list(deps),
        group_name=name,
        description=_description(contract),
        owners=[f"team:{contract.owners.workflow}"],
        kinds={"duckdb", "parquet"},
        tags=_tags(contract),
        metadata={"dagster/code_references": place, "owners": contract.owners.model_dump()},
        freshness_policy=dg.FreshnessPolicy.time_window(longest_age(contract.freshness)),
        pool=WRITER_POOL,
    )
    def activated(activation: ActivationResource) -> dg.MaterializeResult[None]:
        evaluation = _prepare(name, activation, now=clock())
        return dg.MaterializeResult(
            metadata=plan_metadata(evaluation),
            data_version=dg.DataVersion(evaluation.plan.id) if evaluation.plan else None,
        )

    return activated


def _prepare(name: str, activation: ActivationResource, *, now: datetime) -> Evaluation:
    """Make a plan by the contract as its file is now."""
    with told_to_dagster(name), activation.opened() as runtime:
        return prepare(activation.contract(name, today=now.date()), runtime, now=now)


def longest_age(freshness: Freshness) -> timedelta:
    """Tell how old the newest plan may grow before the asset shows as late.

    At least the longest wait between two refreshes and an hour for the run itself, so that a
    daily value that is stale after 24 hours is not shown as late every morning.
    """
    ticks = croniter(freshness.refresh, _ANY_START, ret_type=datetime)
    times = [ticks.get_next() for _ in range(_TICKS)]
    gap = max(later - sooner for sooner, later in pairwise(times))
    return max(freshness.stale_after, gap + _GRACE)


def _description(contract: Contract) -> str:
    workflow = contract.workflow
    return (
        f"{workflow.decision}\n\n"
        f"One row per {contract.entity.one_row_per}. What must not happen: "
        f"{workflow.embarrassment}\n\n"
        f"A materialization is a plan: the exact list of changes that is judged by the checks "
        f"and sent by the syncs. {contract.monitoring.restarted_by} may restart it after a pause."
    )


def _tags(contract: Contract) -> dict[str, str]:
    return {
        "activation/kind": contract.workflow.kind,
        "activation/risk": contract.workflow.risk,
        "activation/launch": contract.launch.decision,
    }
