"""Freeze what an expiry takes away from one destination: a plan's part, and a listing beside it.

Looks at the live records where something is written; what is only told is not looked up. Nothing is
sent here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from activation_pipeline.amending.desk import Place, reached
from activation_pipeline.amending.snapshot import Judged, left_alone, part_types, write_part
from activation_pipeline.amending.tally import Tally
from activation_pipeline.expire.clearing import Ended, end, said
from activation_pipeline.expiry.ages import WHOLE, is_new, is_over
from activation_pipeline.expiry.opening import WRITTEN
from activation_pipeline.expressions import any_of, column, named, timestamp
from activation_pipeline.python_values import python_rows

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.amending.ours import Row
    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import LiveRecord
    from activation_pipeline.expiry.ages import Values
    from activation_pipeline.expiry.opening import Action
    from activation_pipeline.plan import PlanPart
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.warehouse import Engine

_HEADS = ("key", "destination_id", "destination_key")


@dataclass(frozen=True)
class Limits:
    """Since when something is over: last refreshed before ``before`` (UTC).

    What was last refreshed before ``handled`` was dealt with; it is looked at ``again`` or not.
    """

    before: datetime
    handled: datetime | None
    again: bool


def over_query(
    values: Values, words: Mapping[str, Action], columns: Sequence[str], limits: Limits
) -> exp.Select:
    """Select every record of ``ages`` of which something is to be taken away, or told.

    Returns:
        The address, ``certain``, ``as_of_before`` (how old the value is), ``as_of_sent_over`` (of
        what was sent over without an answer), ``sent_is_over`` (what was sent is, too); by field
        ``held:``, ``sent:``, ``end:`` and ``tell:``; sorted by key.
    """
    flags: dict[str, exp.Expr] = {}
    for name in values.names:
        over = is_over(name, limits.before, fields=bool(values.fields))
        new = is_new(name, limits.before, limits.handled)
        is_written = words[name] in WRITTEN
        wanted = over if is_written and limits.again else exp.and_(over, new)
        flags[f"end:{name}"] = wanted if is_written else exp.false()
        flags[f"tell:{name}"] = exp.false() if is_written else wanted
    older = exp.Coalesce(this=column("as_of_before"), expressions=[column("as_of")])
    as_of = exp.Case().when(column("certain"), column("as_of")).else_(older)
    fields = [name for name in columns if name.startswith("field:")]
    return (
        exp.select(
            *map(column, _HEADS),
            column("certain"),
            named(as_of, "as_of_before"),
            named(column("as_of_before"), "as_of_sent_over"),
            named(
                exp.LT(this=column("as_of"), expression=timestamp(limits.before)), "sent_is_over"
            ),
            *(named(column(name), f"held:{name.removeprefix('field:')}") for name in fields),
            *(column(f"sent:{name}") for name in values.fields),
            *(named(flag, name) for name, flag in flags.items()),
        )
        .from_("ages")
        .where(any_of([flag.copy() for flag in flags.values()]))
        .order_by(column("key"), column("destination_id"))
    )


@dataclass(frozen=True)
class Case:
    """What freezing works with: the contract, where, and the folder that takes the files."""

    contract: Contract
    destination: str
    runtime: Runtime
    words: Mapping[str, Action]
    folder: Path


def freeze_expiry(
    case: Case, engine: Engine, query: exp.Query, *, position: int, baseline: int | None
) -> tuple[PlanPart, Tally, Place | None]:
    """Write the expiry's snapshot and listing into ``case.folder``.

    Returns:
        The part, what is done and left alone, and the destination; None: nothing is written.

    Raises:
        RetryableError, PermanentError: the destination does not answer.
    """
    over = case.folder.parent / f"{case.destination}.over.parquet"
    rows = engine.write(query, over)
    schema = pq.read_schema(over)
    place = (
        reach_out(case, part_types(part_schema(schema))) if rows and _writes(engine, over) else None
    )
    tally = Tally()

    def pieces() -> Iterator[Judged]:
        for piece in _ended(case, engine, place, over):
            for row, found in piece:
                tally.add(row["key"], found.deed, found.left)
            written = [found.row for _, found in piece if found.row is not None]
            yield Judged(written, [e for row, found in piece for e in left_alone(row, found.left)])

    part = write_part(
        case.folder,
        case.destination,
        part_schema(schema),
        pieces(),
        position=position,
        baseline=baseline,
    )
    return part, tally, place


def reach_out(case: Case, types: Mapping[str, pa.DataType]) -> Place:
    """Ask the destination what it takes now of the fields that the contract has an end for."""
    mapping = case.contract.destinations[case.destination]
    # An item is looked at as a whole; of a record only what may be emptied.
    wanted = mapping.fields if WHOLE in case.words else case.words
    fields = [name for name in wanted if name in types]
    return reached(case.contract, case.destination, case.runtime, types, fields)


def _writes(engine: Engine, over: Path) -> bool:
    flags = [name for name in pq.read_schema(over).names if name.startswith("end:")]
    engine.files("over", [over])
    some = exp.select(exp.Literal.number(1)).from_("over").where(any_of(list(map(column, flags))))
    return bool(engine.rows(some.limit(1)))


def part_schema(over: pa.Schema) -> pa.Schema:
    """Give the columns of a plan's part for what is held; ``over`` names it in ``held:``."""
    moment = over.field("as_of_before").type
    columns = [(name, pa.string()) for name in _HEADS]
    columns += [("as_of", moment), ("as_of_before", moment), ("operation", pa.string())]
    for name in over.names:
        if name.startswith("held:"):
            field, kind = name.removeprefix("held:"), over.field(name).type
            columns += [(f"before:{field}", kind), (f"after:{field}", kind)]
            columns += [(f"write:{field}", pa.bool_()), (f"live:{field}", pa.string())]
    return pa.schema(columns)


def _ended(
    case: Case, engine: Engine, place: Place | None, over: Path
) -> Iterator[list[tuple[Row, Ended]]]:
    if place is None:
        with pq.ParquetFile(over) as file:
            for batch in file.iter_batches():
                yield [(row, Ended(left=said(row, case.words))) for row in python_rows(batch)]
        return
    creates = case.contract.destinations[case.destination].behavior in {"upsert", "create_only"}
    written: set[str] = set()
    for rows in place.pieces(over):
        mine = [row for row in rows if any(row[f"end:{name}"] for name in case.words)]
        live = place.look_up(mine, place.target.fields)
        by_row = {id(row): record for row, record in zip(mine, live, strict=True)}
        elsewhere = _known_otherwise(engine, zip(mine, live, strict=True))
        found = []
        for row in rows:
            told = said(row, case.words)
            ended = Ended(left=told)
            if id(row) in by_row:
                ended = end(place.reach, row, by_row[id(row)], told, creates=creates)
            found.append((row, _once(ended, written, elsewhere)))
        yield found


def _known_otherwise(engine: Engine, looked_up: Iterable[tuple[Row, LiveRecord]]) -> set[str]:
    """Name the records that we hold under their own id and found under an older one, too.

    A record that a plan makes has an id that nobody knows when it is planned; what is refreshed
    since is refreshed under its own.
    """
    others = [r.ids[0] for row, r in looked_up if r.ids and r.ids[0] != row["destination_id"]]
    if not others:
        return set()
    listed = exp.In(
        this=column("destination_id"), expressions=[exp.Literal.string(each) for each in others]
    )
    query = exp.select(column("destination_id")).from_("held").where(listed)
    return {row["destination_id"] for row in engine.rows(query)}


def _once(ended: Ended, written: set[str], elsewhere: Container[str]) -> Ended:
    """Write a record once, also where we know it under several keys, or an old and a new id."""
    if ended.row is None:
        return ended
    own = ended.row["destination_id"]
    is_older = own != ended.row["delivered_id"]
    if own in written or (is_older and own in elsewhere):
        return Ended(left=(*ended.left, "under_another_id"))
    written.add(own)
    return Ended(_dated(ended.row), ended.left)


def _dated(row: Row) -> Row:
    """Keep how old what is taken away was, also for whoever finishes an interrupted expiry."""
    return {**row, "as_of_before": row["as_of"]}
