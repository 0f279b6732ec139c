"""Who may send: one process at a time for each contract and destination.

Every function works inside the caller's transaction. Whether a holder still lives is the
caller's to tell; how long a delivery keeps its lease is the delivery's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from activation_pipeline.errors import RefusedError
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from activation_pipeline.ledger.records import Attempt

# Built once: SQLAlchemy spends more time on composing a statement than SQLite on running it.
_RENEW = (
    sa.update(t.leases)
    .where(t.leases.c.delivery == sa.bindparam("of"))
    .values(renewed_at=sa.bindparam("at"))
)


def clear_dead_lease(
    connection: Connection,
    contract: str,
    destination: str,
    *,
    is_gone: Callable[[str, datetime], bool],
) -> tuple[str, str] | None:
    """Free the lease of a sender that died; tell holder and renewal of one that lives."""
    lease = t.leases
    mine = (lease.c.contract == contract) & (lease.c.destination == destination)
    held = connection.execute(sa.select(lease).where(mine)).first()
    if held is None:
        return None
    if not is_gone(held.holder, moment(held.renewed_at)):
        return held.holder, held.renewed_at
    # Only this very lease: another process may have taken over from the dead one meanwhile.
    give_back(connection, held.delivery)
    return None


def refuse_after_another(
    connection: Connection, contract: str, destination: str, *, known: int | None
) -> None:
    """Refuse where somebody has sent since; what was looked at before may not be so any more.

    Raises:
        RefusedError: there is a later attempt than the one that is known.
    """
    if known is None:
        return
    d = t.deliveries
    newest = sa.select(sa.func.max(d.c.id))
    newest = newest.where(d.c.contract == contract, d.c.destination == destination)
    if connection.scalar(newest) != known:
        raise RefusedError(
            f"{contract}: {destination}: another process has sent meanwhile; look again",
            clause="one_sender",
        )


def take_lease(connection: Connection, delivery: int, begun: Mapping[str, Any]) -> None:
    """Take a lease that nobody held a moment ago; where two do at once, one of them fails.

    Raises:
        RefusedError: another process was faster.
    """
    names = ("contract", "destination", "holder")
    row = {name: begun[name] for name in names} | {"delivery": delivery, "renewed_at": begun["at"]}
    try:
        connection.execute(sa.insert(t.leases), row)
    except IntegrityError:
        raise RefusedError(
            f"{row['contract']}: {row['destination']}: another process has just begun to send; "
            "wait until it ends",
            clause="one_sender",
        ) from None


def renew_lease(connection: Connection, attempt: Attempt, now: datetime) -> None:
    """Say that a sender still lives.

    Raises:
        RefusedError: it was taken for dead, and another process sends now.
    """
    if connection.execute(_RENEW, {"of": attempt.id, "at": written(now)}).rowcount != 1:
        raise RefusedError(
            f"{attempt.contract}: {attempt.destination}: the lease was taken over; "
            "another process sends now; wait until it ends",
            clause="one_sender",
        )


def give_back(connection: Connection, delivery: int) -> None:
    """Free one delivery's lease, if it still has it."""
    connection.execute(sa.delete(t.leases).where(t.leases.c.delivery == delivery))
