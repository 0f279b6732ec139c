"""Draws the sample of a launch review out of a plan's frozen snapshots: records in, and out.

The draw is a stable hash of plan and key, so a plan's sample is the same whenever and in whatever
form it is shown; and it is stratified: every reason for leaving somebody out, and everything
that the plan does with those who are in, has its turn. The work is the engine's.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from activation_pipeline.expressions import any_of, column, distinct, inside, is_null, named
from activation_pipeline.live import agrees
from activation_pipeline.population import SEPARATOR
from activation_pipeline.review.document import Effect, FieldChange, Sampled
from activation_pipeline.review.writing import key_as_hidden, key_as_shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from activation_pipeline.contract import Contract
    from activation_pipeline.plan import Plan
    from activation_pipeline.review.writing import Write
    from activation_pipeline.snapshots import Snapshots
    from activation_pipeline.warehouse import Engine

DEFAULT_RECORDS = 20
GONE = "no longer a candidate"
UNCHANGED = "unchanged"
HELD_BACK = "held back: "
_IN, _OUT = "in:", "out:"


def sample_size(contract: Contract) -> int:
    """Read how many records the contract wants reviewed; 20 where it does not say."""
    asked = (spec.params.get("records") for spec in contract.gates if spec.name == "sample_review")
    return next((int(records) for records in asked if records), DEFAULT_RECORDS)


def shares(
    included: Mapping[str, int], excluded: Mapping[str, int], records: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Divide a sample: half to each side, and on each side its strata take turns.

    What one side does not fill goes to the other. Every stratum that has a record gets one, even
    where that makes the sample larger than was asked for.

    Args:
        included: records by what the plan does with them.
        excluded: records by the reason that left them out.
        records: how many to draw in all; fewer where there are fewer.
    """
    inside_count, outside_count = sum(included.values()), sum(excluded.values())
    room_in = max(records - records // 2, records - outside_count)
    drawn_in = _in_turns(included, min(room_in, inside_count))
    room_out = max(records // 2, records - sum(drawn_in.values()))
    return drawn_in, _in_turns(excluded, min(room_out, outside_count))


def _in_turns(counts: Mapping[str, int], records: int) -> dict[str, int]:
    drawn: Counter[str] = Counter({name: 1 for name, count in sorted(counts.items()) if count})
    while sum(drawn.values()) < records:
        for name, count in sorted(counts.items()):
            if drawn[name] < count and sum(drawn.values()) < records:
                drawn[name] += 1
    return dict(drawn)


def open_plan(engine: Engine, snapshots: Snapshots, plan: Plan) -> None:
    """Name a plan's snapshots: ``population``, ``part:<destination>``, ``withheld:<…>``, ``fate``.

    ``fate`` is the population with one more column: what the plan does with each candidate there.
    """
    engine.files("population", [snapshots.population(plan.contract, plan.id)])
    for part in plan.parts:
        name = part.destination
        engine.files(f"part:{name}", [snapshots.part(plan.contract, plan.id, name)])
        engine.files(f"withheld:{name}", [snapshots.withheld(plan.contract, plan.id, name)])
        engine.view(f"fate:{name}", _fate(name))


def _fate(name: str) -> exp.Select:
    """Name what one destination's part does with each eligible candidate; one row each."""
    held = exp.DPipe(this=_text(HELD_BACK), expression=column("reason", "w"))
    what = exp.Coalesce(this=column("operation", "c"), expressions=[held, _text(UNCHANGED)])
    query = exp.select(
        column("key", "p"), named(what, "what"), named(column("operation", "c"), "planned")
    ).from_(exp.alias_(exp.to_table("population"), "p", table=True))
    for alias, kind in (("c", "part"), ("w", "withheld")):
        same = exp.and_(
            column("key", "p").eq(column("key", alias)),
            exp.not_(distinct(column(f"id:{name}", "p"), column("destination_id", alias))),
        )
        query = query.join(_aliased(f"{kind}:{name}", alias), on=same, join_type="left")
    return query.where(column("disposition", "p").eq(_text("eligible")))


def _aliased(name: str, alias: str) -> exp.Expr:
    return exp.alias_(exp.Table(this=exp.to_identifier(name, quoted=True)), alias, table=True)


def first_reason() -> exp.Expr:
    """Take the reason that decided: reasons are in the order in which they exclude."""
    return exp.Anonymous(
        this="SPLIT_PART",
        expressions=[column("reasons"), exp.Literal.string(SEPARATOR), exp.Literal.number(1)],
    )


def _strata(plan: Plan) -> exp.Query:
    """Select ``key``, ``stratum``: the decided reason, or what the plan does with the candidate.

    Who is planned in some destination stands for that operation, whatever another one does.
    """
    names = [part.destination for part in plan.parts]
    fates = [column("planned", f"f:{n}") for n in names] + [column("what", f"f:{names[0]}")]
    fate = exp.DPipe(this=_text(_IN), expression=exp.Coalesce(this=fates[0], expressions=fates[1:]))
    reason = exp.DPipe(this=_text(_OUT), expression=first_reason())
    eligible = column("disposition", "p").eq(_text("eligible"))
    query = exp.select(
        column("key", "p"), named(exp.Case().when(eligible, fate).else_(reason), "stratum")
    ).from_(_aliased("population", "p"))
    for name in names:
        same = column("key", "p").eq(column("key", f"f:{name}"))
        query = query.join(_aliased(f"fate:{name}", f"f:{name}"), on=same, join_type="left")
    return query.union(_gone(names), distinct=False)


def _text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def _gone(names: Sequence[str]) -> exp.Select:
    """Select who leaves a list without being a candidate any more."""
    each = [
        exp.select(column("key"))
        .from_(exp.Table(this=exp.to_identifier(f"part:{name}", quoted=True)))
        .where(column("operation").eq(_text("remove")))
        for name in names
    ]
    leaving: exp.Query = each[0]
    for other in each[1:]:
        leaving = leaving.union(other, distinct=False)
    known = inside(column("key"), exp.select(column("key")).from_("population").where(
        exp.not_(is_null(column("key")))
    ))  # fmt: skip
    return (
        exp.select(column("key"), named(_text(_OUT + GONE), "stratum"))
        .distinct()
        .from_(leaving.subquery("leaving"))
        .where(exp.not_(known))
    )


@dataclass(frozen=True)
class Reader:
    """How a sample is drawn and written: the plan, how many, with values or without."""

    plan: Plan
    records: int
    write: Write
    shows_values: bool


def draw(engine: Engine, reader: Reader) -> tuple[Sampled, ...]:
    """Draw a plan's sample from what ``open_plan`` named: included first, then left out."""
    engine.table("strata", _strata(reader.plan))
    by = exp.select(column("stratum"), named(exp.Count(this=exp.Star()), "count"))
    counts = {
        row["stratum"]: row["count"]
        for row in engine.rows(by.from_("strata").group_by(column("stratum")))
    }
    sides = [{n: c for n, c in counts.items() if n.startswith(side)} for side in (_IN, _OUT)]
    drawn_in, drawn_out = shares(sides[0], sides[1], reader.records)
    if not counts:
        return ()
    chosen = engine.rows(_drawn(reader.plan.id, {**drawn_in, **drawn_out}))
    keys = [row["key"] for row in chosen if row["key"] is not None]
    people = _by_key(engine, "population", keys)
    effects = _effects(engine, reader, keys)
    return tuple(_sampled(row, people, effects, reader) for row in chosen)


def _drawn(seed: str, sizes: Mapping[str, int]) -> exp.Select:
    mixed = exp.DPipe(this=exp.Literal.string(f"{seed}:"), expression=column("key"))
    turn = exp.Window(
        this=exp.RowNumber(),
        partition_by=[column("stratum")],
        order=exp.Order(expressions=[exp.MD5(this=mixed), column("key")]),
    )
    size = exp.Case()
    for stratum, count in sizes.items():
        size = size.when(column("stratum").eq(_text(stratum)), exp.Literal.number(count))
    chosen = exp.LTE(this=column("turn"), expression=size.else_(exp.Literal.number(0)))
    turned = exp.select(exp.Star(), named(turn, "turn")).from_("strata").subquery("turned")
    return (
        exp.select(exp.Star())
        .from_(turned)
        .where(chosen)
        .order_by(column("stratum"), column("turn"))
    )


def _by_key(engine: Engine, table: str, keys: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Read a table's rows of the sampled keys, and of no others."""
    found: dict[str, list[dict[str, Any]]] = {}
    among = any_of([column("key").eq(_text(key)) for key in dict.fromkeys(keys)])
    where = exp.Table(this=exp.to_identifier(table, quoted=True))
    for row in engine.rows(exp.select(exp.Star()).from_(where).where(among)):
        found.setdefault(row["key"], []).append(row)
    return found


def _sampled(
    row: Mapping[str, Any],
    people: Mapping[str, list[dict[str, Any]]],
    effects: Mapping[str, list[Effect]],
    reader: Reader,
) -> Sampled:
    key, stratum = row["key"], row["stratum"].partition(":")[2]
    known = people.get(key) if key else None
    candidate = known[0] if known else {"disposition": "gone" if key else "invalid"}
    written = key_as_shown if reader.shows_values else key_as_hidden
    values = {n: v for n, v in candidate.items() if n.startswith("value:")}
    reasons = (candidate.get("reasons") or stratum).split(SEPARATOR)
    is_in = candidate["disposition"] == "eligible"
    return Sampled(
        key=written(key),
        disposition=candidate["disposition"],
        stratum=stratum,
        reasons=() if is_in else tuple(reasons),
        details=reader.write(candidate["details"])
        if reader.shows_values and candidate.get("details")
        else "",
        values={name.removeprefix("value:"): reader.write(v) for name, v in values.items()},
        effects=tuple(effects.get(key, ())) if key else (),
    )


def _effects(engine: Engine, reader: Reader, keys: Sequence[str]) -> dict[str, list[Effect]]:
    """Tell, for each sampled key, what every destination's part does with its records."""
    found: dict[str, list[Effect]] = {}
    for part in reader.plan.parts:
        name = part.destination
        for key, rows in _by_key(engine, f"part:{name}", keys).items():
            for row in rows:
                changes = tuple(_changes(row, reader))
                record = key_as_hidden(row["destination_id"])
                effect = Effect(name, record, row["operation"], changes)
                found.setdefault(key, []).append(effect)
        for key, rows in _by_key(engine, f"withheld:{name}", keys).items():
            for row in rows:
                record = key_as_hidden(row["destination_id"])
                held = Effect(name, record, f"{HELD_BACK}{row['reason']}")
                found.setdefault(key, []).append(held)
    return found


def _changes(row: Mapping[str, Any], reader: Reader) -> Iterator[FieldChange]:
    for full, after in row.items():
        kind, _, field = full.partition(":")
        if kind != "after" or not row[f"write:{field}"]:
            continue
        live, ours = row[f"live:{field}"], row[f"before:{field}"]
        there = json.loads(live) if live is not None else ours
        edited = ours is not None and live is not None and not agrees(ours, there)
        before, was_empty = reader.write(there), there in (None, "")
        yield FieldChange(field, before, reader.write(after), was_empty, edited)
