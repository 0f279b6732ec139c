"""What a fingerprint or a definition stood for, so that a change can be told as old -> new.

Rows are added and never changed. A version is written when somebody approves it and when a plan
is made from it; one that neither has happened to is not known.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Engine


class Versions:
    """The versions of contracts and of the models' logic that one installation has seen."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine

    def keep(
        self, contract: str, versions: Mapping[str, Mapping[str, Any]], *, now: datetime
    ) -> None:
        """Store what some fingerprints and definitions stand for, once each."""
        with self._engine.begin() as connection:
            v = t.versions.c
            mine = sa.select(v.version).where(v.contract == contract)
            known: set[str] = set(connection.scalars(mine.where(v.version.in_(versions))))
            for version, body in versions.items():
                if version not in known:
                    row = {"contract": contract, "version": version, "at": written(now)}
                    text = json.dumps(body, sort_keys=True)
                    connection.execute(sa.insert(t.versions).values(**row, body=text))

    def known(self, contract: str, versions: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Find what some fingerprints and definitions stood for; those that are not known lack."""
        v = t.versions.c
        query = sa.select(v.version, v.body).where(
            v.contract == contract, v.version.in_(tuple(versions))
        )
        with self._engine.begin() as connection:
            rows = connection.execute(query.order_by(v.id.desc())).all()
        return {row.version: json.loads(row.body) for row in rows}
