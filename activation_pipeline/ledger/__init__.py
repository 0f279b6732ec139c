"""The ledger: every plan, gate result, decision, approval, pause and delivery, for good.

Rows are added and never changed. The sending side (leases, batches, outcomes) is
``Ledger.deliveries``. Field values are not kept here: they stay in the snapshots; messages
carry keys and counts.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa

from activation_pipeline.evidence import GateResult, Pause, Previous, Review
from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import (
    close_engine,
    moment,
    open_engine,
    reading,
    written,
)
from activation_pipeline.ledger._pauses import add_word, read_pauses
from activation_pipeline.ledger._words import add_sealed, intact_rows
from activation_pipeline.ledger.accounts import last_account
from activation_pipeline.ledger.attempts import Attempts
from activation_pipeline.ledger.chain import Chain
from activation_pipeline.ledger.deliveries import Deliveries
from activation_pipeline.ledger.evaluations import Evaluation, read_evaluation, read_plan
from activation_pipeline.ledger.fleet import Fleet
from activation_pipeline.ledger.history import History
from activation_pipeline.ledger.incidents import Incidents
from activation_pipeline.ledger.refreshes import Refreshes
from activation_pipeline.ledger.rejections import Rejections
from activation_pipeline.ledger.reviewed import reviewed_state
from activation_pipeline.ledger.rules import Rules
from activation_pipeline.ledger.transitions import Transitions
from activation_pipeline.ledger.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from activation_pipeline.evidence import Reviewed
    from activation_pipeline.ledger._pauses import Owned
    from activation_pipeline.plan import Plan

__all__ = ["Evaluation", "Ledger"]


class Ledger:
    """One installation's ledger."""

    def __init__(self, url: str, *, reads_only: bool = False) -> None:
        """Open the database and create what is missing; see ``open_engine`` for errors.

        With ``reads_only`` nothing that is asked waits for a writer, nor keeps one waiting.
        """
        opened = open_engine(url)
        self._engine = reading(opened) if reads_only else opened
        self._closing = ExitStack()
        self._closing.callback(close_engine, opened)
        self.deliveries = Deliveries(self._engine)
        self.history = History(self._engine)
        self.attempts = Attempts(self._engine)
        self.incidents = Incidents(self._engine)
        self.rejections = Rejections(self._engine)
        self.refreshes = Refreshes(self._engine)
        self.fleet = Fleet(self._engine)
        self.rules = Rules(self._engine)
        self.chain = Chain(self._engine)
        self.transitions = Transitions(self._engine)
        self.versions = Versions(self._engine)

    def close(self) -> None:
        """Give back the database connections."""
        self._closing.close()

    def start_preparation(self, contract: str, *, now: datetime) -> int:
        """Note that a plan is being made; until it is evaluated, nothing older may be sent."""
        row = sa.insert(t.preparations).values(contract=contract, at=written(now))
        with self._engine.begin() as connection:
            return _new_id(connection, row)

    def record_evaluation(self, evaluation: Evaluation) -> None:
        """Store plan, gate results and decision in one transaction."""
        at = written(evaluation.at)
        plan = evaluation.plan
        with self._engine.begin() as connection:
            if plan is not None and not _exists(connection, plan.id):
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
            judged = {
                "preparation": evaluation.preparation,
                "contract": evaluation.contract,
                "plan": plan.id if plan else None,
                "results": json.dumps([asdict(result) for result in evaluation.results]),
                "measures": json.dumps(evaluation.measures, default=str),
                "message": evaluation.message,
                "at": at,
            }
            add_sealed(connection, t.evaluations, judged)
            _add_decision(connection, evaluation, evaluation.results, at)

    def record_decision(
        self, evaluation: Evaluation, results: Sequence[GateResult], *, now: datetime
    ) -> None:
        """Add a decision to an evaluation; ``evaluation.decision`` is the new one."""
        with self._engine.begin() as connection:
            _add_decision(connection, evaluation, results, written(now))

    def newest(self, contract: str, *, finished: bool = False) -> Evaluation | None:
        """Find the newest preparation's judgement; None: never prepared, or not evaluated yet.

        ``finished`` true looks past a preparation that is not evaluated, for who only shows it.
        """
        table = t.evaluations if finished else t.preparations
        which = table.c.preparation if finished else table.c.id
        newest = sa.select(sa.func.max(which)).where(table.c.contract == contract)
        return self._evaluation(t.evaluations.c.preparation == newest.scalar_subquery())

    def evaluated(self, plan: str) -> Evaluation | None:
        """Find the newest judgement of one plan; None: there is no such plan."""
        table = t.evaluations.c
        newest = sa.select(sa.func.max(table.preparation)).where(table.plan == plan)
        return self._evaluation(table.preparation == newest.scalar_subquery())

    def previous(self, contract: str, *, delivered: bool = True) -> Previous | None:
        """Describe the last plan that went out: neither a blocked nor a lost one is a baseline.

        ``delivered`` false takes the last one that was allowed, where nothing is ever sent.
        """
        allowed = (
            sa.select(t.decisions.c.preparation)
            .where(t.decisions.c.contract == contract, t.decisions.c.decision != "pause")
            .distinct()
            .order_by(t.decisions.c.preparation.desc())
        )
        with self._engine.begin() as connection:
            preparations = [int(row.preparation) for row in connection.execute(allowed)]
        candidates = (self._evaluation(t.evaluations.c.preparation == n) for n in preparations)
        found = next((e for e in candidates if e and not (delivered and self._is_lost(e))), None)
        if found is None:
            return None
        measures = found.measures
        return Previous(
            eligible=measures["dispositions"].get("eligible", 0),
            suppressed=measures["suppressed"],
            list_rows={name: state["rows"] for name, state in measures["lists"].items()},
        )

    def reviewed(self, contract: str) -> Reviewed | None:
        """Describe the last plan that somebody signed, or sampled, and that then went out."""
        words: dict[str, Review] = {}
        for word in reversed(self.reviews(contract)):
            words.setdefault(word.plan, word)
        for word in words.values():
            found = self.evaluated(word.plan)
            if found and found.decision != "pause" and not self._is_lost(found):
                with self._engine.begin() as connection:
                    return reviewed_state(connection, word, found)
        return None

    def account(self, contract: str, destination: str) -> str | None:
        """Name the account to which something was delivered last; None: none is known."""
        with self._engine.begin() as connection:
            return last_account(connection, contract, destination)

    def _is_lost(self, evaluation: Evaluation) -> bool:
        """Say whether some part of a plan had something to send, of which nothing arrived."""
        plan = evaluation.plan
        parts = [part.destination for part in plan.parts if part.rows] if plan else []
        totals = (self.deliveries.totals(plan.id, name) for name in parts if plan)
        return any(total.accepted == 0 for total in totals)

    def _evaluation(self, which: sa.ColumnElement[bool]) -> Evaluation | None:
        e, d = t.evaluations, t.decisions
        query = (
            sa.select(
                e,
                t.plans.c.fingerprint,
                t.plans.c.definition,
                t.plans.c.body,
                d.c.decision,
                d.c.causes,
            )
            .select_from(e.join(d, d.c.preparation == e.c.preparation).outerjoin(t.plans))
            .where(which)
            .order_by(d.c.id.desc())
            .limit(1)
        )
        with self._engine.begin() as connection:
            row = connection.execute(query).first()
        return read_evaluation(row) if row else None

    def plan(self, plan: str) -> Plan | None:
        """Find a plan by its id."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(t.plans).where(t.plans.c.id == plan)).first()
        return read_plan(row) if row else None

    def record_review(self, contract: str, review: Review, *, by: str, reason: str) -> None:
        """Store a role's word on one plan and one gate."""
        values = asdict(review) | {"contract": contract, "by": by, "reason": reason}
        values["at"] = written(review.at)
        with self._engine.begin() as connection:
            add_sealed(connection, t.reviews, values)

    def reviews(self, contract: str) -> tuple[Review, ...]:
        """List every word on a contract's plans that stands as it was written, oldest first."""
        with self._engine.begin() as connection:
            rows = intact_rows(connection, t.reviews, t.reviews.c.contract == contract)
        return tuple(
            Review(r.gate, r.plan, r.role, moment(r.at), r.fingerprint, r.definition) for r in rows
        )

    def pause(self, pause: Pause, *, owned: Collection[Owned] = ()) -> None:
        """Stop a contract, or one of its destinations, from this moment on.

        ``owned`` is what it writes there; other contracts that write the same stop as well.
        """
        with self._engine.begin() as connection:
            add_word(connection, pause, paused=True, owned=owned)

    def resume(self, pause: Pause) -> None:
        """End the pauses of a contract, or of one of its destinations."""
        with self._engine.begin() as connection:
            add_word(connection, pause, paused=False, owned=())

    def pauses(
        self, contract: str, *, now: datetime, owned: Collection[Owned] = ()
    ) -> tuple[Pause, ...]:
        """List the pauses in force, oldest first; see ``read_pauses``."""
        with reading(self._engine).begin() as connection:
            return read_pauses(connection, contract, now=now, owned=owned)

    def record_reconciliation(
        self,
        contract: str,
        destination: str,
        plan: str,
        counts: Mapping[str, int],
        *,
        now: datetime,
    ) -> None:
        """Store how many records agree with what was delivered, and how many do not, by kind."""
        row = sa.insert(t.reconciliations).values(
            contract=contract,
            destination=destination,
            plan=plan,
            counts=json.dumps(counts),
            at=written(now),
        )
        with self._engine.begin() as connection:
            connection.execute(row)


def _new_id(connection: Connection, row: sa.Insert) -> int:
    key = connection.execute(row).inserted_primary_key
    return int(cast("Row[Any]", key)[0])


def _exists(connection: Connection, plan: str) -> bool:
    return connection.scalar(sa.select(t.plans.c.id).where(t.plans.c.id == plan)) is not None


def _add_decision(
    connection: Connection, evaluation: Evaluation, results: Sequence[GateResult], at: str
) -> None:
    causes = [asdict(result) for result in results if result.stops or result.overridden_by]
    row = {
        "preparation": evaluation.preparation,
        "contract": evaluation.contract,
        "plan": evaluation.plan.id if evaluation.plan else "",
        "decision": evaluation.decision,
        "causes": json.dumps(causes),
        "at": at,
    }
    add_sealed(connection, t.decisions, row)
