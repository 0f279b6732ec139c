"""The few SQL expressions that every query of the core is made of.

Names are always quoted, keys are compared as text and moments are written out, so that the
same query means the same on every engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


@dataclass(frozen=True)
class Relations:
    """Where a contract's models are: one table expression per name that the contract uses."""

    source: exp.Table
    models: Mapping[str, exp.Table]


def column(name: str, table: str | None = None) -> exp.Column:
    """Refer to a column, quoted, whatever its name."""
    return exp.column(
        exp.to_identifier(name, quoted=True),
        table=exp.to_identifier(table, quoted=True) if table else None,
    )


def named(expression: exp.Expr, name: str) -> exp.Expr:
    """Give an expression a quoted output name."""
    return exp.alias_(expression, exp.to_identifier(name, quoted=True))


def text(expression: exp.Expr) -> exp.Cast:
    """Cast to text: keys of any type are compared as text."""
    return exp.cast(expression, exp.DType.TEXT)


def timestamp(moment: datetime) -> exp.Cast:
    """Write a UTC moment as a timestamp without zone, to the microsecond."""
    written = moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return exp.cast(exp.Literal.string(written), exp.DType.TIMESTAMP)


def is_null(expression: exp.Expr) -> exp.Is:
    """Say that a value is missing."""
    return exp.Is(this=expression, expression=exp.null())


def distinct(left: exp.Expr, right: exp.Expr) -> exp.NullSafeNEQ:
    """Say that two values differ; two missing ones are equal."""
    return exp.NullSafeNEQ(this=left, expression=right)


def any_of(flags: Sequence[exp.Expr]) -> exp.Expr:
    """Say that at least one condition holds; of none, none does."""
    return exp.or_(*flags) if flags else exp.false()


def inside(expression: exp.Expr, query: exp.Query) -> exp.In:
    """Say that a value is among a query's results."""
    return exp.In(this=expression, query=query.subquery())
