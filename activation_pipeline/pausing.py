"""Stop a contract, or one of its destinations, and let it go on: by people and by rules alike.

A stop is a word in the ledger, which every delivery asks before each batch and each request. So it
needs no warehouse, no destination and no valid contract file. Only the role that the contract
names lifts it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from activation_pipeline import judgement
from activation_pipeline.errors import RefusedError
from activation_pipeline.evidence import GateResult, Pause
from activation_pipeline.people import check_speaker
from activation_pipeline.permission import HOLDS_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.runtime import Runtime

NOT_PAUSED = "not_paused"
# A sender's last yes holds for an instant; after this long none does, and what it let through has
# begun.
_UNTIL_HEARD_S = 2.5 * HOLDS_S


@dataclass(frozen=True)
class Resumed:
    """What a resume did: whether there was a pause, what is paused still, how the plan stands."""

    was_paused: bool
    left: tuple[Pause, ...]
    evaluation: Evaluation | None


def pause(
    name: str,
    destination: str | None,
    runtime: Runtime,
    *,
    by: str,
    reason: str,
    until: datetime | None,
    now: datetime,
    contract: Contract | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Pause, ...]:
    """Stop a contract; once this returns, no delivery of it begins another request.

    Args:
        name: the contract's.
        destination: one of its destinations; None: all of them.
        runtime: where everything is; only its ledger is used.
        by: who says so; kept in the ledger.
        reason: why; shown to everyone.
        until: ends by itself then; None: until somebody resumes. It never shortens another pause.
        now: UTC.
        contract: where its file is valid: contracts that write the same fields stop, too.
        sleep: waits for senders at work to hear of it.

    Returns:
        All pauses of the contract that are in force.
    """
    owned = contract.owned(destination) if contract is not None else frozenset()
    word = Pause(name, destination, by, reason, now, until)
    runtime.ledger.pause(word, owned=owned)
    if runtime.ledger.history.has_senders():
        sleep(_UNTIL_HEARD_S)
    return runtime.ledger.pauses(name, now=now)


def resume(
    contract: Contract,
    destination: str | None,
    runtime: Runtime,
    *,
    role: str,
    by: str,
    reason: str,
    now: datetime,
) -> Resumed:
    """Lift the pauses of a contract, or of one destination, in the word of the role that may.

    The newest plan is decided anew without them; what else the gates found stands, and a delivery
    asks the warehouse again before it goes on where it stopped.

    Raises:
        RefusedError: another role, somebody who may not speak for it, or no reason.
    """
    _check_word(contract, runtime, role=role, by=by, reason=reason)
    name = contract.name
    paused = [p for p in runtime.ledger.pauses(name, now=now) if p.destination == destination]
    if paused:
        runtime.ledger.resume(Pause(name, destination, by, reason, now, None))
    left = runtime.ledger.pauses(name, now=now)
    evaluation = runtime.ledger.newest(name)
    if paused and evaluation is not None and evaluation.plan is not None:
        evaluation = _decided_anew(contract, evaluation, left, runtime, now=now)
    return Resumed(bool(paused), left, evaluation)


def _check_word(contract: Contract, runtime: Runtime, *, role: str, by: str, reason: str) -> None:
    may = contract.monitoring.restarted_by
    if role != may:
        raise RefusedError(
            f"{contract.name}: {role} may not restart it, {may} may (monitoring.restarted_by); "
            f"ask {may}",
            clause=NOT_PAUSED,
        )
    check_speaker(role, by, runtime.people, clause=NOT_PAUSED)
    if not reason.strip():
        raise RefusedError(
            f"{contract.name}: not resumed without a reason; say what was found and mended",
            clause=NOT_PAUSED,
        )


def _decided_anew(
    contract: Contract,
    evaluation: Evaluation,
    left: tuple[Pause, ...],
    runtime: Runtime,
    *,
    now: datetime,
) -> Evaluation:
    """Take the lifted pause out of the newest plan's results, and sum them up again."""
    whole = any(pause.destination is None for pause in left)
    results = tuple(
        _lifted(each) if each.gate == NOT_PAUSED and not whole else each
        for each in evaluation.results
    )
    if results == evaluation.results:
        return evaluation
    decided = replace(evaluation, results=results, decision=judgement.decision(contract, results))
    runtime.ledger.record_decision(decided, results, now=now)
    return decided


def _lifted(result: GateResult) -> GateResult:
    return result if result.passed else replace(result, passed=True, message="not paused any more")
