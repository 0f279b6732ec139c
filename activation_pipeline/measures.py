"""Composes the queries that measure a population for the gates: a few aggregate passes.

Counting is the engine's work, comparing with limits is the gates'. Each query's result is
small, whatever the population's size.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from activation_pipeline.evidence import Group, ListState, Measures
from activation_pipeline.expressions import column, inside, named, text
from activation_pipeline.population import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.expressions import Relations

_JUDGED = ("eligible", "review")  # those that resolved and that nobody asked to leave alone


def _count(condition: exp.Expr) -> exp.Count:
    hit = exp.Case().when(condition, exp.Literal.number(1))
    return exp.Count(this=hit)


def groups_query() -> exp.Select:
    """Count ``population`` by disposition and set of reasons; one row per combination."""
    return (
        exp.select(
            column("disposition"),
            column("reasons"),
            named(exp.Count(this=exp.Star()), "count"),
        )
        .from_("population")
        .group_by(column("disposition"), column("reasons"))
    )


def totals_query(contract: Contract) -> exp.Select:
    """Measure ``population`` in one row: newest event time, judged rows, empty values by field."""
    options = [exp.Literal.string(name) for name in _JUDGED]
    judged = exp.In(this=column("disposition"), expressions=options)
    output: list[exp.Expr] = [
        named(exp.Max(this=column("as_of")), "newest"),
        named(_count(judged), "judged"),
    ]
    empty: dict[str, list[exp.Expr]] = {}
    for destination in contract.destinations.values():
        for field, mapping in destination.fields.items():
            missing = exp.Is(this=column(f"value:{mapping.column}"), expression=exp.null())
            empty.setdefault(field, []).append(missing)
    for field, tests in empty.items():
        # Two systems may have a field of the same name: it is empty where either one is.
        output.append(named(_count(exp.and_(judged.copy(), exp.or_(*tests))), f"null:{field}"))
    return exp.select(*output).from_("population")


def feeds_query(contract: Contract, relations: Relations) -> exp.Select | None:
    """Find each feed's newest event: ``feed``, ``as_of``; None where the contract has no feeds."""
    if contract.source.feeds_model is None:
        return None
    newest = exp.Max(this=exp.cast(column("as_of"), "timestamp"))
    return (
        exp.select(named(text(column("feed")), "feed"), named(newest, "as_of"))
        .from_(relations.models[contract.source.feeds_model])
        .group_by(text(column("feed")))
    )


def list_query(model: exp.Table) -> exp.Select:
    """Measure one suppression model in one row: ``rows``, ``null_keys``."""
    no_key = exp.or_(
        exp.Is(this=column("key"), expression=exp.null()),
        text(column("key")).eq(exp.Literal.string("")),
    )
    total = named(exp.Count(this=exp.Star()), "rows")
    return exp.select(total, named(_count(no_key), "null_keys")).from_(model)


def suppressed_keys_query(contract: Contract, relations: Relations) -> exp.Query:
    """Select every key of every suppression model as ``key``; keys repeat."""
    each = [
        exp.select(named(text(column("key")), "key")).from_(relations.models[model])
        for model in contract.suppression.models
    ]
    query: exp.Query = each[0]
    for other in each[1:]:
        query = query.union(other, distinct=False)
    return query


def leaked_query(parts: Iterable[str]) -> exp.Select:
    """Count planned keys, other than those that leave, that ``suppressed`` has."""
    each = [
        exp.select(column("key"))
        .from_(exp.Table(this=exp.to_identifier(part, quoted=True)))
        .where(exp.NEQ(this=column("operation"), expression=exp.Literal.string("remove")))
        for part in parts
    ]
    planned: exp.Query = each[0]
    for other in each[1:]:
        planned = planned.union(other, distinct=True)
    suppressed = inside(column("key"), exp.select(column("key")).from_("suppressed"))
    distinct = exp.Count(this=exp.Distinct(expressions=[column("key")]))
    return (
        exp.select(named(distinct, "leaked")).from_(planned.subquery("planned")).where(suppressed)
    )


def read_measures(
    *,
    groups: Iterable[Mapping[str, Any]],
    totals: Mapping[str, Any],
    feeds: Iterable[Mapping[str, Any]],
    lists: Mapping[str, Mapping[str, Any]],
) -> Measures:
    """Turn the rows of the queries above into measures; moments become UTC."""
    return Measures(
        groups=tuple(
            Group(
                disposition=row["disposition"],
                reasons=frozenset(filter(None, (row["reasons"] or "").split(SEPARATOR))),
                count=row["count"],
            )
            for row in groups
        ),
        newest=utc(totals["newest"]),
        judged=totals["judged"],
        nulls={
            name.removeprefix("null:"): count
            for name, count in totals.items()
            if name.startswith("null:")
        },
        feeds={row["feed"]: utc(row["as_of"]) for row in feeds},
        lists={model: ListState(row["rows"], row["null_keys"]) for model, row in lists.items()},
    )


def utc(value: object) -> datetime | None:
    """Give a timestamp without zone its zone; one that Python cannot hold is in the far future."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return datetime.max.replace(tzinfo=UTC)
