"""What the ledger knows about a contract that a pause rule may look at, as plain values.

Facts that are not younger than the last resume are left out: whoever resumed has seen them, and a
rule must not stop a workflow again for what somebody has just answered for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from activation_pipeline.cadence import missed_since
from activation_pipeline.first_review import is_reviewed
from activation_pipeline.runtime import is_gone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.ledger.history import ReadBack
    from activation_pipeline.ledger.rules import Answered, Counted
    from activation_pipeline.ledger.runs import Run
    from activation_pipeline.runtime import Runtime


@dataclass(frozen=True)
class Facts:
    """One contract as the ledger knows it.

    ``answered`` and ``read_back`` are by destination; ``runs`` are newest first, down to a good
    one. ``missed`` is the due moment of the first run that is missing, ``unreviewed`` the end of
    the first review's day where nobody held it. ``newest_word`` is the last word on its pauses
    before anything was read.
    """

    newest_word: int = 0
    answered: Mapping[str, Answered] = field(default_factory=dict)
    read_back: Mapping[str, ReadBack] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    counted: Counted | None = None
    missed: datetime | None = None
    unreviewed: datetime | None = None


def facts(contract: Contract, runtime: Runtime, *, now: datetime) -> Facts:
    """Read a contract's facts from the ledger; no warehouse and no destination is asked."""
    name, rules = contract.name, runtime.ledger.rules

    def died(holder: str, renewed_at: datetime) -> bool:
        return is_gone(holder, renewed_at, now=now)

    # The newest word first: what is said while the rest is read keeps a pause from being written.
    word = rules.last_word(name)
    answered, read_back = {}, {}
    for destination in contract.destinations:
        sent = rules.answered(name, destination, after=word.resumed, is_gone=died)
        if sent is not None and sent.answered:
            answered[destination] = sent
        read = runtime.ledger.history.last_read_back(name, destination)
        if read is not None and (word.resumed is None or read.at > word.resumed):
            read_back[destination] = read
    return Facts(
        newest_word=word.id,
        answered=answered,
        read_back=read_back,
        runs=rules.runs(name, after=word.resumed, now=now, is_gone=died),
        counted=rules.counted(name, after=word.resumed),
        missed=_missed(contract, runtime, resumed=word.resumed, now=now),
        unreviewed=_unreviewed(contract, runtime, resumed=word.resumed, now=now),
    )


def _missed(
    contract: Contract, runtime: Runtime, *, resumed: datetime | None, now: datetime
) -> datetime | None:
    """Find the first missing run; a contract that never ran has sent nothing that ages."""
    ran = runtime.ledger.history.last_preparation(contract.name)
    if ran is None:
        return None
    return missed_since(contract, after=max(ran, resumed) if resumed else ran, now=now)


def _unreviewed(
    contract: Contract, runtime: Runtime, *, resumed: datetime | None, now: datetime
) -> datetime | None:
    """Find when the first review's day ended, or the first delivery came if that was later."""
    after = contract.monitoring.first_review + timedelta(days=1)
    begins = datetime.combine(after, time(), ZoneInfo(contract.freshness.timezone))
    if now < begins:
        return None
    delivered = runtime.ledger.rules.first_delivery(contract.name)
    if delivered is None:
        return None
    since = max(begins.astimezone(UTC), delivered)
    is_known = resumed is not None and resumed >= since
    if is_known or is_reviewed(contract, runtime, since=delivered):
        return None
    return since
