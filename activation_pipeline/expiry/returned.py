"""What an undo put back that was never ours: a value from before us is nobody's to take away.

We remember what stands after an undo, so that the next plan sends what differs; where nothing of
ours stood there before the plan that was undone, it is somebody else's all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from sqlglot import exp

from activation_pipeline.expressions import column, is_null, named
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.warehouse import Engine


def disown(engine: Engine, contract: Contract, destination: str, runtime: Runtime) -> None:
    """Leave out of ``held`` every value that an undo put back and that was not ours before."""
    fields = [
        name.removeprefix("field:") for name in engine.columns("held") if name.startswith("field:")
    ]
    found = list(_returned(contract, destination, runtime, fields)) if fields else []
    if not found:
        return
    first, *others = found
    every: exp.Query = first
    for each in others:
        every = every.union(each, distinct=False)
    names = ("key", "destination_id", "position")
    on = exp.and_(*(column(name, "h").eq(column(name, "r")) for name in names))
    kept = [
        named(
            exp.Case().when(column(f"theirs:{name}", "r"), exp.null()).else_(_held(name)),
            f"field:{name}",
        )
        for name in fields
    ]
    engine.table(
        "held",
        exp.select(exp.Column(this=exp.Star(replace=kept), table=exp.to_identifier("h")))
        .from_(exp.to_table("held").as_("h"))
        .join(every.subquery("r"), on=on, join_type="left"),
    )


def _held(name: str) -> exp.Expr:
    return column(f"field:{name}", "h")


def _returned(
    contract: Contract, destination: str, runtime: Runtime, fields: Sequence[str]
) -> Iterator[exp.Query]:
    """Select, for each position that an undo became, whose values it put back."""
    undos = {
        incident.restoring: incident.plan
        for incident in runtime.ledger.incidents.all(contract.name)
        if (incident.action, incident.destination) == ("rollback", destination)
    }
    if not undos:
        return
    positions = runtime.ledger.refreshes.positions(contract.name, destination)
    for undo, undone in undos.items():
        parts = [
            runtime.snapshots.part(contract.name, plan or "", destination)
            for plan in (undo, undone)
        ]
        if all(part.is_file() for part in parts):
            for position in positions.get(undo or "", ()):
                yield _theirs(parts[0], parts[1], position, fields)


def _theirs(undo: Path, undone: Path, position: int, fields: Sequence[str]) -> exp.Select:
    """Flag the fields that the undo wrote and of which we held nothing before its plan."""
    back, before = pq.read_schema(undo).names, pq.read_schema(undone).names

    def flag(name: str) -> exp.Expr:
        if f"write:{name}" not in back or f"before:{name}" not in before:
            return exp.false()
        return exp.and_(column(f"write:{name}", "u"), is_null(column(f"before:{name}", "p")))

    own = column("delivered_id", "u")
    on = exp.and_(column("key", "u").eq(column("key", "p")), own.eq(column("destination_id", "p")))
    return (
        exp.select(
            column("key", "u"),
            named(own.copy(), "destination_id"),
            named(exp.Literal.number(position), "position"),
            *(named(flag(name), f"theirs:{name}") for name in fields),
        )
        .from_(exp.alias_(parquet([undo]), "u", table=True))
        .join(exp.alias_(parquet([undone]), "p", table=True), on=on)
    )
