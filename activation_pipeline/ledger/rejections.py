"""Records that a destination refused: what was offered, so that it is not offered again unchanged.

Rows are added and never changed; the newest one of a record counts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, written

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Engine


@dataclass(frozen=True)
class Rejection:
    """One refusal: ``digest`` of what was offered to which record, ``mapping`` of how."""

    key: str
    destination_id: str
    digest: str
    mapping: str
    code: str


class Rejections:
    """The refusals of one installation."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine

    def add(
        self, contract: str, destination: str, refused: Iterable[Rejection], *, now: datetime
    ) -> None:
        """Note what one delivery's destination refused."""
        place = {"contract": contract, "destination": destination, "at": written(now)}
        rows = [{**place, **asdict(each)} for each in refused]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(t.rejections), rows)

    def known(
        self, contract: str, destination: str, mapping: str
    ) -> dict[tuple[str, str], tuple[Rejection, datetime]]:
        """Find each record's newest refusal and its time, where it was under this mapping."""
        r = t.rejections
        newest = (
            sa.select(sa.func.max(r.c.id))
            .where(r.c.contract == contract, r.c.destination == destination)
            .group_by(r.c.key, r.c.destination_id)
        )
        query = sa.select(r).where(r.c.id.in_(newest), r.c.mapping == mapping)
        with self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return {
            (row.key, row.destination_id): (
                Rejection(row.key, row.destination_id, row.digest, row.mapping, row.code),
                moment(row.at),
            )
            for row in rows
        }
