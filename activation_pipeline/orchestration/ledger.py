"""The ledger as warehouse tables: one step after the syncs, for dbt's models to read.

The assets have the keys of dbt's sources of the same name, so that what dbt builds out of them
stands downstream of the syncs. Nothing waits for this step, and it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - Dagster reads annotations
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.ledger_export import (
    DELIVERIES,
    RECORDS,
    SCHEMA,
    ExportedLedger,
    export_ledger,
)
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import LEDGER_JOB, WRITER_POOL, sync_key
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)
from activation_pipeline.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from activation_pipeline.contract import Contract

_EVERY_HOUR = "20 * * * *"
_DESCRIPTIONS = {
    DELIVERIES: "Every attempt to deliver: when, how it ended, its counts. One row per attempt.",
    RECORDS: "What became of every planned record that was answered for. One row per record and "
    "plan.",
}
KEYS = {name: dg.AssetKey([SCHEMA, name]) for name in _DESCRIPTIONS}


def ledger_definitions(
    contracts: Iterable[Contract],
    *,
    declared: frozenset[dg.AssetKey],
    clock: Callable[[], datetime],
) -> dg.Definitions:
    """Make the two tables' assets, and a job with an hourly schedule that writes them.

    The job also builds the dbt models that read the tables. A failed sync is history, too, so the
    tables do not wait for a materialization.

    Args:
        contracts: whose syncs come before.
        declared: the keys of everything in the dbt project. Only where it has the tables as
            sources does the schedule run by itself: nobody else asked for them.
        clock: tells the time, UTC.
    """
    syncs = [sync_key(contract, name) for contract in contracts for name in contract.destinations]
    assets = _assets(syncs, clock=clock)
    job = dg.define_asset_job(
        LEDGER_JOB,
        selection=dg.AssetSelection.assets(*KEYS.values()).downstream(),
        description="Writes what is new in the ledger into the warehouse.",
    )
    is_read = not declared.isdisjoint(KEYS.values())
    status = dg.DefaultScheduleStatus.RUNNING if is_read else dg.DefaultScheduleStatus.STOPPED
    schedule = dg.ScheduleDefinition(job=job, cron_schedule=_EVERY_HOUR, default_status=status)
    return dg.Definitions(assets=[assets], jobs=[job], schedules=[schedule])


def _assets(syncs: list[dg.AssetKey], *, clock: Callable[[], datetime]) -> dg.AssetsDefinition:
    specs = [
        dg.AssetSpec(
            KEYS[name], deps=syncs, description=text, group_name="ledger", kinds={"duckdb"}
        )
        for name, text in _DESCRIPTIONS.items()
    ]

    @dg.multi_asset(name="ledger", specs=specs, pool=WRITER_POOL)
    def tables(activation: ActivationResource) -> Iterator[dg.MaterializeResult[None]]:
        written = _export(activation, now=clock())
        counts = {DELIVERIES: written.deliveries, RECORDS: written.records}
        for name, rows in counts.items():
            yield dg.MaterializeResult(asset_key=KEYS[name], metadata={"written": rows})

    return tables


def _export(activation: ActivationResource, *, now: datetime) -> ExportedLedger:
    path = activation.settings().warehouse
    with told_to_dagster(SCHEMA), activation.opened() as runtime:
        return export_ledger(
            runtime,
            open_to_write=partial(
                open_warehouse, path, read_only=False, wait_s=activation.warehouse.wait_s
            ),
            now=now,
        )
