"""The waterfall: from the candidates, rule by rule, to the eligible and what is done with them.

Each candidate is counted under the rule that took it out, which is the first in the order of the
dispositions, so the steps add up. Counting is the engine's work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from activation_pipeline.dispositions import EXCLUDED, ROLE_BASED, rules
from activation_pipeline.expressions import column, distinct, is_null, named
from activation_pipeline.review.document import Fall, Flow, Waterfall
from activation_pipeline.review.sampling import HELD_BACK, first_reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.plan import Plan
    from activation_pipeline.warehouse import Engine

_UNMATCHED = ("unmatched", "ambiguous", "colliding")


def count_waterfall(
    contract: Contract, plan: Plan, engine: Engine, named_by: Mapping[str, int], *, now: datetime
) -> Waterfall:
    """Count a plan's waterfall from what ``open_plan`` named.

    Args:
        contract: whose lists and owners are shown, also where a list takes nobody out.
        plan: whose snapshots the engine has open.
        engine: with the snapshots.
        named_by: candidates by reason, where one candidate may be under several.
        now: UTC; does not change what is counted.
    """
    reason = named(first_reason(), "reason")
    by = exp.select(
        column("disposition"), reason, named(exp.Count(this=exp.Star()), "count")
    ).from_("population")
    rows = engine.rows(by.group_by(column("disposition"), first_reason()))
    falls = tuple(_falls(contract, rows, named_by, now))
    flows = tuple(_flow(engine, part.destination) for part in plan.parts)
    return Waterfall(falls, flows)


def _falls(
    contract: Contract, rows: list[dict[str, Any]], named_by: Mapping[str, int], now: datetime
) -> list[Fall]:
    out = {(r["disposition"], r["reason"]): r["count"] for r in rows}
    left = sum(out.values())
    source = contract.owners.source_model
    found = [Fall("all", "candidates", contract.source.model, left, left, None, source)]
    lists = {*contract.suppression.models, *contract.suppression.review}
    order = [(rule.disposition, rule.name) for rule in rules(contract, now)]
    # A plan of another version of the contract may have reasons that this one does not know.
    known = [(d, r) for d, r in out if d != "eligible" and (d, r) not in order]
    known.sort(key=lambda pair: (EXCLUDED.index(pair[0]), pair[1] or ""))
    places = sorted([*order, *known], key=lambda pair: EXCLUDED.index(pair[0]))
    for disposition, reason in places:
        count = out.get((disposition, reason), 0)
        if count or reason in lists:
            left -= count
            owner = _owner(contract, disposition, reason or "")
            overlap = named_by.get(reason or "")
            found.append(Fall("out", disposition, reason or "", count, left, overlap, owner))
    eligible = sum(count for (disposition, _), count in out.items() if disposition == "eligible")
    found.append(Fall("left", "eligible", "", eligible, left, None, contract.owners.workflow))
    return found


def _owner(contract: Contract, disposition: str, reason: str) -> str:
    """Name who can say whether a reason is right: a list's owner, or its section's."""
    suppression, owners = contract.suppression, contract.owners
    if reason in suppression.models:
        return suppression.models[reason].owner
    if reason in suppression.review:
        return suppression.review[reason]
    if reason.startswith(ROLE_BASED) or disposition == "suppressed":
        return owners.destination_field
    if disposition == "holdout":
        return owners.outcome
    return owners.workflow if disposition == "review" else owners.source_model


def _flow(engine: Engine, destination: str) -> Flow:
    """Count what one destination's part does with the eligible, and who leaves there."""
    count = named(exp.Count(this=exp.Star()), "count")
    fate = exp.Table(this=exp.to_identifier(f"fate:{destination}", quoted=True))
    by = exp.select(column("what"), named(exp.Max(this=column("planned")), "planned"), count).from_(
        fate
    )
    rows = engine.rows(by.group_by(column("what")))
    rows.sort(key=lambda row: (row["planned"] is None, row["what"]))
    eligible = {row["what"]: row["count"] for row in rows}
    return Flow(destination, eligible, _leaving(engine, destination))


def _leaving(engine: Engine, destination: str) -> dict[str, int]:
    """Count members that the plan removes, or keeps although nothing says that they belong."""
    found = {}
    part = exp.Table(this=exp.to_identifier(f"part:{destination}", quoted=True))
    removed = exp.select(named(exp.Count(this=exp.Star()), "count")).from_(part)
    removed = removed.where(column("operation").eq(exp.Literal.string("remove")))
    found["remove"] = engine.rows(removed)[0]["count"]
    held = exp.alias_(
        exp.Table(this=exp.to_identifier(f"withheld:{destination}", quoted=True)), "w", table=True
    )
    same = exp.and_(
        column("key", "w").eq(column("key", "p")),
        exp.not_(distinct(column("destination_id", "w"), column(f"id:{destination}", "p"))),
        column("disposition", "p").eq(exp.Literal.string("eligible")),
    )
    people = exp.alias_(exp.to_table("population"), "p", table=True)
    kept = (
        exp.select(column("reason", "w"), named(exp.Count(this=exp.Star()), "count"))
        .from_(held)
        .join(people, on=same, join_type="left")
        .where(is_null(column("key", "p")))
        .group_by(column("reason", "w"))
    )
    found |= {f"{HELD_BACK}{row['reason']}": row["count"] for row in engine.rows(kept)}
    return {name: count for name, count in sorted(found.items()) if count}
