"""Pause rules by themselves: a sensor that judges every contract, and the job that undoes.

The sensor looks at the ledger only and pauses there at once, while a warehouse is locked or a
destination is down. What ``on_pause: restore_previous`` undoes needs the destination, so a job's
step does it; a step that failed is asked for again, at growing intervals, and the pause stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from activation_pipeline.errors import ActivationError, ContractError
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import RESTORE_JOB
from activation_pipeline.orchestration.pauses import report_pauses
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)
from activation_pipeline.pause_rules import pause_by_rules, restore, undos_due

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime

EVERY_S = 30
_TAG = "activation/restoring"
_AN_INSTANT = timedelta(seconds=1)
# A destination may be down all night, and each try is a run on somebody's page.
_LONGEST_WAIT = timedelta(hours=1)


def rule_definitions(
    contracts: Mapping[str, Contract], *, clock: Callable[[], datetime]
) -> dg.Definitions:
    """Make the sensor ``pause_rules`` and the job ``restore_previous`` for these contracts."""
    if not contracts:
        return dg.Definitions()
    job, sensor = _restore_job(contracts, clock=clock), _rule_sensor(contracts, clock=clock)
    return dg.Definitions(jobs=[job], sensors=[sensor])


def _restore_job(contracts: Collection[str], *, clock: Callable[[], datetime]) -> dg.JobDefinition:
    choice = dg.Enum("ContractToRestore", [dg.EnumValue(name) for name in sorted(contracts)])
    chosen = {"contract": dg.Field(choice, description="Which contract.")}

    @dg.op(name="restore", config_schema=chosen)
    def undo(activation: ActivationResource) -> None:
        _restore(activation, clock=clock)

    @dg.job(
        name=RESTORE_JOB,
        description="Undo what a pause rule says is at fault, where the contract asks for it.",
    )
    def job() -> None:
        undo()

    return job


def _restore(activation: ActivationResource, *, clock: Callable[[], datetime]) -> None:
    context = dg.OpExecutionContext.get()
    name = context.op_config["contract"]
    with told_to_dagster(name), activation.opened() as runtime:
        contract = activation.contract(name, today=clock().date())
        found = restore(contract, runtime, clock=clock)
        for each in found.done:
            context.log.info(each.headline)
        report_pauses(context.instance, contract, runtime.ledger.pauses(name, now=clock()))
        if found.failed:
            raise found.failed[0]
    context.add_output_metadata({each.destination: each.tally.counts for each in found.done})
    short = [each for each in found.done if not each.is_whole]
    if short:
        raise dg.Failure(
            description="; ".join(each.headline for each in short), allow_retries=False
        )


def _rule_sensor(
    contracts: Mapping[str, Contract], *, clock: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        name="pause_rules",
        job_name=RESTORE_JOB,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Pauses a contract that breaks a limit of its monitoring.pause_when.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, activation: ActivationResource
    ) -> dg.SensorResult:
        look = _Look(context.instance, activation, clock())
        try:
            with activation.opened() as runtime:
                for contract in contracts.values():
                    look.judge(contract, runtime)
        except (ActivationError, SQLAlchemyError) as error:
            look.faults.append(f"the ledger could not be opened: {_told(error)}")
        for fault in look.faults:
            context.log.warning(fault)
        told = "; ".join([*look.paused, *look.faults]) or "every limit holds, or pauses already"
        if look.requests:
            context.log.info(told)
        return dg.SensorResult(
            run_requests=look.requests, skip_reason=None if look.requests else told
        )

    return sensor


def _told(error: Exception) -> str:
    # The database's own words may quote what was written.
    return str(error) if isinstance(error, ActivationError) else type(error).__name__


@dataclass
class _Look:
    """One look at every contract; the fault of one keeps no other from being judged."""

    instance: dg.DagsterInstance
    activation: ActivationResource
    now: datetime
    requests: list[dg.RunRequest] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def judge(self, loaded: Contract, runtime: Runtime) -> None:
        """Pause what breaks a limit, show it at once, and ask for what is to be undone."""
        try:
            contract = self._as_it_is(loaded)
            found = pause_by_rules(contract, runtime, now=self.now)
            if found.written:
                in_force = runtime.ledger.pauses(contract.name, now=self.now)
                report_pauses(self.instance, contract, in_force)
                rules = [pause.reason.partition(":")[0] for pause in found.written]
                self.paused.append(f"{contract.name}: paused by {', '.join(rules)}")
            undos = undos_due(contract, runtime, now=self.now)
        except (ActivationError, SQLAlchemyError) as error:
            self.faults.append(f"{loaded.name}: not judged: {_told(error)}")
            return
        if undos:
            self._ask(contract.name, min(undo.since for undo in undos))

    def _as_it_is(self, loaded: Contract) -> Contract:
        """Read the contract as its file is now; one that was just broken is judged as it was."""
        try:
            return self.activation.contract(loaded.name, today=self.now.date())
        except ContractError as error:
            problems = len(error.problems)
            self.faults.append(
                f"{loaded.name}: its file has {problems} problems now; judged as it was loaded; "
                f"run activation validate"
            )
            return loaded

    def _ask(self, name: str, since: datetime) -> None:
        """Ask for an undo, unless one is at work or has failed a moment ago."""
        mark = f"{name}@{since:%Y%m%dT%H%M%S.%f}"
        earlier = self.instance.get_run_records(dg.RunsFilter(tags={_TAG: mark}))
        if earlier:
            newest = earlier[0]
            ended = newest.end_time
            if not newest.dagster_run.is_finished:
                return
            at = datetime.fromtimestamp(ended, UTC) if ended else newest.update_timestamp
            if self.now < at.astimezone(UTC) + wait(len(earlier)):
                return
        self.requests.append(
            dg.RunRequest(
                run_key=f"{mark}#{len(earlier)}",
                run_config={"ops": {"restore": {"config": {"contract": name}}}},
                tags={_TAG: mark, "activation/contract": name},
            )
        )


def wait(tries: int) -> timedelta:
    """Say how long to wait after so many undos that failed: at first until the next look."""
    seconds = EVERY_S << min(tries - 1, 10)
    return min(timedelta(seconds=seconds) - _AN_INSTANT, _LONGEST_WAIT)
