"""Open what tells the age of delivered values: what is held, and the plans that refreshed it.

Only snapshots and the ledger are read.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pyarrow.parquet as pq
from sqlglot import exp

from activation_pipeline.delivered import current_query
from activation_pipeline.expiry.ages import (
    WHOLE,
    Found,
    Values,
    ages_query,
    delivered_query,
    refreshed_query,
    rest_query,
)
from activation_pipeline.expiry.returned import disown
from activation_pipeline.expressions import column, named, timestamp
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.warehouse import Engine

Action = Literal["remove", "clear", "flag", "alert"]
# What of these is written to a destination; the others are only told.
WRITTEN: frozenset[Action] = frozenset({"remove", "clear"})
_STRICTEST: tuple[Action, ...] = ("remove", "clear", "flag", "alert")
_INSTANT = timedelta(microseconds=1)


def promises(contract: Contract, destination: str) -> dict[str, Action]:
    """Say what happens to each value at its end, by field; members and whole items have one word.

    An item is written and deleted whole, so the strictest word for one of its fields is for all.
    """
    mapping, word = contract.destinations[destination], contract.freshness.on_expiry
    if word == "remove":
        return {WHOLE: "remove"}
    mine: dict[str, Action] = {name: word[name] for name in mapping.fields if name in word}
    if mapping.behavior != "mirror" or not mine:
        return mine
    strictest = min(mine.values(), key=_STRICTEST.index)
    return {WHOLE: "remove" if strictest == "clear" else strictest}


def open_ages(
    engine: Engine,
    contract: Contract,
    destination: str,
    runtime: Runtime,
    *,
    now: datetime,
    handled: datetime | None,
) -> Values | None:
    """Make the table ``ages``: what is held, with when each value was last refreshed.

    Returns:
        Whose age it tells; None where nothing is held, or nothing of it ever expires.
    """
    limit = contract.freshness.expire_after
    values = _open_held(engine, contract, destination, runtime)
    if values is None:
        return None
    # Whatever is older than this was over before it could be dealt with last.
    since = max(handled or now - limit, now - limit) - limit
    found = list(_found(engine, contract, destination, runtime, since=since))
    _open_before(engine, values, contract, destination, runtime)
    _open_told(engine, contract, destination, runtime)
    positions = {each for plan in found for each in plan.positions}
    queries = [delivered_query(values, positions), *_refreshes(engine, values, found)]
    engine.table("ages", ages_query(values, queries, unknown=since - _INSTANT))
    return values


def _open_held(
    engine: Engine, contract: Contract, destination: str, runtime: Runtime
) -> Values | None:
    """Make the table ``held``: what the destination holds from us, in all of its columns."""
    words = promises(contract, destination)
    base, deltas = runtime.snapshots.delivered(contract.name, destination)
    files = [*([base] if base else []), *deltas]
    if not files or not words:
        return None
    position = int(base.stem.removesuffix("-base")) if base else None
    engine.table("held", current_query(parquet(files), base_position=position))
    disown(engine, contract, destination, runtime)
    columns = engine.columns("held")
    fields = {} if WHOLE in words else contract.destinations[destination].fields
    known = [field for field in words if f"field:{field}" in columns]
    if fields and not known:
        return None
    return Values(
        destination=destination,
        fields={field: fields[field].column for field in known if field in fields},
        types={field: columns[f"field:{field}"] for field in known},
    )


def _refreshes(engine: Engine, values: Values, found: Sequence[Found]) -> Iterator[exp.Query]:
    """Read the newest plan first, and older ones only for what it says nothing of."""
    engine.table("rest", exp.select("*").from_("held"))
    for number, each in enumerate(reversed(found)):
        name = f"refreshed_{number}"
        engine.table(name, refreshed_query(values, each))
        yield exp.select("*").from_(name)
        engine.table("rest", rest_query(values, name))
        if not engine.rows(exp.select(exp.Literal.number(1)).from_("rest").limit(1)):
            return


def _found(
    engine: Engine, contract: Contract, destination: str, runtime: Runtime, *, since: datetime
) -> Iterator[Found]:
    """Open the plans that may have refreshed something; one whose snapshots are gone says nothing.

    A population has no event that is younger than itself, so older ones are not looked at.
    """
    snapshots, name = runtime.snapshots, contract.name
    for each in runtime.ledger.refreshes.since(name, destination, since):
        population = snapshots.population_of(name, each.plan, each.preparation)
        part = snapshots.part(name, each.plan, destination)
        withheld = snapshots.withheld(name, each.plan, destination)
        if not (each.is_whole or each.positions):
            continue
        if population.is_file() and part.is_file() and withheld.is_file():
            engine.files("population", [population])
            columns = engine.columns("population")
            yield Found(population, part, withheld, columns, each.is_whole, each.positions)


def _open_before(
    engine: Engine, values: Values, contract: Contract, destination: str, runtime: Runtime
) -> None:
    """Name as ``before`` what is known of rows whose last refresh has no trustworthy answer.

    How old the value before was, and in ``sent:<field>`` the value that may have arrived.
    """
    unsure = exp.select(column("position")).distinct().from_("held")
    unsure = unsure.where(exp.not_(column("certain")))
    queries: list[exp.Query] = []
    for row in engine.rows(unsure):
        part = _part_at(contract, destination, runtime, row["position"])
        if part is not None:
            queries.append(_sent_query(part, values, row["position"]))
    kinds = {"key": "text", "destination_id": "text", "position": "bigint"}
    kinds |= {"as_of_before": "timestamp"} | {f"sent:{n}": kind for n, kind in values.types.items()}
    engine.view("before", _all_of(queries) or _none(kinds))


def _sent_query(part: Path, values: Values, position: int) -> exp.Select:
    there = pq.read_schema(part).names
    columns = {"as_of_before": ("as_of_before", "timestamp")}
    columns |= {f"sent:{n}": (f"after:{n}", kind) for n, kind in values.types.items()}
    return exp.select(
        column("key"),
        column("destination_id"),
        named(exp.Literal.number(position), "position"),
        *(
            named(
                exp.TryCast(
                    this=column(source) if source in there else exp.null(),
                    to=exp.DataType.build(kind, dialect="duckdb"),
                ),
                name,
            )
            for name, (source, kind) in columns.items()
        ),
    ).from_(parquet([part]))


def _part_at(contract: Contract, destination: str, runtime: Runtime, position: int) -> Path | None:
    plan = runtime.ledger.history.plan_at(contract.name, destination, position)
    part = runtime.snapshots.part(contract.name, plan, destination) if plan else None
    return part if part is not None and part.is_file() else None


def _open_told(engine: Engine, contract: Contract, destination: str, runtime: Runtime) -> None:
    """Name as ``told`` when deliveries were noted that brought values without an event time."""
    undated = exp.select(column("position")).distinct().from_("held")
    undated = undated.where(exp.Is(this=column("as_of"), expression=exp.null()))
    wanted = [row["position"] for row in engine.rows(undated)]
    known: Mapping[int, datetime] = (
        runtime.ledger.refreshes.delivered_at(contract.name, destination) if wanted else {}
    )
    queries: list[exp.Query] = [
        exp.select(
            named(exp.Literal.number(each), "position"),
            named(timestamp(known[each]), "at"),
        )
        for each in wanted
        if each in known
    ]
    engine.view("told", _all_of(queries) or _none({"position": "bigint", "at": "timestamp"}))


def _all_of(queries: Sequence[exp.Query]) -> exp.Query | None:
    found: exp.Query | None = None
    for each in queries:
        found = each if found is None else found.union(each, distinct=False)
    return found


def _none(columns: Mapping[str, str]) -> exp.Select:
    """Stand in for a table without rows."""
    output = [
        named(exp.cast(exp.null(), exp.DataType.build(kind, dialect="duckdb")), name)
        for name, kind in columns.items()
    ]
    return exp.select(*output).where(exp.false())
