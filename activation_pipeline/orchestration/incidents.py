"""Two jobs for an incident: undo what a contract delivered, and keep what it delivered as it is.

Both are the commands of the same names, for whoever has Dagster's page and no terminal. They
take no part in a contract's own runs: gates and pauses do not stop an undo.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from activation_pipeline.errors import ActivationError
from activation_pipeline.freeze import freeze
from activation_pipeline.incident import CLASSES
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import FREEZE_JOB, ROLLBACK_JOB
from activation_pipeline.orchestration.pauses import report_pauses
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)
from activation_pipeline.rollback import Request, rollback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.rollback.report import RolledBack


def incident_jobs(
    contracts: Mapping[str, Contract], *, clock: Callable[[], datetime]
) -> list[dg.JobDefinition]:
    """Make the jobs ``rollback_contract`` and ``freeze_contract`` for these contracts."""
    shared = {
        "contract": dg.Field(
            dg.Enum("ContractInTrouble", [dg.EnumValue(name) for name in sorted(contracts)]),
            description="Which contract.",
        ),
        "destination": dg.Field(
            str, is_required=False, description="One of its destinations; left out: all of them."
        ),
        "by": dg.Field(str, description="Who says so."),
        "reason": dg.Field(str, description="Why; whoever finds it paused reads this."),
        "incident_class": dg.Field(
            dg.Enum("IncidentClass", [dg.EnumValue(name) for name in CLASSES]),
            description="What went wrong.",
        ),
    }
    plan = dg.Field(
        str, is_required=False, description="Undo this plan; left out: what was delivered last."
    )
    dry = dg.Field(bool, default_value=False, description="Only say what would happen.")

    @dg.op(name="rollback", config_schema={**shared, "plan": plan, "dry_run": dry})
    def undo(activation: ActivationResource) -> None:
        _undo(activation, clock=clock)

    @dg.op(name="freeze", config_schema=shared)
    def keep(activation: ActivationResource) -> None:
        _freeze(activation, clock=clock)

    @dg.job(name=ROLLBACK_JOB, description="Put back what stood before, where ours still stands.")
    def rollback_job() -> None:
        undo()

    @dg.job(name=FREEZE_JOB, description="Keep an audience as it is until somebody resumes it.")
    def freeze_job() -> None:
        keep()

    return [rollback_job, freeze_job]


def _chosen(contract: Contract, asked: Mapping[str, Any]) -> str | None:
    destination = asked.get("destination")
    if destination is not None and destination not in contract.destinations:
        raise dg.Failure(
            description=f"{contract.name}: no destination of this name; one of "
            f"{', '.join(contract.destinations)}",
            allow_retries=False,
        )
    return destination


def _undo(activation: ActivationResource, *, clock: Callable[[], datetime]) -> None:
    """Undo in every destination; one that fails does not keep the others from being undone."""
    context = dg.OpExecutionContext.get()
    asked: dict[str, Any] = context.op_config
    name = asked["contract"]
    request = Request(
        by=asked["by"],
        reason=asked["reason"],
        incident_class=asked["incident_class"],
        plan=asked.get("plan"),
        dry_run=asked["dry_run"],
    )
    done: list[RolledBack] = []
    failed: list[ActivationError] = []
    with told_to_dagster(name), activation.opened() as runtime:
        contract = activation.contract(name, today=clock().date())
        destination = _chosen(contract, asked)
        for each in [destination] if destination else contract.destinations:
            try:
                done.append(rollback(contract, each, runtime, request, clock=clock))
                context.log.info(done[-1].headline)
            except ActivationError as error:
                failed.append(error)
        pauses = runtime.ledger.pauses(name, now=clock())
        if not request.dry_run:
            report_pauses(context.instance, contract, pauses)
        if failed:
            raise failed[0]
    context.add_output_metadata({each.destination: each.tally.counts for each in done})
    short = [each for each in done if not each.is_whole]
    if short:
        raise dg.Failure(
            description="; ".join(each.headline for each in short), allow_retries=False
        )


def _freeze(activation: ActivationResource, *, clock: Callable[[], datetime]) -> None:
    context = dg.OpExecutionContext.get()
    asked: dict[str, Any] = context.op_config
    name, now = asked["contract"], clock()
    with told_to_dagster(name), activation.opened() as runtime:
        contract = activation.contract(name, today=now.date())
        incident = freeze(
            contract,
            _chosen(contract, asked),
            runtime,
            by=asked["by"],
            reason=asked["reason"],
            incident_class=asked["incident_class"],
            now=now,
        )
        pauses = runtime.ledger.pauses(name, now=now)
    context.log.info(incident.told)
    report_pauses(context.instance, contract, pauses)
