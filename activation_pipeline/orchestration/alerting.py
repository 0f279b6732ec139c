"""Alerts: a sensor that notes what changed, and a job that tells it to whom the contracts name.

The sensor only reads files and the ledger. What needs the network is the job's, because a channel
that does not answer would keep the sensors behind it waiting, and they pause things.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from activation_pipeline import alerts
from activation_pipeline.alerts.message import title
from activation_pipeline.board import ContractsFolder
from activation_pipeline.errors import ActivationError
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.naming import ALERT_JOB
from activation_pipeline.orchestration.reporting import what_to_do
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.runtime import Runtime
    from activation_pipeline.settings import Settings
    from activation_pipeline.transition import Transition

_EVERY_S = 15
_AGAIN = timedelta(minutes=10)


@dataclass
class _Watcher:
    """Notes what changed; the contract files are checked again only after they changed."""

    clock: Callable[[], datetime]
    _folders: dict[tuple[Path, Path], ContractsFolder] = field(default_factory=dict)

    def notice(
        self, settings: Settings, runtime: Runtime
    ) -> tuple[list[Transition], dict[str, str]]:
        """Note every contract's changes; gives them, and what kept a contract from being asked."""
        where = (settings.contracts, settings.manifest)
        if where not in self._folders:
            self._folders[where] = ContractsFolder(*where, self.clock)
        found: list[Transition] = []
        failed: dict[str, str] = {}
        for name, checked in self._folders[where].read().items():
            try:
                found += alerts.notice(name, checked, runtime, now=self.clock())
            except ActivationError as error:
                failed[name] = str(error)
            except SQLAlchemyError as error:
                failed[name] = f"{name}: the ledger does not answer ({type(error).__name__})"
        return found, failed


def alert_definitions(*, clock: Callable[[], datetime]) -> dg.Definitions:
    """Make the sensor ``alerts`` and the job ``send_alerts``."""
    watcher = _Watcher(clock)

    @dg.op(name="tell")
    def tell(activation: ActivationResource) -> None:
        _tell(activation, clock=clock)

    @dg.job(name=ALERT_JOB, description="Send the alerts that wait, to every channel that is due.")
    def send_alerts() -> None:
        tell()

    @dg.sensor(
        name="alerts",
        job_name=ALERT_JOB,
        minimum_interval_seconds=_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notes every change in how a contract stands, once, and has it told.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, activation: ActivationResource
    ) -> dg.RunRequest | dg.SkipReason:
        try:
            settings = activation.settings()
            with activation.opened() as runtime:
                found, failed = watcher.notice(settings, runtime)
                key, silent = _waiting(settings, runtime, now=clock())
        except ActivationError as error:
            return dg.SkipReason(f"not looked: {error}")
        except SQLAlchemyError as error:
            return dg.SkipReason(f"not looked: the ledger does not answer ({type(error).__name__})")
        for each in found:
            context.log.info(title(each))
        for problem in failed.values():
            context.log.warning(problem)
        if key is not None:
            return dg.RunRequest(run_key=key)
        told = "; ".join([*map(title, found), *failed.values(), *silent])
        return dg.SkipReason(told or "nothing changed, and nothing waits to be told")

    return dg.Definitions(jobs=[send_alerts], sensors=[sensor])


def _waiting(
    settings: Settings, runtime: Runtime, *, now: datetime
) -> tuple[str | None, list[str]]:
    """Name what is due by its notices, channels and tries, so that one run is asked for once.

    A run that never came is asked for again some minutes later. And the roles for which something
    waits that have no address.
    """
    channels = alerts.read_channels(settings.environment)
    due = [
        (
            notice.id,
            channel.name,
            len(notice.tries(channel.name)),
            (now - notice.transition.at) // _AGAIN,
        )
        for notice, channel in alerts.due(runtime, channels, now=now)
    ]
    waiting = alerts.told(runtime, channels, now=now).without_address
    silent = [
        f"{role} has no address, {count} wait; set {alerts.PREFIX}{role.upper()}"
        for role, count in waiting.items()
    ]
    return hashlib.sha256(repr(due).encode()).hexdigest()[:16] if due else None, silent


def _tell(activation: ActivationResource, *, clock: Callable[[], datetime]) -> None:
    context = dg.OpExecutionContext.get()
    settings = activation.settings()
    with told_to_dagster("alerts"), activation.opened() as runtime:
        done = alerts.tell(
            runtime,
            alerts.read_channels(settings.environment),
            alerts.read_links(settings.environment),
            clock=clock,
        )
    context.add_output_metadata({"sent": done.sent, "failing": len(done.failing)})
    if done.failing:
        told = "; ".join(
            f"alerts: {each.role}: {each.channel} fails ({each.message}), {each.waiting} wait"
            for each in done.failing
        )
        # The sensor asks again when its turn comes; a retry at once would only find it down.
        raise dg.Failure(
            description=told, metadata={"runbook": what_to_do("alert_channel")}, allow_retries=False
        )
