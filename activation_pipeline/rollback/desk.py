"""Make ready to undo a plan in one destination: what it takes now, and by which rules.

An undo writes the fields that the plan wrote, whatever the contract maps today, and only records
that exist. Nothing is compared or sent here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from activation_pipeline.amending.desk import reached
from activation_pipeline.amending.snapshot import part_types
from activation_pipeline.errors import RefusedError
from activation_pipeline.rollback.rejoining import barring
from activation_pipeline.rollback.restoration import Rules
from activation_pipeline.rollback.undoing import Desk
from activation_pipeline.snapshots import verify_content

if TYPE_CHECKING:
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime


def opened(
    contract: Contract,
    plan: Plan,
    destination: str,
    runtime: Runtime,
    folder: Path,
    *,
    incident: str,
    returning: str = "remove",
) -> tuple[Desk, Rules]:
    """Ask the destination what it takes now, and say by which rules a plan is undone.

    Args:
        contract: as it is now.
        plan: whose rows are looked at.
        destination: where.
        runtime: where everything is.
        folder: a workspace; the undo's files go into ``plan`` below it.
        incident: its class.
        returning: the operation of those rows whose undo would bring somebody back to a list.

    Raises:
        RefusedError: nobody knows what stood before: the snapshot is gone, or was changed.
        RetryableError, PermanentError: the destination does not answer, or its object is gone.
    """
    part = runtime.snapshots.part(contract.name, plan.id, destination)
    if not part.is_file():
        raise RefusedError(
            f"{contract.name}: plan {plan.id} has no snapshot under ACTIVATION_HOME, so nobody "
            "knows what stood before; undo it by hand",
            clause="plan",
        )
    verify_content(part, plan.part(destination).content)
    types = part_types(pq.read_schema(part))
    place = reached(contract, destination, runtime, types, types)
    files = folder / "plan"
    files.mkdir()
    barred = barring(contract, destination, runtime, part, incident=incident, returning=returning)
    rules = Rules(**vars(place.reach), contract=contract.monitoring.rollback, barred=barred)
    return Desk(runtime, plan, destination, place, files), rules
