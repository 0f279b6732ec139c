"""What became of a contract's runs, newest first: a preparation, and the deliveries after it.

Only reading. Undos and expiries send plans of their own; those are no runs of the workflow.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation_pipeline.ledger import tables as t
from activation_pipeline.ledger._engine import moment, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Row

IsGone = Callable[[str, datetime], bool]

# A preparation that takes longer than this has died.
_MAKING = timedelta(hours=1)
_ROWS = 500  # more failures in a row than anybody sets as a limit


@dataclass(frozen=True)
class Run:
    """One run; ``failed`` is None where nothing is known yet, or where it was stopped.

    ``destination`` and ``plan`` are those of the delivery that failed; None where no plan was made.
    """

    at: datetime
    failed: bool | None
    why: str = ""
    destination: str | None = None
    plan: str | None = None


def read_runs(
    connection: Connection, contract: str, *, after: datetime | None, now: datetime, is_gone: IsGone
) -> tuple[Run, ...]:
    """List the runs of which something began later than ``after``, newest first, to a good one.

    Args:
        connection: in a transaction.
        contract: whose.
        after: UTC; None: all, up to some hundreds.
        now: UTC.
        is_gone: tells whether the holder of a lease, last renewed then, has died.
    """
    since = written(after) if after else ""
    attempts = list(connection.execute(_attempts(contract, since)))
    found = []
    for row in connection.execute(_preparations(contract)):
        begun = [each for each in attempts if each.at >= row.at]
        attempts = attempts[len(begun) :]
        if row.at > since or begun:
            found.append(_run(row, begun, now=now, is_gone=is_gone))
        if row.at <= since or (found and found[-1].failed is False):
            break
    return tuple(found)


def restoring() -> sa.Select[Any]:
    """Select the plans of undos and expiries."""
    return sa.select(t.incidents.c.restoring).where(t.incidents.c.restoring.is_not(None))


def _attempts(contract: str, since: str) -> sa.Select[Any]:
    d, e, lease = t.deliveries, t.delivery_ends, t.leases
    return (
        sa.select(
            *(d.c.destination, d.c.plan, d.c.at, e.c.outcome, e.c.message),
            *(lease.c.holder, lease.c.renewed_at),
        )
        .outerjoin(e, e.c.delivery == d.c.id)
        .outerjoin(lease, lease.c.delivery == d.c.id)
        .where(d.c.contract == contract, d.c.at > since, d.c.plan.not_in(restoring()))
        .order_by(d.c.id.desc())
        .limit(_ROWS)
    )


def _preparations(contract: str) -> sa.Select[Any]:
    p, e, d = t.preparations, t.evaluations, t.decisions
    newest = (
        sa.select(d.c.decision)
        .where(d.c.preparation == p.c.id)
        .order_by(d.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        sa.select(p.c.at, e.c.preparation, e.c.plan, e.c.message, t.plans.c.body)
        .add_columns(newest.label("decision"))
        .outerjoin(e, e.c.preparation == p.c.id)
        .outerjoin(t.plans, t.plans.c.id == e.c.plan)
        .where(p.c.contract == contract)
        .order_by(p.c.id.desc())
        .limit(_ROWS)
    )


def _run(row: Row[Any], attempts: Sequence[Row[Any]], *, now: datetime, is_gone: IsGone) -> Run:
    at = moment(row.at)
    if row.preparation is None and not attempts:
        died = now - at > _MAKING
        return Run(at, failed=died or None, why="the plan was never finished" if died else "")
    if row.plan is None and not attempts:
        return Run(at, failed=True, why=f"no plan could be made: {row.message}")
    newest: dict[str, Row[Any]] = {}
    for each in attempts:
        newest.setdefault(each.destination, each)
    ended = {name: _failure(each, is_gone) for name, each in newest.items()}
    for name, failure in ended.items():
        if failure:
            return Run(at, failed=True, why=failure, destination=name, plan=newest[name].plan)
    if any(failure == "" for failure in ended.values()):
        return Run(at, failed=False)
    return Run(at, failed=False if _is_without_changes(row) else None)


def _failure(attempt: Row[Any], is_gone: IsGone) -> str | None:
    """Say why an attempt failed; empty: it did not; None: it runs, or was refused."""
    if attempt.outcome == "failed":
        return str(attempt.message)
    if attempt.outcome is not None:
        return None if attempt.outcome == "refused" else ""
    if attempt.holder is None or is_gone(attempt.holder, moment(attempt.renewed_at)):
        return "the delivery was interrupted"
    return None


def _is_without_changes(row: Row[Any]) -> bool:
    if row.body is None or row.decision == "pause":
        return False
    return not any(part["rows"] for part in json.loads(row.body))
