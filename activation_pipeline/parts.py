"""Freeze one destination's part of a plan: what would change there, and what stays back.

Compares the population with what the destination holds from us, looks at the live records,
applies the field policy, leaves out what was refused before, and writes the snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.changes import (
    judged_query,
    part_query,
    proposal_query,
    withheld_query,
)
from activation_pipeline.expressions import named
from activation_pipeline.live import write_live
from activation_pipeline.plan import PlanPart, indicators
from activation_pipeline.policy import policy_query
from activation_pipeline.rejections import mapping_digest, name_refused
from activation_pipeline.runtime import target
from activation_pipeline.settle import open_delivered, settle
from activation_pipeline.snapshots import content_hash
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.contract import Contract, MappedField
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.warehouse import Engine


@dataclass(frozen=True)
class Desk:
    """What freezing works with: ``engine`` has the ``population``, ``folder`` takes the files.

    ``retry_rejected`` offers again what a destination refused before, though nothing changed.
    """

    contract: Contract
    runtime: Runtime
    engine: Engine
    folder: Path
    now: datetime
    retry_rejected: bool = False


def freeze_part(desk: Desk, name: str) -> PlanPart:
    """Propose, look at the live records, apply the policy, and freeze one destination's part.

    Raises:
        RetryableError, PermanentError: the destination does not answer; no plan then.
    """
    contract, runtime, engine, folder = desk.contract, desk.runtime, desk.engine, desk.folder
    position = settle(runtime, contract.name, name, now=desk.now)
    _, baseline = runtime.ledger.deliveries.position(contract.name, name)
    where = target(contract, name)
    types = engine.columns("population")
    fields = {field: types[f"value:{m.column}"] for field, m in where.fields.items()}
    open_delivered(engine, runtime.snapshots, contract.name, name, fields=fields)
    proposed, live = folder / f"{name}.proposed.parquet", folder / f"{name}.live.parquet"
    engine.write(proposal_query(contract, name), proposed)
    if where.fields:
        write_live(runtime.client(contract, name), where, proposed, live, now=desk.now)
        engine.files("live", [live])
    else:
        engine.view("live", exp.select("*").from_(parquet([proposed])).limit(0))
    engine.files("proposed", [proposed])
    engine.table("policed", policy_query(contract, name))
    _name_refused(desk, name, where.fields)
    engine.table("judged", judged_query(contract, name, room=_room(desk, baseline)))
    path, rest = folder / "plan" / f"{name}.parquet", folder / "plan" / f"{name}.withheld.parquet"
    rows = engine.write(part_query(contract, name), path)
    engine.write(withheld_query(), rest)
    return PlanPart(
        destination=name,
        content=content_hash(path),
        rows=rows,
        operations=_counted(engine, "operation", parquet([path])),
        position=position,
        baseline=baseline,
        withheld=_counted(engine, "reason", parquet([rest])),
        identity=runtime.client(contract, name).identity,
    )


def _name_refused(desk: Desk, name: str, fields: Mapping[str, MappedField]) -> None:
    contract, runtime = desk.contract, desk.runtime
    known = {}
    # A list's members have no values in which a change could be seen.
    if fields and not desk.retry_rejected:
        digest = mapping_digest(runtime.client(contract, name), target(contract, name))
        known = runtime.ledger.rejections.known(contract.name, name, digest)
    telling = [field for field in fields if field not in indicators(contract, fields)]
    name_refused(desk.engine, known, telling, desk.folder)


def _counted(engine: Engine, name: str, table: exp.Table) -> dict[str, int]:
    by = exp.to_identifier(name, quoted=True)
    count = named(exp.Count(this=exp.Star()), "count")
    query = exp.select(exp.column(by), count).from_(table).group_by(exp.column(by.copy()))
    return {row[name]: row["count"] for row in sorted(engine.rows(query), key=lambda r: r[name])}


def _room(desk: Desk, baseline: int | None) -> int | None:
    """Count how many more records the launch's caveats let in; None: no cap."""
    caveats = desk.contract.launch.caveats
    if caveats is None:
        return None
    limit = caveats.at_most
    if caveats.share is not None:
        counts = _counted(desk.engine, "disposition", exp.to_table("population"))
        limit = int(counts.get("eligible", 0) * caveats.share)
    return None if limit is None else max(0, limit - (baseline or 0))
