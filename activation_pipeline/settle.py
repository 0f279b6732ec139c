"""Fold finished and interrupted attempts into what each destination holds from us.

Everything that an attempt changed follows from its plan's snapshot, its batches and its
exceptions, all of which are on disk; so folding can be interrupted anywhere and is simply
done again by whoever comes next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from activation_pipeline.delivered import (
    current_query,
    delta_query,
    fields_query,
    merged,
    none_query,
)
from activation_pipeline.expressions import column, named
from activation_pipeline.runtime import is_gone
from activation_pipeline.snapshots import publish
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.ledger.records import Attempt
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.snapshots import Snapshots
    from activation_pipeline.warehouse import Engine

# A new base costs as much as what exists, so it is made when the deltas have become a good
# part of it: reading stays within about a quarter of reading the base alone.
_DELTA_SHARE = 4
_SMALL = 50_000


def settle(
    runtime: Runtime, contract: str, destination: str, *, now: datetime, few_rows: int = _SMALL
) -> int:
    """Bring what is delivered up to date and count it; a sender at work is left alone.

    Args:
        runtime: where everything is.
        contract: the contract's name.
        destination: one of its destinations.
        now: UTC.
        few_rows: deltas of no more rows than this are left beside any base.

    Returns:
        The position: how many attempts are folded.
    """
    log = runtime.ledger.deliveries
    if log.free_dead_lease(
        contract, destination, is_gone=lambda holder, at: is_gone(holder, at, now=now)
    ):
        # Asked anew each time: somebody else may be folding the same attempts.
        while waiting := log.unfolded(contract, destination):
            _fold(runtime, waiting[0], now=now, few_rows=few_rows)
    return log.position(contract, destination)[0]


def _fold(runtime: Runtime, attempt: Attempt, *, now: datetime, few_rows: int) -> None:
    log = runtime.ledger.deliveries
    position = log.position(attempt.contract, attempt.destination)[0] + 1
    part = runtime.snapshots.part(attempt.contract, attempt.plan, attempt.destination)
    final = runtime.snapshots.delta(attempt.contract, attempt.destination, position)
    ranges = log.ranges(attempt)
    with runtime.snapshots.workspace() as folder, runtime.engine(folder) as engine:
        outcomes = log.outcomes(attempt.plan, attempt.destination, delivery=attempt.id)
        listed = folder / "outcomes.parquet"
        names = ("key", "destination_id", "state")
        columns = {
            name: pa.array([getattr(o, name) for o in outcomes], pa.string()) for name in names
        }
        pq.write_table(pa.table(columns), listed)
        engine.files("outcomes", [listed])
        engine.files("part", [part])
        frozen = engine.columns("part")
        fields = [c.removeprefix("after:") for c in frozen if c.startswith("after:")]
        delta = delta_query(
            parquet([part], numbered=True),
            fields=fields,
            answered=merged((a, b) for a, b, done in ranges if done),
            unanswered=merged((a, b) for a, b, done in ranges if not done),
            position=position,
            is_undo="delivered_id" in frozen,
        )
        engine.write(delta, folder / "delta.parquet")
        publish(folder / "delta.parquet", final)
        records = _compact(engine, runtime.snapshots, attempt, folder, few_rows=few_rows)
    log.record_position(attempt, position=position, records=records, now=now)


def _compact(
    engine: Engine, snapshots: Snapshots, attempt: Attempt, folder: Path, *, few_rows: int
) -> int:
    """Count what is held now, and write a new base when the deltas have grown too large."""
    base, deltas = snapshots.delivered(attempt.contract, attempt.destination)
    current = _current(base, deltas)
    count = exp.select(named(exp.Count(this=exp.Star()), "count")).from_(current.subquery("held"))
    records = int(engine.rows(count)[0]["count"])
    rows = sum(pq.read_metadata(delta).num_rows for delta in deltas)
    several = base is not None or len(deltas) > 1
    if several and rows > max(few_rows, records // _DELTA_SHARE):
        engine.write(current, folder / "base.parquet")
        newest = int(deltas[-1].stem)
        final = snapshots.base(attempt.contract, attempt.destination, newest)
        publish(folder / "base.parquet", final)
    return records


def _current(base: Path | None, deltas: Sequence[Path]) -> exp.Select:
    """Read what is held out of its files; a single one has each record once."""
    files = parquet([*([base] if base else []), *deltas])
    if base is None and len(deltas) == 1:
        return exp.select(exp.Star()).from_(files).where(exp.not_(column("gone")))
    position = int(base.stem.removesuffix("-base")) if base else None
    return current_query(files, base_position=position)


def open_delivered(
    engine: Engine,
    snapshots: Snapshots,
    contract: str,
    destination: str,
    *,
    fields: Mapping[str, str],
) -> None:
    """Name what one destination holds from us as ``delivered``; see ``delivered.fields_query``."""
    base, deltas = snapshots.delivered(contract, destination)
    if base is None and not deltas:
        engine.view("delivered", none_query(fields))
        return
    engine.view("held", _current(base, deltas))
    engine.view("delivered", fields_query(engine.columns("held"), fields))
