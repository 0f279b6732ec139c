"""Freeze the undo of one plan in one destination: a snapshot of rows like any plan's part.

Takes the plan's rows that arrived, or may have, looks at the live records, and writes what is
put back and, beside it, what is left alone and why. Nothing is sent here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from sqlglot import exp

from activation_pipeline.amending.snapshot import Judged, left_alone, write_part
from activation_pipeline.amending.tally import Tally
from activation_pipeline.delivered import merged
from activation_pipeline.expressions import column, named
from activation_pipeline.rollback.report import deed
from activation_pipeline.rollback.restoration import undo
from activation_pipeline.settle import open_delivered
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from activation_pipeline.amending.desk import Place
    from activation_pipeline.amending.ours import Row
    from activation_pipeline.plan import Plan, PlanPart
    from activation_pipeline.rollback.restoration import Rules, Undone
    from activation_pipeline.runtime import Runtime

_NOT_WRITTEN = frozenset({"rejected", "held"})


@dataclass(frozen=True)
class Desk:
    """What freezing an undo works with: the plan that is undone, where, and how it is reached."""

    runtime: Runtime
    plan: Plan
    destination: str
    place: Place
    folder: Path


def freeze_undo(
    desk: Desk, rules: Rules, *, position: int, baseline: int | None
) -> tuple[PlanPart, Tally]:
    """Write the undo's snapshot into ``desk.folder``: ``<destination>.parquet`` and withheld.

    Raises:
        RetryableError, PermanentError: the destination does not answer.
    """
    source = desk.runtime.snapshots.part(desk.plan.contract, desk.plan.id, desk.destination)
    tally = Tally()

    def pieces() -> Iterator[Judged]:
        for piece in _judged(desk, rules, _sent_rows(desk, source, rules)):
            for row, found in piece:
                tally.add(row["key"], deed(found), found.left)
            rows = [found.row for _, found in piece if found.row is not None]
            yield Judged(rows, [e for row, found in piece for e in left_alone(row, found.left)])

    part = write_part(
        desk.folder,
        desk.destination,
        pq.read_schema(source),
        pieces(),
        position=position,
        baseline=baseline,
    )
    return part, tally


def _judged(desk: Desk, rules: Rules, sent: Path) -> Iterator[list[tuple[Row, Undone]]]:
    log = desk.runtime.ledger.deliveries
    noted: dict[tuple[str, str], dict[str, str]] = {}
    for each in log.outcomes(desk.plan.id, desk.destination):
        noted.setdefault((each.key, each.destination_id), {})[each.code] = each.state
    done = log.done(desk.plan.id, desk.destination)
    answered = merged(done)
    for rows in desk.place.pieces(sent):
        mine = []
        for row in rows:
            states = noted.get((row["key"], row["destination_id"]), {})
            if not _NOT_WRITTEN.intersection(states.values()):
                sure = "unknown" not in states.values() and any(
                    first <= row["file_row_number"] < last for first, last in answered
                )
                mine.append((row, states, sure))
        fields = set(rules.types) - set(rules.broken)
        live = desk.place.look_up([row for row, _, _ in mine], fields)
        yield [
            (row, undo(rules, row, record, noted=states, is_sure=sure))
            for (row, states, sure), record in zip(mine, live, strict=True)
        ]


def _sent_rows(desk: Desk, source: Path, rules: Rules) -> Path:
    """Join the plan's rows that were ever sent with what we hold there now."""
    plan, destination, runtime = desk.plan, desk.destination, desk.runtime
    batches = runtime.ledger.history.batches(plan.id, destination)
    ranges = merged((first, last) for first, last, _ in batches)
    path = desk.folder / f"{destination}.sent.parquet"
    with runtime.engine(desk.folder) as engine:
        engine.files("part", [source])
        kinds = engine.columns("part")
        fields = {name: kinds[f"after:{name}"] for name in rules.types}
        open_delivered(engine, runtime.snapshots, plan.contract, destination, fields=fields)
        engine.write(_sent_query(source, rules.types, ranges), path)
    return path


def _sent_query(
    source: Path, fields: Iterable[str], ranges: Sequence[tuple[int, int]]
) -> exp.Select:
    row = column("file_row_number", "p")
    within = [
        exp.and_(
            exp.GTE(this=row, expression=exp.Literal.number(first)),
            exp.LT(this=row.copy(), expression=exp.Literal.number(last)),
        )
        for first, last in ranges
    ]
    keys = ("key", "destination_id")
    on = exp.and_(*(column(name, "p").eq(column(name, "d")) for name in keys))
    held = exp.not_(exp.Is(this=column("key", "d"), expression=exp.null()))
    return (
        exp.select(
            exp.Column(this=exp.Star(), table=exp.to_identifier("p")),
            named(held, "held"),
            *(named(column(f"field:{name}", "d"), f"held:{name}") for name in fields),
        )
        .from_(exp.alias_(parquet([source], numbered=True), "p", table=True))
        .join(exp.to_table("delivered").as_("d"), on=on, join_type="left")
        .where(exp.or_(*within) if within else exp.false())
        .order_by(row.copy())
    )
