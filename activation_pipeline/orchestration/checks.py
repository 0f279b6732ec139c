"""The gates of a contract as asset checks: one step, one result per gate, always.

A result is read from the newest evaluation in the ledger, so a check never judges anything
by itself and never differs from what the sync will find. Only ``not_paused`` is read afresh:
a pause shows at once, and a new plan does not hide it.
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - Dagster reads annotations
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline import gates, judgement
from activation_pipeline.errors import ActivationError
from activation_pipeline.orchestration.naming import activated_key, job_name
from activation_pipeline.orchestration.reporting import check_metadata, what_to_do
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract, GateSpec
    from activation_pipeline.evidence import GateResult, Pause
    from activation_pipeline.ledger import Evaluation

NOT_PAUSED = "not_paused"


@dataclass(frozen=True)
class Found:
    """What the checks could read; ``fault`` says why there is nothing to read."""

    results: Mapping[str, GateResult] = field(default_factory=dict)
    pauses: tuple[Pause, ...] | None = None
    fault: str = ""


def gate_checks(contract: Contract, *, clock: Callable[[], datetime]) -> dg.AssetChecksDefinition:
    """Make one step with a check for every gate of the contract, each selectable alone."""
    key = activated_key(contract)
    stops = {spec.name: _must_stop(spec) for spec in judgement.specs(contract)}

    @dg.multi_asset_check(
        name=f"{job_name(contract.name)}__gates",
        specs=[_spec(key, spec) for spec in judgement.specs(contract)],
        can_subset=True,
    )
    def checks(activation: ActivationResource) -> Iterator[dg.AssetCheckResult]:
        found = _read(contract, activation, now=clock())
        chosen = dg.AssetCheckExecutionContext.get().selected_asset_check_keys
        for check in sorted(chosen, key=lambda each: each.name):
            yield _result(contract, check, found, stops=stops[check.name])

    return checks


def _must_stop(spec: GateSpec) -> bool:
    """Say whether a failure stops the sync; the same rule as the core's."""
    return not (spec.warn and gates.GATES[spec.name].may_be_signed)


def _spec(key: dg.AssetKey, spec: GateSpec) -> dg.AssetCheckSpec:
    limits = {name: str(value) for name, value in spec.params.items()}
    return dg.AssetCheckSpec(
        spec.name,
        asset=key,
        description=gates.GATES[spec.name].description,
        # Automation waits for every blocking check to pass, so a gate that only warns must not
        # be one: lowering the severity of its result would not let automation through.
        blocking=_must_stop(spec),
        metadata={"limits": dg.MetadataValue.json(limits)},
    )


def _read(contract: Contract, activation: ActivationResource, *, now: datetime) -> Found:
    """Read the newest evaluation and the pauses; a fault becomes the result of every check."""
    name = contract.name
    try:
        with activation.opened() as runtime:
            pauses = runtime.ledger.pauses(name, now=now, owned=contract.owned())
            return _judged(name, runtime.ledger.newest(name), pauses)
    except ActivationError as error:
        return Found(fault=str(error))
    except Exception as error:  # noqa: BLE001 - a check without a result would not stop anything
        return Found(fault=f"{name}: the ledger could not be read: {type(error).__name__}")


def _judged(name: str, evaluation: Evaluation | None, pauses: tuple[Pause, ...]) -> Found:
    if evaluation is None:
        return Found(pauses=pauses, fault=f"{name}: no plan was judged yet; materialize the asset")
    if evaluation.plan is None:
        fault = f"{name}: the last plan could not be made: {evaluation.message}"
        return Found(pauses=pauses, fault=fault)
    return Found({result.gate: result for result in evaluation.results}, pauses)


def _result(
    contract: Contract, check: dg.AssetCheckKey, found: Found, *, stops: bool
) -> dg.AssetCheckResult:
    if check.name == NOT_PAUSED and found.pauses is not None:
        return pause_result(contract, check.asset_key, found.pauses)
    severity = dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN
    result = found.results.get(check.name)
    if result is None:
        fault = found.fault or (
            f"{contract.name}: the newest plan was not judged by {check.name}; materialize again"
        )
        return dg.AssetCheckResult(
            passed=False,
            asset_key=check.asset_key,
            check_name=check.name,
            severity=severity,
            description=fault,
        )
    signed = f" (signed by {result.overridden_by})" if result.overridden_by else ""
    return dg.AssetCheckResult(
        passed=result.passed or result.overridden_by is not None,
        asset_key=check.asset_key,
        check_name=check.name,
        severity=severity,
        description=result.message + signed,
        metadata=check_metadata(result),
    )


def pause_result(
    contract: Contract, key: dg.AssetKey, pauses: tuple[Pause, ...]
) -> dg.AssetCheckResult:
    """Say whether the whole contract is paused; a pause of one destination is only mentioned.

    The sync of a paused destination refuses by itself, and the others go on.
    """
    whole = [pause for pause in pauses if pause.stops_all_of(contract.name)]
    told = "; ".join(describe_pause(contract, pause) for pause in pauses)
    return dg.AssetCheckResult(
        passed=not whole,
        asset_key=key,
        check_name=NOT_PAUSED,
        severity=dg.AssetCheckSeverity.ERROR,
        description=told or "not paused",
        metadata={
            "observed": dg.MetadataValue.float(float(len(whole))),
            "limit": dg.MetadataValue.float(0.0),
            **({"runbook": what_to_do(NOT_PAUSED)} if pauses else {}),
        },
    )


def describe_pause(contract: Contract, pause: Pause) -> str:
    """Tell what is paused since when, until when, by whom and why, and who may restart."""
    what = pause.destination or contract.name
    return f"{what}: {pause.told_in(contract.name, contract.monitoring.restarted_by)}"
