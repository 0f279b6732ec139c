"""Put back what stood before the plan that broke a rule, where the contract asks for it.

Only a plan that is at fault is undone: a missing run or a missed review says nothing against what
was delivered, and putting older values back would make it worse. The destinations are asked here,
so whoever calls this waits for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.errors import ActivationError
from activation_pipeline.pause_rules.limits import RULES
from activation_pipeline.rollback import Request, rollback
from activation_pipeline.sending import waiting_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.incident import IncidentClass
    from activation_pipeline.rollback.report import RolledBack
    from activation_pipeline.runtime import Runtime


@dataclass(frozen=True)
class Undo:
    """A plan that has to be undone in one destination; ``since`` is its pause's moment."""

    destination: str
    plan: str
    incident_class: IncidentClass
    by: str
    reason: str
    since: datetime


@dataclass(frozen=True)
class Restored:
    """What was undone, and what failed and is tried again; the pause stays either way."""

    done: tuple[RolledBack, ...]
    failed: tuple[ActivationError, ...]


def undos_due(contract: Contract, runtime: Runtime, *, now: datetime) -> tuple[Undo, ...]:
    """List what the rules' pauses in force ask to be undone and is not, or not wholly, undone."""
    if contract.monitoring.on_pause != "restore_previous":
        return ()
    ledger, name = runtime.ledger, contract.name
    found: dict[str, Undo] = {}
    for pause, cause in ledger.rules.pausing(name, now=now):
        for destination in contract.destinations:
            last = ledger.incidents.last_sent(name, destination)
            if cause.plan is None or cause.plan != last or destination in found:
                continue
            if _is_undone(contract, destination, runtime, cause.plan):
                continue
            kind = RULES[cause.rule].incident_class
            found[destination] = Undo(
                destination, cause.plan, kind, pause.by, pause.reason, pause.since
            )
    return tuple(found.values())


def _is_undone(contract: Contract, destination: str, runtime: Runtime, plan: str) -> bool:
    undos = runtime.ledger.incidents.undoing(contract.name, destination, plan)
    plans = (runtime.ledger.plan(each.restoring) for each in undos if each.restoring)
    waiting = (waiting_rows(runtime, each, destination) for each in plans if each)
    return bool(undos) and not any(waiting)


def restore(contract: Contract, runtime: Runtime, *, clock: Callable[[], datetime]) -> Restored:
    """Undo what is due; one destination that fails does not keep the others from being undone."""
    done: list[RolledBack] = []
    failed: list[ActivationError] = []
    for undo in undos_due(contract, runtime, now=clock()):
        request = Request(undo.by, undo.reason, undo.incident_class, undo.plan)
        try:
            done.append(rollback(contract, undo.destination, runtime, request, clock=clock))
        except ActivationError as error:
            failed.append(error)
    return Restored(tuple(done), tuple(failed))
