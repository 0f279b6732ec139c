"""Incidents: who undid or froze what, when, why and of which class.

Rows are added and never changed. What became of an undo's records is in its own delivery, like
any plan's; old and new values are in its snapshot.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from activation_pipeline.incident import Incident
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, written
from activation_pipeline.ledger._pauses import read_pauses
from activation_pipeline.ledger._words import add_sealed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection, Engine, Row

    from activation_pipeline.plan import Plan


class Incidents:
    """The incidents of one installation."""

    def __init__(self, engine: Engine) -> None:
        """Share the ledger's database."""
        self._engine = engine

    def record(self, incident: Incident, restoring: Plan | None = None) -> None:
        """Store an incident, and the plan that puts values back, in one transaction."""
        with self._engine.begin() as connection:
            if restoring is not None:
                _add_plan(connection, restoring, at=written(incident.at))
            add_incident(connection, incident)

    def record_once(self, incident: Incident, restoring: Plan) -> bool:
        """Store an incident unless its plan has one; says whether it did."""
        known = sa.select(t.incidents.c.id).where(t.incidents.c.restoring == restoring.id).limit(1)
        # Where two record the same at once, both add the plan and one of them cannot.
        with suppress(IntegrityError), self._engine.begin() as connection:
            if connection.scalar(known) is None:
                _add_plan(connection, restoring, at=written(incident.at))
                add_incident(connection, incident)
                return True
        return False

    def all(self, contract: str) -> tuple[Incident, ...]:
        """List a contract's incidents, oldest first."""
        query = sa.select(t.incidents).where(t.incidents.c.contract == contract)
        with self._engine.begin() as connection:
            return tuple(map(read_incident, connection.execute(query.order_by(t.incidents.c.id))))

    def last(self, contract: str) -> Incident | None:
        """Find a contract's newest incident."""
        found = self.all(contract)
        return found[-1] if found else None

    def undoing(self, contract: str, destination: str, plan: str) -> tuple[Incident, ...]:
        """List the undos of one plan in one destination, oldest first."""
        return tuple(
            each
            for each in self.all(contract)
            if (each.action, each.destination, each.plan) == ("rollback", destination, plan)
        )

    def is_restoring(self, plan: str) -> bool:
        """Say whether a plan is itself an undo."""
        query = sa.select(t.incidents.c.id).where(t.incidents.c.restoring == plan).limit(1)
        with self._engine.begin() as connection:
            return connection.scalar(query) is not None

    def is_undone(self, plan: str) -> bool:
        """Say whether a plan was undone in any destination; the rest of it must not be sent."""
        i = t.incidents
        query = sa.select(i.c.id).where(i.c.plan == plan, i.c.action == "rollback").limit(1)
        with self._engine.begin() as connection:
            return connection.scalar(query) is not None

    def last_sent(self, contract: str, destination: str) -> str | None:
        """Name the plan of which something was sent last, undos left out."""
        d = t.deliveries
        undos = sa.select(t.incidents.c.restoring).where(t.incidents.c.restoring.is_not(None))
        query = (
            sa.select(d.c.plan)
            .where(d.c.contract == contract, d.c.destination == destination)
            .where(d.c.id.in_(sa.select(t.batch_intents.c.delivery)), d.c.plan.not_in(undos))
            .order_by(d.c.id.desc())
            .limit(1)
        )
        with self._engine.begin() as connection:
            found = connection.scalar(query)
        return None if found is None else str(found)

    def freeze_in_force(self, contract: str, destination: str, *, now: datetime) -> Incident | None:
        """Find the freeze that keeps a destination as it is; None: there is none, or it ended.

        A freeze ends with a resume. Whatever changes a destination by itself asks this first.
        """
        p = t.pauses
        mine = sa.or_(p.c.destination.is_(None), p.c.destination == destination)
        resumed = sa.select(sa.func.max(p.c.at)).where(
            p.c.contract == contract, p.c.paused.is_(sa.false()), mine
        )
        with self._engine.begin() as connection:
            paused = read_pauses(connection, contract, now=now)
            last_resume = connection.scalar(resumed) or ""
        if not any(pause.destination in (None, destination) for pause in paused):
            return None
        freezes = (
            each
            for each in reversed(self.all(contract))
            if each.action == "freeze"
            and each.destination in (None, destination)
            and written(each.at) > last_resume
        )
        return next(freezes, None)


def add_incident(connection: Connection, incident: Incident) -> None:
    """Add an incident in the caller's transaction."""
    row: dict[str, Any] = asdict(incident)
    row["class"] = row.pop("incident_class")
    row |= {"counts": json.dumps(dict(incident.counts)), "at": written(incident.at)}
    add_sealed(connection, t.incidents, row)


def _add_plan(connection: Connection, plan: Plan, *, at: str) -> None:
    if connection.scalar(sa.select(t.plans.c.id).where(t.plans.c.id == plan.id)) is not None:
        return
    connection.execute(
        sa.insert(t.plans).values(
            id=plan.id,
            contract=plan.contract,
            fingerprint=plan.fingerprint,
            definition=plan.definition,
            body=json.dumps([asdict(part) for part in plan.parts]),
            at=at,
        )
    )


def read_incident(row: Row[Any]) -> Incident:
    """Read a row of the incidents."""
    found = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public spelling
    del found["id"]
    found["incident_class"] = found.pop("class")
    found["counts"] = json.loads(found["counts"])
    found["at"] = moment(found["at"])
    return Incident(**found)
