"""What the ledger says of a delivery: attempts, batches, records, totals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecordOutcome:
    """One record that needs a row: rejected, held, unknown, or accepted in a noteworthy way."""

    key: str
    destination_id: str
    state: str
    code: str
    field: str | None
    message: str


@dataclass(frozen=True)
class BatchResult:
    """What became of one batch; the four counts add up to its rows."""

    accepted: int
    rejected: int
    held: int
    unknown: int
    outcomes: tuple[RecordOutcome, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """One delivery as started: of one plan to one destination."""

    id: int
    contract: str
    destination: str
    plan: str


@dataclass(frozen=True)
class Totals:
    """What became of a plan's rows for one destination, over all attempts."""

    accepted: int = 0
    rejected: int = 0
    held: int = 0
    unknown: int = 0
