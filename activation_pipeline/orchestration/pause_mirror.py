"""A sensor that shows every pause on its contract's ``not_paused`` check, within seconds.

A pause may be written by the command line, the board, a rule or another process, and a new
materialization hides older results of checks. So what the page shows is compared with the ledger,
and reported anew where they differ. It decides nothing: syncs ask the ledger themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.errors import ActivationError
from activation_pipeline.orchestration.checks import NOT_PAUSED, pause_result
from activation_pipeline.orchestration.naming import activated_key
from activation_pipeline.orchestration.pauses import report_pauses
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Pause

_EVERY_S = 5


def pause_mirror(
    contracts: Collection[Contract], *, clock: Callable[[], datetime]
) -> dg.SensorDefinition:
    """Make the sensor ``pauses``, which runs as soon as the definitions are loaded."""

    @dg.sensor(
        name="pauses",
        minimum_interval_seconds=_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows pauses and their ends on the not_paused checks.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, activation: ActivationResource
    ) -> dg.SkipReason:
        now = clock()
        try:
            with activation.opened() as runtime:
                ledger = runtime.ledger
                found = {c.name: ledger.pauses(c.name, now=now, owned=c.owned()) for c in contracts}
        except ActivationError as error:
            return dg.SkipReason(f"the ledger could not be read: {error}")
        shown = _shown(context.instance, contracts)
        differing = [c for c in contracts if _differs(c, found[c.name], shown.get(c.name))]
        for contract in differing:
            report_pauses(context.instance, contract, found[contract.name])
        names = ", ".join(contract.name for contract in differing)
        return dg.SkipReason(f"shown anew: {names}" if names else "every pause is shown")

    return sensor


def _shown(
    instance: dg.DagsterInstance, contracts: Collection[Contract]
) -> Mapping[str, tuple[bool, str]]:
    """Read what each page shows of ``not_paused``; a result that a new plan hides is left out."""
    keys = {c.name: dg.AssetCheckKey(activated_key(c), NOT_PAUSED) for c in contracts}
    storage = instance.event_log_storage
    records = storage.get_latest_asset_check_execution_by_key(list(keys.values()))
    assets = instance.get_asset_records([key.asset_key for key in keys.values()])
    made = {
        each.asset_entry.asset_key: each.asset_entry.last_materialization_record for each in assets
    }
    found = {}
    for name, key in keys.items():
        record = records.get(key)
        evaluation = record.evaluation if record else None
        if record is None or evaluation is None:
            continue
        newest = made.get(key.asset_key)
        target = evaluation.target_materialization_data
        if newest is not None and (
            target.storage_id != newest.storage_id
            if target
            else record.create_timestamp < newest.timestamp
        ):
            continue
        found[name] = (evaluation.passed, evaluation.description or "")
    return found


def _differs(contract: Contract, pauses: tuple[Pause, ...], shown: tuple[bool, str] | None) -> bool:
    result = pause_result(contract, activated_key(contract), pauses)
    if shown is None:
        return bool(pauses)
    return shown != (result.passed, result.description or "") and not (
        shown[0] and result.passed and not pauses
    )
