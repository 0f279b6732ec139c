"""Expiry by itself: a sensor that asks what is over, and the job that takes it away.

The sensor reads the ledger and snapshots, so it works while the source, dbt, the warehouse or a
destination is gone; only when one of them has moved, or a moment has come, it reads more than a few
rows. The job is also for people.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from activation_pipeline.errors import ActivationError
from activation_pipeline.expire import expire
from activation_pipeline.expiry.watching import Seen, watch
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import EXPIRE_JOB
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.expire.report import Expired
    from activation_pipeline.runtime import Runtime

_EVERY_S = 60


def expiry_definitions(
    contracts: Collection[str], *, clock: Callable[[], datetime]
) -> dg.Definitions:
    """Make the job and the sensor for these contracts; without any there is neither."""
    if not contracts:
        return dg.Definitions()
    return dg.Definitions(
        jobs=[expiry_job(contracts, clock=clock)], sensors=[expiry_sensor(contracts, clock=clock)]
    )


def expiry_job(contracts: Collection[str], *, clock: Callable[[], datetime]) -> dg.JobDefinition:
    """Make the job ``expire_contract`` for these contracts."""
    choice = dg.Enum("ContractToExpire", [dg.EnumValue(name) for name in sorted(contracts)])

    @dg.op(
        name="expire",
        config_schema={
            "contract": dg.Field(choice, description="Which contract."),
            "destination": dg.Field(
                str, is_required=False, description="One of its destinations; left out: all."
            ),
            "again": dg.Field(
                bool, default_value=False, description="Look again at what was left or refused."
            ),
            "dry_run": dg.Field(
                bool, default_value=False, description="Only say what would happen."
            ),
        },
    )
    def end(activation: ActivationResource) -> None:
        _expire(activation, clock=clock)

    @dg.job(
        name=EXPIRE_JOB,
        description="Take away what was not refreshed for expire_after, where it is still ours.",
    )
    def job() -> None:
        end()

    return job


def _expire(activation: ActivationResource, *, clock: Callable[[], datetime]) -> None:
    """Expire in every destination; one that fails does not keep the others."""
    context = dg.OpExecutionContext.get()
    asked: dict[str, Any] = context.op_config
    name, options = asked["contract"], {each: asked[each] for each in ("again", "dry_run")}
    done: list[Expired] = []
    failed: list[ActivationError] = []
    with told_to_dagster(name), activation.opened() as runtime:
        contract = activation.contract(name, today=clock().date())
        chosen = asked.get("destination")
        if chosen is not None and chosen not in contract.destinations:
            known = ", ".join(contract.destinations)
            raise dg.Failure(
                description=f"{name}: no destination of this name; one of {known}",
                allow_retries=False,
            )
        for each in [chosen] if chosen else contract.destinations:
            try:
                done.append(expire(contract, each, runtime, clock=clock, **options))
                context.log.info(done[-1].headline)
            except ActivationError as error:
                failed.append(error)
        if failed:
            raise failed[0]
    context.add_output_metadata({each.destination: each.tally.counts for each in done})
    short = [each for each in done if not each.is_whole]
    if short:
        raise dg.Failure(
            description="; ".join(each.headline for each in short), allow_retries=False
        )


def expiry_sensor(
    contracts: Collection[str], *, clock: Callable[[], datetime]
) -> dg.SensorDefinition:
    """Make the sensor ``expiry``, which runs as soon as the definitions are loaded."""

    @dg.sensor(
        name="expiry",
        # By name: a sensor with the job itself is made again when resources are bound, with a
        # parameter that Dagster calls beta.
        job_name=EXPIRE_JOB,
        minimum_interval_seconds=_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for expire_contract once something is over that nobody dealt with.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, activation: ActivationResource
    ) -> dg.SensorResult:
        tick = _Tick(activation, clock(), json.loads(context.cursor or "{}"))
        try:
            with activation.opened() as runtime:
                for name in contracts:
                    tick.look(name, runtime)
        except ActivationError as error:
            tick.faults.append(str(error))
        for fault in tick.faults:
            context.log.warning(fault)
        told = "; ".join(tick.faults) or "nothing is over that nobody dealt with"
        return dg.SensorResult(
            run_requests=tick.requests,
            cursor=json.dumps(tick.known),
            skip_reason=None if tick.requests else told,
        )

    return sensor


@dataclass
class _Tick:
    """One look at every contract; ``known`` goes from look to look, by contract and destination."""

    activation: ActivationResource
    now: datetime
    known: dict[str, dict[str, Any]]
    requests: list[dg.RunRequest] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def look(self, name: str, runtime: Runtime) -> None:
        """Ask for what is over; a file that is no contract now keeps nobody else waiting."""
        try:
            contract = self.activation.contract(name, today=self.now.date())
            for destination in contract.destinations:
                self._ask(contract, destination, runtime)
        except ActivationError as error:
            self.faults.append(str(error))

    def _ask(self, contract: Contract, destination: str, runtime: Runtime) -> None:
        place = f"{contract.name}:{destination}"
        known = Seen(**self.known[place]) if place in self.known else None
        seen, request = watch(contract, destination, runtime, known, now=self.now)
        self.known[place] = asdict(seen)
        if request is not None:
            asked = {"contract": contract.name, "destination": destination}
            self.requests.append(
                dg.RunRequest(
                    run_key=request,
                    run_config={"ops": {"expire": {"config": asked}}},
                    tags={"activation/contract": contract.name},
                )
            )
