"""Make ready to undo a plan in one destination: what it takes now, and by which rules.

An undo writes the fields that the plan wrote, whatever the contract maps today, and only records
that exist. Nothing is compared or sent here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from activation_pipeline.contract import MappedField
from activation_pipeline.errors import PermanentError, RefusedError
from activation_pipeline.rollback.rejoining import barring
from activation_pipeline.rollback.restoration import Rules
from activation_pipeline.rollback.undoing import Desk, part_types
from activation_pipeline.runtime import target
from activation_pipeline.snapshots import verify_content

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import DestinationClient, Target
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
    types = part_types(part)
    client = runtime.client(contract, destination)
    broken = _refused(client, target(undoing_contract(contract, destination, types), destination))
    writable = [name for name in types if name not in broken]
    where = target(undoing_contract(contract, destination, writable), destination)
    emptied = {n: m.model_copy(update={"on_null": "clear"}) for n, m in where.fields.items()}
    needed = _refused(client, replace(where, fields=emptied)) if emptied else frozenset()
    files = folder / "plan"
    files.mkdir()
    mapping = contract.destinations[destination]
    items = mapping.behavior == "mirror"
    barred = barring(contract, destination, runtime, part, incident=incident, returning=returning)
    rules = Rules(
        kind="members" if mapping.list is not None else "items" if items else "records",
        types=types,
        contract=contract.monitoring.rollback,
        broken=broken & types.keys(),
        needed=needed,
        as_read=lambda values: client.as_read(where, values),
        barred=barred,
    )
    return Desk(runtime, plan, destination, client, where, files), rules


def _refused(client: DestinationClient, where: Target) -> frozenset[str]:
    """Name the fields that the destination does not take so.

    Raises:
        PermanentError: it does not take the object, or the list, at all.
    """
    faults = client.check(where)
    for fault in faults:
        if fault.path in {"object", "list"}:
            raise PermanentError(f"{client.kind}: {fault.path} {fault.message}; undo it by hand")
    return frozenset(fault.path.removeprefix("fields.") for fault in faults)


def undoing_contract(contract: Contract, destination: str, fields: Iterable[str]) -> Contract:
    """Give the contract as an undo needs it: it writes these fields of records that exist.

    Nothing limits which values may stand there, since they stood there before; a field that the
    contract has given up is still put back.
    """
    mapping = contract.destinations[destination]
    free = {"allowed": None, "on_null": "preserve"}
    known = mapping.fields
    undone = mapping.model_copy(
        update={
            "fields": {
                name: (known[name] if name in known else MappedField(column=name)).model_copy(
                    update=free
                )
                for name in fields
            },
            "behavior": mapping.behavior if mapping.behavior == "mirror" else "update_only",
        }
    )
    return contract.model_copy(
        update={
            "destinations": {**contract.destinations, destination: undone},
            "launch": contract.launch.model_copy(update={"caveats": None}),
        }
    )
