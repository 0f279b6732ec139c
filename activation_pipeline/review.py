"""What a launch review looks at besides the contract: a sample of records, in and out.

The sample is drawn by a stable hash of the key, so that it is the same when shown again, and
stratified: every reason for leaving a record out has its turn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from activation_pipeline.errors import ConfigurationError
from activation_pipeline.expressions import column, named
from activation_pipeline.population import SEPARATOR
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime

DEFAULT_RECORDS = 20


@dataclass(frozen=True)
class Sampled:
    """One sampled candidate; ``reasons`` is empty where it is included."""

    key: str
    disposition: str
    reasons: tuple[str, ...]
    details: str
    values: Mapping[str, Any]


def sample_size(contract: Contract) -> int:
    """Read how many records the contract wants reviewed; 20 where it does not say."""
    asked = (spec.params.get("records") for spec in contract.gates if spec.name == "sample_review")
    return next((int(records) for records in asked if records), DEFAULT_RECORDS)


def shares(counts: Mapping[str, int], records: int) -> dict[str, int]:
    """Divide a sample among strata: half to the included, the rest in turns among the others.

    Args:
        counts: candidates by stratum; ``eligible`` are the included.
        records: how many to draw; fewer where there are fewer.
    """
    others = {name: count for name, count in counts.items() if name != "eligible" and count}
    included = min(counts.get("eligible", 0), max(records - sum(others.values()), records // 2))
    drawn: Counter[str] = Counter({"eligible": included} if included else {})
    while sum(drawn.values()) < records and any(drawn[n] < c for n, c in others.items()):
        for name, count in sorted(others.items()):
            if drawn[name] < count and sum(drawn.values()) < records:
                drawn[name] += 1
    return dict(drawn)


def sample(
    contract: Contract, plan: Plan, runtime: Runtime, *, records: int
) -> tuple[Sampled, ...]:
    """Draw a plan's sample: included first, then excluded by their first reason.

    Raises:
        ConfigurationError: the plan's snapshot is not where it was written.
    """
    path = runtime.snapshots.population(contract.name, plan.id)
    if not path.is_file():
        raise ConfigurationError(
            f"{contract.name}: plan {plan.id} has no snapshot under ACTIVATION_HOME; "
            f"run activation plan {contract.name}"
        )
    with runtime.snapshots.workspace() as folder, runtime.engine(folder) as engine:
        engine.table("strata", _strata(parquet([path])))
        count = named(exp.Count(this=exp.Star()), "count")
        by = exp.select(column("stratum"), count).from_("strata").group_by(column("stratum"))
        counts = {row["stratum"]: row["count"] for row in engine.rows(by)}
        rows = engine.rows(_drawn(contract.name, shares(counts, records)))
    return tuple(_sampled(row) for row in rows)


def _strata(population: exp.Table) -> exp.Select:
    """Name each candidate's stratum: included, or its disposition and first reason."""
    eligible = column("disposition").eq(exp.Literal.string("eligible"))
    first = exp.Anonymous(
        this="SPLIT_PART",
        expressions=[column("reasons"), exp.Literal.string(SEPARATOR), exp.Literal.number(1)],
    )
    name = exp.Case().when(eligible, exp.Literal.string("eligible")).else_(first)
    return exp.select(exp.Star(), named(name, "stratum")).from_(population)


def _drawn(seed: str, sizes: Mapping[str, int]) -> exp.Select:
    mixed = exp.DPipe(this=exp.Literal.string(f"{seed}:"), expression=column("key"))
    turn = exp.Window(
        this=exp.RowNumber(),
        partition_by=[column("stratum")],
        order=exp.Order(expressions=[exp.MD5(this=mixed), column("key")]),
    )
    size = exp.Case()
    for stratum, count in sizes.items():
        size = size.when(
            column("stratum").eq(exp.Literal.string(stratum)), exp.Literal.number(count)
        )
    turned = exp.select(exp.Star(), named(turn, "turn")).from_("strata").subquery("turned")
    chosen = exp.LTE(this=column("turn"), expression=size.else_(exp.Literal.number(0)))
    is_out = exp.NEQ(this=column("stratum"), expression=exp.Literal.string("eligible"))
    return (
        exp.select(exp.Star())
        .from_(turned)
        .where(chosen)
        .order_by(is_out, column("stratum"), column("turn"))
    )


def _sampled(row: Mapping[str, Any]) -> Sampled:
    prefix = "value:"
    return Sampled(
        key=row["key"] or "",
        disposition=row["disposition"],
        reasons=_reasons(row["reasons"]),
        details=row["details"] or "",
        values={n.removeprefix(prefix): v for n, v in row.items() if n.startswith(prefix)},
    )


def _reasons(joined: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (joined or "").split(SEPARATOR)))
