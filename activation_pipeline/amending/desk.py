"""Reach a destination to change again what it holds from us: what it takes now, what is there.

Only the fields that are named are written, whatever the contract maps, and only records that
exist. Values are judged elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from activation_pipeline.accounts import check_account
from activation_pipeline.amending.ours import Reach, is_overtaken
from activation_pipeline.contract import MappedField
from activation_pipeline.destinations import Address
from activation_pipeline.errors import PermanentError
from activation_pipeline.python_values import python_rows
from activation_pipeline.runtime import target
from activation_pipeline.sending import Sending, send_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import DestinationClient, LiveRecord, Target
    from activation_pipeline.evidence import Pause
    from activation_pipeline.plan import Plan
    from activation_pipeline.report import Report
    from activation_pipeline.runtime import Runtime

# A list is read page by page from its beginning, so its members are asked for in few goes.
_RECORDS, _MEMBERS = 2_000, 50_000


@dataclass(frozen=True)
class Place:
    """One destination as it can be reached now: its client, what is written there, and how."""

    client: DestinationClient
    target: Target
    reach: Reach

    def look_up(
        self, rows: Sequence[Mapping[str, Any]], fields: Iterable[str]
    ) -> Sequence[LiveRecord]:
        """Read the rows' records as they are now, in their order.

        Raises:
            RetryableError, PermanentError: the destination does not answer.
        """
        addresses = [Address(r["key"], r["destination_id"], r["destination_key"]) for r in rows]
        return self.client.read(self.target, addresses, sorted(fields)) if addresses else ()

    def pieces(self, path: Path) -> Iterator[list[dict[str, Any]]]:
        """Read a file's rows, as many at once as are well looked up together."""
        size = _RECORDS if self.target.list is None else _MEMBERS
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=size):
                yield python_rows(batch)


def reached(
    contract: Contract,
    destination: str,
    runtime: Runtime,
    types: Mapping[str, pa.DataType],
    fields: Iterable[str],
) -> Place:
    """Ask the destination what of some fields it still takes.

    Args:
        contract: as it is now.
        destination: where.
        runtime: where everything is.
        types: of every field that rows will have.
        fields: those of them that may be written.

    Raises:
        RetryableError, PermanentError: the destination does not answer, or its object is gone.
        RefusedError: it is another account than the one that was delivered to.
    """
    check_account(contract, destination, runtime)
    client = runtime.client(contract, destination)
    wanted = list(fields)
    broken = _refused(client, target(amending_contract(contract, destination, wanted), destination))
    writable = [name for name in wanted if name not in broken]
    where = target(amending_contract(contract, destination, writable), destination)
    emptied = {n: m.model_copy(update={"on_null": "clear"}) for n, m in where.fields.items()}
    needed = _refused(client, replace(where, fields=emptied)) if emptied else frozenset()
    mapping = contract.destinations[destination]
    items = mapping.behavior == "mirror"
    reach = Reach(
        kind="members" if mapping.list is not None else "items" if items else "records",
        types=types,
        broken=broken & types.keys(),
        needed=needed,
        as_read=lambda values: client.as_read(where, values),
    )
    return Place(client, where, reach)


def _refused(client: DestinationClient, where: Target) -> frozenset[str]:
    """Name the fields that the destination does not take so.

    Raises:
        PermanentError: it does not take the object, or the list, at all.
    """
    faults = client.check(where)
    for fault in faults:
        if fault.path in {"object", "list"}:
            raise PermanentError(f"{client.kind}: {fault.path} {fault.message}; do it by hand")
    return frozenset(fault.path.removeprefix("fields.") for fault in faults)


def amending_contract(contract: Contract, destination: str, fields: Iterable[str]) -> Contract:
    """Give the contract as an amendment needs it: it writes these fields of records that exist.

    Nothing limits which values may stand there; a field that the contract has given up is still
    written.
    """
    mapping = contract.destinations[destination]
    free = {"allowed": None, "on_null": "preserve"}
    known = mapping.fields
    amended = mapping.model_copy(
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
            "destinations": {**contract.destinations, destination: amended},
            "launch": contract.launch.model_copy(update={"caveats": None}),
        }
    )


def overtaken(
    place: Place,
    part: Path,
    waiting: Sequence[tuple[int, int]],
    *,
    barred: Callable[[Mapping[str, Any]], str | None],
    changed: str,
) -> dict[tuple[str, str], str]:
    """Say which waiting rows of an interrupted amendment must not be written any more, and why.

    Args:
        place: where.
        part: the amendment's own snapshot.
        waiting: its rows without a result.
        barred: says of a row why it may not be written now; None: it may.
        changed: the reason where somebody changed the record since.
    """
    reach = place.reach
    held: dict[tuple[str, str], str] = {}
    at = 0
    for piece in place.pieces(part):
        rows = [
            row
            for number, row in enumerate(piece, start=at)
            if any(first <= number < last for first, last in waiting)
        ]
        at += len(piece)
        live = place.look_up(rows, set(reach.types) & set(place.target.fields))
        for row, record in zip(rows, live, strict=True):
            why = barred(row)
            if why is None and is_overtaken(reach, row, record):
                why = changed
            if why is not None:
                held[row["key"], row["destination_id"]] = why
    return held


def send_amendment(
    contract: Contract,
    plan: Plan,
    place: Place,
    runtime: Runtime,
    *,
    clock: Callable[[], datetime],
    held: Mapping[tuple[str, str], str],
    check: Callable[[tuple[Pause, ...]], None],
    after: int | None = None,
) -> Report:
    """Send an amendment's waiting rows; see ``Sending`` and ``send_part``."""
    (part,) = plan.parts
    return send_part(
        Sending(
            contract=amending_contract(contract, part.destination, place.target.fields),
            plan=plan,
            destination=part.destination,
            runtime=runtime,
            clock=clock,
            held=held,
            check=check,
            checks_allowed=False,
            after=after,
        )
    )
