"""To which account of a destination something was delivered, as its plans name it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection


def last_account(connection: Connection, contract: str, destination: str) -> str | None:
    """Find the account of the newest delivery whose plan names one; None: there is none.

    Plans that put values back, or take expired ones away, name none.
    """
    p, d = t.positions, t.deliveries
    query = (
        sa.select(t.plans.c.body)
        .select_from(p.join(d, d.c.id == p.c.delivery).join(t.plans, t.plans.c.id == d.c.plan))
        .where(p.c.contract == contract, p.c.destination == destination)
        .order_by(p.c.position.desc())
    )
    bodies: Iterable[str] = connection.scalars(query)
    for body in bodies:
        for part in json.loads(body):
            if part["destination"] == destination and part.get("identity"):
                return str(part["identity"])
    return None
