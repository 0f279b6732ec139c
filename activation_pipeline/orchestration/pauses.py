"""Two jobs for whoever is on call: pause a contract, or one of its destinations, and resume.

Both write the ledger, which the syncs obey wherever they are started from, and then report the
``not_paused`` check at once, so that the page is red before anything runs again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from activation_pipeline import pausing
from activation_pipeline.orchestration.checks import pause_result
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import PAUSE_JOB, RESUME_JOB, activated_key
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Pause
    from activation_pipeline.runtime import Runtime


def pause_jobs(
    contracts: Mapping[str, Contract], *, clock: Callable[[], datetime]
) -> list[dg.JobDefinition]:
    """Make the jobs ``pause_contract`` and ``resume_contract`` for these contracts."""
    choice = dg.Enum("ContractName", [dg.EnumValue(name) for name in sorted(contracts)])
    shared = {
        "contract": dg.Field(choice, description="Which contract."),
        "destination": dg.Field(
            str, is_required=False, description="One of its destinations; left out: all of them."
        ),
        "by": dg.Field(str, description="Who says so."),
    }
    why = {"reason": dg.Field(str, description="Why; whoever finds it paused reads this.")}
    restart = {
        "role": dg.Field(str, description="The role that restarts it: monitoring.restarted_by."),
        "reason": dg.Field(str, description="What was found and mended."),
    }
    hours = dg.Field(float, is_required=False, description="Ends by itself after so many hours.")

    @dg.op(name="pause", config_schema={**shared, **why, "hours": hours})
    def pause(activation: ActivationResource) -> None:
        _record(activation, contracts, _stop, clock=clock)

    @dg.op(name="resume", config_schema={**shared, **restart})
    def resume(activation: ActivationResource) -> None:
        _record(activation, contracts, _restart, clock=clock)

    @dg.job(name=PAUSE_JOB, description="Stop a contract's syncs until somebody resumes them.")
    def pause_job() -> None:
        pause()

    @dg.job(name=RESUME_JOB, description="Let a paused contract's syncs run again.")
    def resume_job() -> None:
        resume()

    return [pause_job, resume_job]


def _record(
    activation: ActivationResource,
    contracts: Mapping[str, Contract],
    speak: Callable[[Contract, Runtime, dict[str, Any], datetime], tuple[Pause, ...]],
    *,
    clock: Callable[[], datetime],
) -> None:
    context = dg.OpExecutionContext.get()
    asked: dict[str, Any] = context.op_config
    contract = contracts[asked["contract"]]
    destination = asked.get("destination")
    if destination is not None and destination not in contract.destinations:
        raise dg.Failure(
            description=f"{contract.name}: no destination of this name; one of "
            f"{', '.join(contract.destinations)}",
            allow_retries=False,
        )
    with told_to_dagster(contract.name, destination), activation.opened() as runtime:
        in_force = speak(contract, runtime, asked, clock())
    report_pauses(context.instance, contract, in_force)


def _stop(
    contract: Contract, runtime: Runtime, asked: dict[str, Any], now: datetime
) -> tuple[Pause, ...]:
    hours = asked.get("hours")
    if hours is not None and not hours > 0:
        raise dg.Failure(
            description=f"{contract.name}: hours: {hours:g} is over already, at least a moment is "
            "needed; leave it out to pause until somebody resumes",
            allow_retries=False,
        )
    return pausing.pause(
        contract.name,
        asked.get("destination"),
        runtime,
        by=asked["by"],
        reason=asked["reason"],
        until=now + timedelta(hours=hours) if hours is not None else None,
        now=now,
        contract=contract,
    )


def _restart(
    contract: Contract, runtime: Runtime, asked: dict[str, Any], now: datetime
) -> tuple[Pause, ...]:
    done = pausing.resume(
        contract,
        asked.get("destination"),
        runtime,
        role=asked["role"],
        by=asked["by"],
        reason=asked["reason"],
        now=now,
    )
    return done.left


def report_pauses(
    instance: dg.DagsterInstance, contract: Contract, pauses: tuple[Pause, ...]
) -> None:
    """Show the pauses in force on the ``not_paused`` check, without a run."""
    key = activated_key(contract)
    result = pause_result(contract, key, pauses)
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=str(result.check_name),
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata=result.metadata,
        )
    )
