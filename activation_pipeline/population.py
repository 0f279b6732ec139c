"""Every candidate gets exactly one disposition, and keeps all its reasons.

Composes one query out of contract values; running it is the warehouse's business. The
vocabulary is engine-neutral on purpose: joins, CASE, GROUP BY, concat_ws, literal
timestamps. What differs between engines (hashes, text functions) lives in dbt models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.dispositions import Rule, rules
from activation_pipeline.expressions import Relations, column, inside, named, text
from activation_pipeline.identity import identity_query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from activation_pipeline.contract import Contract

SEPARATOR = "\x1f"  # between the names in ``reasons``: no name of a model or field contains it


def value_columns(contract: Contract) -> tuple[str, ...]:
    """List the source columns that any destination maps, each once, in contract order."""
    mapped = (
        mapping.column
        for destination in contract.destinations.values()
        for mapping in destination.fields.values()
    )
    return tuple(dict.fromkeys(mapped))


def _candidates(contract: Contract, relations: Relations, scope: exp.Table | None) -> exp.Select:
    """Select one row per candidate: key, as_of, ``value:<column>`` for each mapped column."""
    key = text(column(contract.entity.key))
    query = exp.select(
        named(key, "key"),
        named(exp.cast(column(contract.freshness.column), exp.DType.TIMESTAMP), "as_of"),
        *(named(column(name), f"value:{name}") for name in value_columns(contract)),
    ).from_(relations.source.copy(), copy=False)
    if scope is not None:
        query = query.where(inside(key, exp.select(column("key")).from_(scope)), copy=False)
    return query


def _keyed(model: exp.Table) -> exp.Select:
    """Collapse a suppression or review model to one row per key: a join must not multiply."""
    return (
        exp.select(
            named(text(column("key")), "key"),
            named(exp.Min(this=text(column("reason"))), "reason"),
        )
        .from_(model)
        .group_by(text(column("key")))
    )


def _duplicated(counted: exp.Expr, rows: exp.Query | exp.Table, name: str) -> exp.Select:
    """Select the values that occur more than once, each once, as column ``name``."""
    source = rows.subquery("counted") if isinstance(rows, exp.Query) else rows
    return (
        exp.select(named(counted, name))
        .from_(source)
        .group_by(counted)
        .having(exp.GT(this=exp.Count(this=exp.Star()), expression=exp.Literal.number(1)))
    )


def _shared(name: str, relations: Mapping[str, str]) -> exp.Select:
    """Select the destination ids that several candidates resolve to."""
    matched = (
        exp.select(column("lo", "i"))
        .from_(exp.to_table("candidates").as_("c"))
        .join(
            exp.to_table(relations[name]).as_("i"),
            on=exp.and_(
                column("key", "c").eq(column("key", "i")),
                column("lo", "i").eq(column("hi", "i")),
            ),
        )
    )
    return _duplicated(column("lo"), matched, "lo")


def _joined(contract: Contract, identities: Mapping[str, str]) -> exp.Select:
    """Join candidates with everything that judges them; never more rows than candidates."""
    query = exp.select().from_(exp.to_table("candidates").as_("c"))
    key = column("key", "c")

    def join(name: str, alias: str, on: exp.Expr) -> None:
        nonlocal query
        table = exp.Table(this=exp.to_identifier(name, quoted=True))
        query = query.join(
            exp.alias_(table, exp.to_identifier(alias, quoted=True), table=True),
            on=on,
            join_type="left",
            copy=False,
        )

    join("duplicates", "duplicate_key", key.eq(column("key", "duplicate_key")))
    for name in contract.destinations:
        join(identities[name], f"id:{name}", key.eq(column("key", f"id:{name}")))
        shared = exp.and_(
            column("lo", f"id:{name}").eq(column("hi", f"id:{name}")),
            column("lo", f"id:{name}").eq(column("lo", f"shared:{name}")),
        )
        join(f"shared:{name}", f"shared:{name}", shared)
    for model in _lists(contract):
        join(f"list:{model}", f"list:{model}", key.eq(column("key", f"list:{model}")))
    if contract.suppression.holdout is not None:
        join("holdout", "holdout", key.eq(column("key", "holdout")))
    return query


def population_query(
    contract: Contract, relations: Relations, *, now: datetime, scope: exp.Table | None = None
) -> exp.Select:
    """Compose the population: as many rows as candidates, each with exactly one disposition.

    The first stage that excludes a candidate names its disposition; ``reasons`` keeps the names
    of all rules that apply, joined by ``SEPARATOR``, and ``details`` what the lists said of it.
    With several destinations a candidate is eligible in all of them or in none: one decision.

    Args:
        contract: thresholds and names.
        relations: tables; keys are compared as text, timestamps are UTC without zone.
        now: UTC; staleness and future timestamps are measured from it.
        scope: where given, a table with a column ``key``: only these candidates are judged.

    Returns:
        Columns ``key``, ``as_of``, ``disposition``, ``reasons``, ``details``; per destination
        ``id:<name>`` (only where unambiguous) and ``destination_key:<name>``; ``value:<column>``
        for each mapped column.

    Source: "Matching rule" and "Suppression logic".
    """
    judged_by = rules(contract, now)
    disposition = exp.Case()
    for number, rule in enumerate(judged_by):
        outcome = exp.Literal.string(rule.disposition)
        disposition = disposition.when(column(f"rule:{number}"), outcome, copy=False)
    applied = [
        exp.Case().when(column(f"rule:{number}"), exp.Literal.string(rule.name), copy=False)
        for number, rule in enumerate(judged_by)
    ]
    query = exp.select(
        column("key"),
        column("as_of"),
        named(disposition.else_(exp.Literal.string("eligible"), copy=False), "disposition"),
        named(_concatenated(SEPARATOR, applied), "reasons"),
        named(_concatenated("; ", [column(f"said:{m}") for m in _lists(contract)]), "details"),
        *(column(name) for name in _carried(contract)),
    ).from_(exp.to_table("judged"), copy=False)
    for name, body in _tables(contract, relations, judged_by, scope):
        query = query.with_(exp.to_identifier(name, quoted=True), as_=body, copy=False)
    return query


def _lists(contract: Contract) -> tuple[str, ...]:
    return (*contract.suppression.models, *contract.suppression.review)


def _carried(contract: Contract) -> list[str]:
    """Name the columns that go from the judgement to the result as they are."""
    found = [f"value:{name}" for name in value_columns(contract)]
    for name in contract.destinations:
        found += [f"id:{name}", f"destination_key:{name}"]
    return found


def _judged(
    contract: Contract, judged_by: Sequence[Rule], identities: Mapping[str, str]
) -> exp.Select:
    """Select every candidate with its matches and, per rule, whether the rule applies."""
    output: list[exp.Expr] = [column("key", "c"), column("as_of", "c")]
    for name in contract.destinations:
        lo, hi = column("lo", f"id:{name}"), column("hi", f"id:{name}")
        output.append(named(exp.Case().when(lo.eq(hi), lo.copy()), f"id:{name}"))
        output.append(named(column("destination_key", f"id:{name}"), f"destination_key:{name}"))
    output += [column(f"value:{name}", "c") for name in value_columns(contract)]
    output += [named(column("reason", f"list:{m}"), f"said:{m}") for m in _lists(contract)]
    output += [named(rule.condition, f"rule:{n}") for n, rule in enumerate(judged_by)]
    return _joined(contract, identities).select(*output, copy=False)


def _concatenated(separator: str, parts: Sequence[exp.Expr]) -> exp.Expr:
    """Join the parts that are not null; every engine's concat_ws leaves nulls out."""
    return exp.Anonymous(this="CONCAT_WS", expressions=[exp.Literal.string(separator), *parts])


def _tables(
    contract: Contract,
    relations: Relations,
    judged_by: Sequence[Rule],
    scope: exp.Table | None,
) -> Iterator[tuple[str, exp.Query]]:
    """Name the common table expressions, each after those that it reads."""
    models = dict.fromkeys(map(contract.matching.identity_for, contract.destinations))
    names = {model: f"identity:{number}" for number, model in enumerate(models)}
    identities = {n: names[contract.matching.identity_for(n)] for n in contract.destinations}
    yield "candidates", _candidates(contract, relations, scope)
    yield "duplicates", _duplicated(column("key"), exp.to_table("candidates"), "key")
    for model, name in names.items():
        yield name, identity_query(contract, model, relations)
    for name in contract.destinations:
        yield f"shared:{name}", _shared(name, identities)
    for model in _lists(contract):
        yield f"list:{model}", _keyed(relations.models[model])
    holdout = contract.suppression.holdout
    if holdout is not None:
        key = text(column("key"))
        draws = exp.select(named(key, "key"), named(exp.Max(this=column("draw")), "draw"))
        yield "holdout", draws.from_(relations.models[holdout.model]).group_by(key.copy())
    yield "judged", _judged(contract, judged_by, identities)
