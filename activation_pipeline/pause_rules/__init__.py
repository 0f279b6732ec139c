"""Pause a workflow by its own rules, and do as the contract says with what was delivered.

The rules look at the ledger only, so they hold while the warehouse is locked and a destination is
down. The pause is the ledger's first: what has to be undone at a destination comes after it, may
fail, is tried again, and never lifts it. Only the role that the contract names does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.evidence import ITSELF, Pause
from activation_pipeline.freeze import freezing
from activation_pipeline.ledger.rules import Cause
from activation_pipeline.pause_rules.facts import Facts, facts
from activation_pipeline.pause_rules.limits import RULES, Reading, broken, readings
from activation_pipeline.pause_rules.restoring import Restored, Undo, restore, undos_due

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.incident import Incident
    from activation_pipeline.runtime import Runtime

__all__ = [
    "RULES",
    "Applied",
    "Facts",
    "Reading",
    "Restored",
    "Undo",
    "apply",
    "broken",
    "facts",
    "pause_by_rules",
    "readings",
    "restore",
    "undos_due",
]


@dataclass(frozen=True)
class Applied:
    """What the rules found, the pauses that they wrote now, and the names of those in force."""

    contract: str
    readings: tuple[Reading, ...]
    written: tuple[Pause, ...]
    pausing: tuple[str, ...]
    restored: Restored | None = None


def apply(contract: Contract, runtime: Runtime, *, clock: Callable[[], datetime]) -> Applied:
    """Pause the workflow where a rule is broken, and undo what the contract says is to be undone.

    An undo that fails is in the result, and due again the next time.
    """
    found = pause_by_rules(contract, runtime, now=clock())
    if not undos_due(contract, runtime, now=clock()):
        return found
    restored = restore(contract, runtime, clock=clock)
    return Applied(contract.name, found.readings, found.written, found.pausing, restored)


def pause_by_rules(contract: Contract, runtime: Runtime, *, now: datetime) -> Applied:
    """Write a pause of the whole contract for each rule that is broken and does not pause yet.

    The freeze that ``on_pause`` may ask for is noted in the same transaction. Where somebody spoke
    since the facts were read, nothing is written: the next look decides on what they said.
    """
    name, ledger = contract.name, runtime.ledger.rules
    found = facts(contract, runtime, now=now)
    seen = readings(contract, found, now=now)
    pausing = {cause.rule: None for _, cause in ledger.pausing(name, now=now)}
    newest, written = found.newest_word, []
    incident = None if _is_frozen(contract, runtime, now=now) else _freezing
    for reading in seen:
        if not reading.breaks or reading.rule in pausing:
            continue
        word = Pause(name, None, ITSELF, _reason(reading), now, None)
        cause = Cause(
            reading.rule,
            reading.destination,
            reading.plan,
            reading.observed or 0.0,
            reading.limit,
        )
        noted = incident(contract, runtime, reading, now) if incident else None
        spoken = ledger.pause(
            word, cause, newest=newest, owned=contract.owned(None), incident=noted
        )
        if spoken is None:
            break
        pausing[reading.rule], newest, incident = None, spoken, None
        written.append(word)
    return Applied(name, seen, tuple(written), tuple(pausing))


def _reason(reading: Reading) -> str:
    """Begin with the rule, so that everything that shows a pause can name its clause.

    Who may restart is told with every pause.
    """
    return f"{reading.rule}: {reading.message}; owner: {reading.owner}"


def _is_frozen(contract: Contract, runtime: Runtime, *, now: datetime) -> bool:
    """Say whether no freeze is asked for, or one holds everywhere."""
    if contract.monitoring.on_pause != "freeze":
        return True
    log = runtime.ledger.incidents
    held = (log.freeze_in_force(contract.name, d, now=now) for d in contract.destinations)
    return all(each is not None for each in held)


def _freezing(contract: Contract, runtime: Runtime, reading: Reading, now: datetime) -> Incident:
    return freezing(
        contract,
        None,
        runtime,
        by=ITSELF,
        reason=_reason(reading),
        incident_class=RULES[reading.rule].incident_class,
        now=now,
    )
