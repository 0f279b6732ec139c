"""The state that somebody looked at and that then went out: the baseline of many small changes.

A signature on a plan and a sample review are both a look at its state. Which plan it was is
``Ledger.reviewed``'s to find; here is what it left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from activation_pipeline.evidence import Reviewed
from activation_pipeline.ledger import tables as t

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from activation_pipeline.evidence import Review
    from activation_pipeline.ledger.evaluations import Evaluation


def reviewed_state(connection: Connection, word: Review, evaluation: Evaluation) -> Reviewed:
    """Say how many were eligible in a reviewed plan, and how many were held once it had gone."""
    held: dict[str, int] = {}
    for part in evaluation.plan.parts if evaluation.plan else ():
        after = _held_after(connection, word.plan, part.destination)
        count = part.baseline if after is None else after
        held |= {} if count is None else {part.destination: count}
    eligible = evaluation.measures["dispositions"].get("eligible", 0)
    return Reviewed(word.plan, word.role, word.at, eligible, held)


def _held_after(connection: Connection, plan: str, destination: str) -> int | None:
    """Count what a destination held from us after a plan's last delivery; None: it sent nothing."""
    p, d = t.positions, t.deliveries
    query = (
        sa.select(p.c.records)
        .join(d, d.c.id == p.c.delivery)
        .where(d.c.plan == plan, d.c.destination == destination)
        .order_by(p.c.position.desc())
        .limit(1)
    )
    found: int | None = connection.scalar(query)
    return found
