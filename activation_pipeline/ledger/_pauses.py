"""Read the pauses in force: for the gates, and inside the transaction that allows a batch.

A pause holds until its contract and destination are resumed, or until its own end; a second
pause never shortens a first one. A contract that writes what a paused contract writes is held by
that pause too, so that a renamed file is no way round it. A word that the chain does not hold as it
is ends nothing, and holds like a pause until somebody resumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation_pipeline.evidence import Pause
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, written
from activation_pipeline.ledger._words import add_sealed, is_intact, with_links

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

Owned = tuple[str, str, str]

_OF_CONTRACT = with_links(t.pauses, t.pauses.c.contract == sa.bindparam("contract"))


def add_word(
    connection: Connection, pause: Pause, *, paused: bool, owned: Collection[Owned]
) -> int:
    """Add a pause or a resume, and what a pause holds; gives the row's id."""
    row = {
        "contract": pause.contract,
        "destination": pause.destination,
        "paused": paused,
        "by": pause.by,
        "reason": pause.reason,
        "until": written(pause.until) if pause.until else None,
        "at": written(pause.since),
    }
    found = add_sealed(connection, t.pauses, row)
    if owned:
        held = [
            {"pause": found, "kind": kind, "object": what, "field": field}
            for kind, what, field in sorted(owned)
        ]
        connection.execute(sa.insert(t.pause_fields), held)
    return found


def read_pauses(
    connection: Connection, contract: str, *, now: datetime, owned: Collection[Owned] = ()
) -> tuple[Pause, ...]:
    """List the pauses in force, oldest first.

    Args:
        connection: in a transaction.
        contract: whose.
        now: UTC.
        owned: what the contract writes; pauses of others that write the same are listed too.
    """
    rows = rows_in_force(connection, contract, now)
    if owned:
        rows += _of_others(connection, contract, owned, now)
    return tuple(as_pause(row) for row in rows)


def as_pause(row: Row[Any]) -> Pause:
    """Read a row of the pauses."""
    return Pause(
        contract=row.contract,
        destination=row.destination,
        by=row.by,
        reason=row.reason,
        since=moment(row.at),
        until=moment(row.until) if row.until else None,
    )


def rows_in_force(connection: Connection, contract: str, now: datetime) -> list[Row[Any]]:
    """List the rows of a contract's own pauses that are in force, oldest first."""
    rows = connection.execute(_OF_CONTRACT, {"contract": contract}).all()
    resumed: set[str | None] = set()
    found: dict[int, Row[Any]] = {}
    for row in reversed(rows):
        if row.destination in resumed or row.id in found:
            continue
        holds = row.paused and (row.until is None or now < moment(row.until))
        if holds or not is_intact(t.pauses, row):
            found[row.id] = row
        elif not row.paused:
            resumed.add(row.destination)
    return sorted(found.values(), key=lambda row: row.id)


def _of_others(
    connection: Connection, contract: str, owned: Collection[Owned], now: datetime
) -> list[Row[Any]]:
    f, p = t.pause_fields, t.pauses
    same = sa.tuple_(f.c.kind, f.c.object, f.c.field).in_(sorted(owned))
    query = (
        sa.select(p.c.id, p.c.contract)
        .join(f, f.c.pause == p.c.id)
        .where(p.c.contract != contract, same)
        .distinct()
    )
    holding = {row.id: row.contract for row in connection.execute(query)}
    return [
        row
        for other in sorted(set(holding.values()))
        for row in rows_in_force(connection, other, now)
        if row.id in holding
    ]
