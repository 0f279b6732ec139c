"""When to act: what a watcher keeps between two looks, so that a look costs next to nothing.

Whoever looks every minute reads snapshots only when something was planned, sent, paused or changed
in the contract since, or when the next value's moment has come. What failed is asked for again
after a while.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from activation_pipeline.contract import fingerprint
from activation_pipeline.expiry.due import due

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime

AGAIN_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Seen:
    """What the last look found: in which state, whether something is due, and when the next is.

    ``asked`` is when it was last asked for, ``tries`` how often in a row. Moments are ISO 8601, so
    that it can be kept as JSON.
    """

    mark: str
    is_due: bool
    next: str | None
    asked: str | None = None
    tries: int = 0


def watch(
    contract: Contract, destination: str, runtime: Runtime, known: Seen | None, *, now: datetime
) -> tuple[Seen, str | None]:
    """Look whether something in one destination is to be expired now.

    Returns:
        What to keep for the next look, and the name of the request, a new one for each try; None:
        there is nothing to do, somebody froze it, or it was asked for a moment ago.
    """
    seen = _look(contract, destination, runtime, known, now=now)
    if not seen.is_due:
        return replace(seen, asked=None, tries=0), None
    if runtime.ledger.incidents.freeze_in_force(contract.name, destination, now=now):
        return seen, None
    if seen.asked is not None and now - datetime.fromisoformat(seen.asked) < AGAIN_AFTER:
        return seen, None
    digest = hashlib.sha256(seen.mark.encode()).hexdigest()[:12]
    name = f"{contract.name}:{destination}:{digest}:{seen.tries}"
    return replace(seen, asked=now.isoformat(), tries=seen.tries + 1), name


def _look(
    contract: Contract, destination: str, runtime: Runtime, known: Seen | None, *, now: datetime
) -> Seen:
    state = runtime.ledger.refreshes.mark(contract.name, destination)
    mark = f"{fingerprint(contract)}/{state}"
    if known is not None and known.mark == mark:
        has_come = known.next is not None and now > datetime.fromisoformat(known.next)
        if known.is_due or not has_come:
            return known
    found = due(contract, destination, runtime, now=now)
    upcoming = found.next.isoformat() if found.next else None
    asked, tries = (known.asked, known.tries) if known else (None, 0)
    return Seen(mark, found.is_due, upcoming, asked, tries)
