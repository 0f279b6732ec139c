"""Read the pauses in force: for the gates, and inside the transaction that allows a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from activation_pipeline.evidence import Pause
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

_OF_CONTRACT = (
    sa.select(t.pauses)
    .where(t.pauses.c.contract == sa.bindparam("contract"))
    .order_by(t.pauses.c.id)
)


def read_pauses(connection: Connection, contract: str, *, now: datetime) -> tuple[Pause, ...]:
    """List the pauses in force; the newest word on each destination counts."""
    rows = connection.execute(_OF_CONTRACT, {"contract": contract}).all()
    newest = {row.destination: row for row in rows}
    found = (
        Pause(
            contract=contract,
            destination=row.destination,
            by=row.by,
            reason=row.reason,
            since=moment(row.at),
            until=moment(row.until) if row.until else None,
        )
        for row in newest.values()
        if row.paused
    )
    return tuple(pause for pause in found if pause.until is None or now < pause.until)
