"""Composes the queries that say how old each value is that a destination holds from us.

A value is as old as the newest event that a successful refresh brought with it: a delivery that
wrote it, or a plan that went out whole, found the very same value again and had nothing to do.
So a plan that was blocked, and a row that was rejected or held back, do not make it younger.
Nothing here runs a query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.expressions import column, is_null, named, timestamp
from activation_pipeline.warehouse import parquet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

_KEYS = ("key", "destination_id")
# Of members and whole items there is one age for all of it.
WHOLE = ""
UNANSWERED = "next: unanswered"  # no field has a space in its name


@dataclass(frozen=True)
class Found:
    """What one preparation of a plan found: its files, and the types of its population.

    ``is_whole`` and ``positions`` are those of ``Refresh``.
    """

    population: Path
    part: Path
    withheld: Path
    columns: Mapping[str, str]
    is_whole: bool
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Values:
    """Whose age is asked for: fields of ``held`` with their types and source columns.

    ``fields`` is empty for members and items.
    """

    destination: str
    fields: Mapping[str, str]
    types: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """Name the ages: one for each field, or a single one for all of it."""
        return tuple(self.fields) or (WHOLE,)


def refreshed_query(values: Values, found: Found) -> exp.Select:
    """Select what one plan refreshed: ``key``, ``destination_id`` and ``refreshed:<field>``.

    Reads ``rest``: what is held and no later plan speaks of. A record that the plan has no row for,
    and keeps nothing back of, is as it should be; one that it wrote is refreshed where the value is
    the one that is held now.
    """
    here = column(f"id:{values.destination}", "p")
    same = exp.and_(
        column("key", "p").eq(column("key", "h")), here.eq(column("destination_id", "h"))
    )
    untouched = exp.and_(is_null(column("key", "s")), is_null(column("key", "w")))
    counts: list[exp.Expr] = [untouched] if found.is_whole else []
    if found.positions:
        mine = [exp.Literal.number(position) for position in found.positions]
        here_from = exp.In(this=column("position", "h"), expressions=mine)
        counts.append(exp.and_(here_from, column("certain", "h")))
    output = [_refreshed(values, found, name) for name in values.names]
    return (
        exp.select(column("key", "h"), column("destination_id", "h"), *output)
        .from_(exp.alias_(parquet([found.population]), "p", table=True))
        .join(exp.to_table("rest").as_("h"), on=same)
        .join(_rows(found.part), on=_is_row("s"), join_type="left")
        .join(_kept_back(found.withheld), on=_is_row("w"), join_type="left")
        .where(column("disposition", "p").eq(exp.Literal.string("eligible")))
        .where(exp.or_(*counts) if counts else exp.false())
    )


def _is_row(alias: str) -> exp.Expr:
    return exp.and_(*(column(name, "h").eq(column(name, alias)) for name in _KEYS))


def _is_unsure() -> exp.Expr:
    return exp.and_(_is_row("b"), column("position", "h").eq(column("position", "b")))


def _rows(part: Path) -> exp.Expr:
    listed = exp.select(*(column(name) for name in _KEYS)).from_(parquet([part]))
    return listed.subquery("s")


def _kept_back(withheld: Path) -> exp.Expr:
    """Select what a plan kept back; a record of which only edits are kept is as it should be."""
    kept = exp.NEQ(this=column("reason"), expression=exp.Literal.string("edit_kept"))
    listed = exp.select(*(column(name) for name in _KEYS)).distinct().from_(parquet([withheld]))
    return listed.where(kept).subquery("w")


def _refreshed(values: Values, found: Found, name: str) -> exp.Expr:
    as_of: exp.Expr = column("as_of", "p")
    source = f"value:{values.fields[name]}" if name != WHOLE else ""
    # A column that the contract maps only since then says nothing against it.
    if source in found.columns:
        held: exp.Expr = column(f"field:{name}", "h")
        if values.types[name] != found.columns[source]:
            wanted = exp.DataType.build(found.columns[source], dialect="duckdb")
            held = exp.TryCast(this=held, to=wanted)
        as_of = exp.Case().when(column(source, "p").eq(held), as_of)
    return named(as_of, f"refreshed:{name}")


def rest_query(values: Values, refreshed: str) -> exp.Select:
    """Select what of ``rest`` is still without an age once the table ``refreshed`` is known.

    Older plans bring no younger events, so most of what is held is found in the newest one.
    """
    known = [exp.not_(is_null(column(f"refreshed:{name}"))) for name in values.names]
    dated = exp.select(*map(column, _KEYS)).from_(refreshed).where(exp.and_(*known))
    return (
        exp.select(exp.Column(this=exp.Star(), table=exp.to_identifier("h")))
        .from_(exp.to_table("rest").as_("h"))
        .join(dated.subquery("w"), on=_is_row("w"), join_type="left")
        .where(is_null(column("key", "w")))
    )


def delivered_query(values: Values, known: Collection[int]) -> exp.Select:
    """Select what the deliveries themselves say, where no plan's population says it better.

    Reads ``held`` and ``before`` (``key``, ``destination_id``, ``position``, ``as_of_before`` of
    rows that were sent without a trustworthy answer: a refresh that may have failed).

    Args:
        values: whose age is asked for.
        known: the positions of plans whose populations are read.
    """
    sure = exp.Case().when(column("certain", "h"), column("as_of", "h"))
    older = sure.else_(
        exp.Coalesce(this=column("as_of_before", "b"), expressions=[column("as_of", "h")])
    )
    query = (
        exp.select(
            column("key", "h"),
            column("destination_id", "h"),
            *(named(older.copy(), f"refreshed:{name}") for name in values.names),
        )
        .from_(exp.to_table("held").as_("h"))
        .join(exp.to_table("before").as_("b"), on=_is_unsure(), join_type="left")
    )
    if not (known and values.fields):
        return query
    listed = exp.In(
        this=column("position", "h"), expressions=[exp.Literal.number(each) for each in known]
    )
    return query.where(exp.or_(exp.not_(listed), exp.not_(column("certain", "h"))))


def ages_query(values: Values, refreshes: Sequence[exp.Query], *, unknown: datetime) -> exp.Select:
    """Select every held record with ``refreshed:<field>``: when each value was last refreshed.

    Reads ``held``, ``before`` (``as_of_before`` and ``sent:<field>`` come from there) and ``told``
    (``position``, ``at``: when a delivery was noted, which an event without a time cannot be
    younger than).

    Args:
        values: whose age is asked for.
        refreshes: the queries that say what was refreshed, at least one.
        unknown: what is not known to be refreshed since, counts as refreshed then (UTC).
    """
    undated = exp.Case().when(is_null(column("as_of", "h")), column("at", "t"))
    output = [
        named(
            exp.Coalesce(
                this=column(f"refreshed:{name}", "n"),
                expressions=[undated.copy(), timestamp(unknown)],
            ),
            f"refreshed:{name}",
        )
        for name in values.names
    ]
    output += [column(f"sent:{name}", "b") for name in values.fields]
    output.append(column("as_of_before", "b"))
    on = column("destination_id", "h").eq(column("destination_id", "n"))
    dated = column("position", "h").eq(column("position", "t"))
    return (
        exp.select(exp.Column(this=exp.Star(), table=exp.to_identifier("h")), *output)
        .from_(exp.to_table("held").as_("h"))
        .join(_newest(values, refreshes).subquery("n"), on=on, join_type="left")
        .join(exp.to_table("before").as_("b"), on=_is_unsure(), join_type="left")
        .join(exp.to_table("told").as_("t"), on=dated, join_type="left")
    )


def _newest(values: Values, refreshes: Sequence[exp.Query]) -> exp.Select:
    """Select the newest refresh by record, whatever its key: one may have got a new one."""
    first, *others = refreshes
    every: exp.Query = first
    for each in others:
        every = every.union(each, distinct=False)
    newest = (
        named(exp.Max(this=column(f"refreshed:{name}")), f"refreshed:{name}")
        for name in values.names
    )
    record = column("destination_id")
    return exp.select(record, *newest).from_(every.subquery("every")).group_by(record.copy())


def is_over(name: str, before: datetime, *, fields: bool) -> exp.Expr:
    """Say that a value of ``ages`` was last refreshed before a moment; no value is never over."""
    old = exp.LT(this=column(f"refreshed:{name}"), expression=timestamp(before))
    return exp.and_(_there(name, fields=fields), old)


def is_new(name: str, before: datetime, handled: datetime | None) -> exp.Expr:
    """Say of a value that is over that nobody dealt with it: what was over then, was dealt with.

    A record whose last refresh was never answered is looked at twice: when the value before is
    over, and when the one that may have arrived is.
    """
    if handled is None:
        return exp.true()
    then = timestamp(handled)
    sent = exp.and_(
        exp.not_(column("certain")),
        exp.GTE(this=column("as_of"), expression=then.copy()),
        exp.LT(this=column("as_of"), expression=timestamp(before)),
    )
    return exp.or_(exp.GTE(this=column(f"refreshed:{name}"), expression=then), sent)


def summary_query(
    values: Values, names: Iterable[str], *, before: datetime, handled: datetime | None
) -> exp.Select:
    """Count the records of ``ages`` by age.

    Args:
        values: whose age was asked for.
        names: the ages that count, at least one.
        before: what was last refreshed before then is over (UTC).
        handled: what was last refreshed before then was dealt with; None: nothing was.

    Returns:
        ``over`` records and ``new`` ones among them that nobody dealt with; and by name ``first:``
        (when the oldest of those was last refreshed) and ``next:`` (the oldest that is not over),
        with ``UNANSWERED`` for what may have arrived.
    """
    fields = bool(values.fields)
    flags = {name: is_over(name, before, fields=fields) for name in names}
    new = {name: exp.and_(flag, is_new(name, before, handled)) for name, flag in flags.items()}
    output = [
        named(_count(exp.or_(*flags.values())), "over"),
        named(_count(exp.or_(*new.values())), "new"),
    ]
    for name, flag in flags.items():
        fresh = exp.and_(_there(name, fields=fields), exp.not_(flag))
        output += [
            named(_oldest(name, new[name]), f"first:{name}"),
            named(_oldest(name, fresh), f"next:{name}"),
        ]
    unsure = exp.and_(
        exp.not_(column("certain")),
        exp.GTE(this=column("as_of"), expression=timestamp(before)),
    )
    output.append(named(exp.Min(this=exp.Case().when(unsure, column("as_of"))), UNANSWERED))
    return exp.select(*output).from_("ages")


def _there(name: str, *, fields: bool) -> exp.Expr:
    return exp.not_(is_null(column(f"field:{name}"))) if fields else exp.true()


def _oldest(name: str, when: exp.Expr) -> exp.Expr:
    return exp.Min(this=exp.Case().when(when, column(f"refreshed:{name}")))


def _count(flag: exp.Expr) -> exp.Expr:
    return exp.Count(this=exp.Case().when(flag, exp.Literal.number(1)))
