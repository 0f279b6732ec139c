"""The nine ways in which somebody, or something, may start a sync.

Each takes a company and tells whether the attempt ended green. None of them asks whether it
may: that is what is tested.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from tiny_company import NAME

from activation_pipeline.definitions import build_defs

if TYPE_CHECKING:
    from collections.abc import Callable

    from yards import Yard

SYNC = dg.AssetKey([NAME, "sync_salesforce"])
SCORE = dg.AssetKey([NAME, "score"])
_TIMEOUT_S = 90


def whole_job(yard: Yard) -> bool:
    return yard.run().success


def sync_alone(yard: Yard) -> bool:
    return yard.run(asset_selection={SYNC}).success


def sync_alone_without_checks(yard: Yard) -> bool:
    return yard.run(asset_selection={SYNC}, asset_check_selection=set()).success


def source_and_sync_without_checks(yard: Yard) -> bool:
    return yard.run(asset_selection={SCORE, SYNC}, asset_check_selection=set()).success


def step_selection(yard: Yard) -> bool:
    job = yard.job().get_subset(op_selection=[SYNC.to_python_identifier()])
    return job.execute_in_process(instance=yard.instance, raise_on_error=False).success


def the_job() -> dg.JobDefinition:
    """Make the job anew, as a re-execution in another process does."""
    return build_defs().resolve_job_def(NAME)


def re_execution_from_failure(yard: Yard) -> bool:
    """Fail before the sync, give every signature that anybody may give, go on from there."""
    job = dg.reconstructable(the_job)
    keys = [SCORE, SYNC]
    with dg.execute_job(job, yard.instance, asset_selection=keys) as first:
        assert not first.success
        failed = first.run_id
    yard.sign()
    options = dg.ReexecutionOptions.from_failure(failed, yard.instance)
    with dg.execute_job(job, yard.instance, reexecution_options=options) as again:
        return again.success


def command_line(yard: Yard) -> bool:
    return _green(yard, "activation", "sync", NAME, refused=3)


def dagster_asset_materialize(yard: Yard) -> bool:
    module = ("-m", "activation_pipeline.definitions")
    select = ("--select", SYNC.to_user_string())
    return _green(yard, "dagster", "asset", "materialize", *select, *module, refused=1)


def schedule_tick(yard: Yard) -> bool:
    schedule = yard.defs.resolve_schedule_def(f"{NAME}_schedule")
    at = datetime.now(UTC)
    with dg.build_schedule_context(yard.instance, scheduled_execution_time=at) as context:
        requests = schedule.evaluate_tick(context).run_requests
    assert len(requests) == 1
    job = yard.defs.resolve_job_def(schedule.job_name)
    done = job.execute_in_process(
        instance=yard.instance, tags=dict(requests[0].tags), raise_on_error=False
    )
    return done.success


def _green(yard: Yard, command: str, *arguments: str, refused: int) -> bool:
    """Run a command of this environment; it ends with 0, or with the code of a refusal."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(command)), *arguments],
        cwd=yard.folder,
        env=os.environ | yard.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
        # Dagster turns SIGTERM into SIGINT, which a child of a script inherits as ignored.
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    told = done.stdout + done.stderr
    assert done.returncode in (0, refused), told[-3000:]
    # An accident has the same exit code as a refusal with some commands, but not its words.
    assert done.returncode == 0 or "not delivered" in told, told[-3000:]
    return done.returncode == 0


WAYS: tuple[Callable[[Yard], bool], ...] = (
    whole_job,
    sync_alone,
    sync_alone_without_checks,
    source_and_sync_without_checks,
    step_selection,
    re_execution_from_failure,
    command_line,
    dagster_asset_materialize,
    schedule_tick,
)
