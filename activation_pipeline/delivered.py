"""What a destination holds from us: the last value that we delivered, record by record.

Composes the queries that read it (a base and the deltas after it) and that turn one
attempt's rows into a delta. A row is one record of one contract and destination: ``key``,
``destination_id``, ``destination_key``, ``as_of``, ``certain`` (false: sent without a
trustworthy answer), ``gone`` (left the list), ``field:<field>`` and ``position``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.expressions import column, named
from activation_pipeline.plan import WITHDRAW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_KEYS = ("key", "destination_id")


def _null(name: str, kind: str) -> exp.Expr:
    missing = exp.cast(exp.null(), exp.DataType.build(kind, dialect="duckdb"))
    return named(missing, name)


def none_query(fields: Mapping[str, str]) -> exp.Select:
    """Stand in for what is delivered before anything was; ``fields`` maps names to types."""
    output = [_null(name, "TEXT") for name in (*_KEYS, "destination_key")]
    output.append(_null("as_of", "TIMESTAMP"))
    output.append(_null("certain", "BOOLEAN"))
    output += [_null(f"field:{name}", kind) for name, kind in fields.items()]
    return exp.select(*output).where(exp.false())


def current_query(files: exp.Table, *, base_position: int | None) -> exp.Select:
    """Select the newest row of each record that has not left.

    Args:
        files: base and deltas as one table; a row of the base keeps its own ``position``.
        base_position: the position up to which the base holds everything; None: no base.
    """
    last = exp.Literal.number(base_position or 0)
    names = [column(name) for name in _KEYS]
    latest = (
        exp.select(*names, named(exp.Max(this=column("position")), "position"))
        .from_(files.copy())
        .where(exp.GT(this=column("position"), expression=last))
        .group_by(*(name.copy() for name in names))
    )
    query = _matching(files, latest, by=(*_KEYS, "position"))
    if base_position is not None:
        older = (
            _matching(files, latest, by=_KEYS, join="left")
            .where(exp.LTE(this=column("position", "f"), expression=last.copy()))
            .where(exp.Is(this=column("key", "n"), expression=exp.null()))
        )
        query = older.union(query, distinct=False)
    stays = exp.not_(column("gone"))
    return exp.select(exp.Star()).from_(query.subquery("everything")).where(stays)


def _matching(
    files: exp.Table, latest: exp.Query, *, by: Sequence[str], join: str = "inner"
) -> exp.Query:
    """Join the files' rows, and no other columns, with the latest position of each record."""
    on = exp.and_(*(column(name, "f").eq(column(name, "n")) for name in by))
    return (
        exp.select(exp.Column(this=exp.Star(), table=exp.to_identifier("f")))
        .from_(exp.alias_(files.copy(), "f", table=True))
        .join(latest.subquery("n"), on=on, join_type=join)
    )


def fields_query(present: Mapping[str, str], fields: Mapping[str, str]) -> exp.Select:
    """Select from ``held`` just what a comparison needs, in the types of today's source model.

    Args:
        present: the columns of ``held`` and their types.
        fields: the mapped fields and the types of their source columns; a field that was never
            delivered is null, one whose type changed is cast.
    """
    output: list[exp.Expr] = [
        column(name) for name in (*_KEYS, "destination_key", "as_of", "certain")
    ]
    for name, kind in fields.items():
        full = f"field:{name}"
        if full not in present:
            output.append(_null(full, kind))
        elif present[full] == kind:
            output.append(column(full))
        else:
            wanted = exp.DataType.build(kind, dialect="duckdb")
            output.append(named(exp.TryCast(this=column(full), to=wanted), full))
    return exp.select(*output).from_("held")


def _within(ranges: Iterable[tuple[int, int]]) -> exp.Expr:
    row = column("file_row_number", "p")
    spans = [
        exp.and_(
            exp.GTE(this=row, expression=exp.Literal.number(first)),
            exp.LT(this=row.copy(), expression=exp.Literal.number(last)),
        )
        for first, last in ranges
    ]
    return exp.or_(*spans) if spans else exp.false()


def merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Join neighbouring row ranges, so that a whole delivery is one range."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def _held_as(*, is_undo: bool) -> exp.Expr:
    sent = column("destination_id", "p")
    if not is_undo:
        return sent
    known = exp.Coalesce(this=column("delivered_id", "p"), expressions=[sent])
    return named(known, "destination_id")


def delta_query(
    part: exp.Table,
    *,
    fields: Sequence[str],
    answered: Sequence[tuple[int, int]],
    unanswered: Sequence[tuple[int, int]],
    position: int,
    is_undo: bool = False,
) -> exp.Select:
    """Turn an attempt's rows into a delta; reads ``outcomes``: key, destination_id, state.

    Accepted rows hold what was written; rows without a trustworthy answer keep the value from
    before and are not certain; rejected and held rows change nothing and are left out. An undo's
    rows name in ``delivered_id`` the record as which we hold it: one that a plan made got its own
    id only then.
    """
    state = column("state", "o")
    on = exp.and_(*(column(name, "p").eq(column(name, "o")) for name in _KEYS))
    accepted = exp.or_(
        exp.Is(this=state, expression=exp.null()), state.eq(exp.Literal.string("accepted"))
    )
    unknown = state.copy().eq(exp.Literal.string("unknown"))
    certain = exp.and_(_within(answered), accepted)
    ours_no_more = [exp.Literal.string(operation) for operation in ("remove", WITHDRAW)]
    left = exp.In(this=column("operation", "p"), expressions=ours_no_more)
    output: list[exp.Expr] = [column("key", "p"), _held_as(is_undo=is_undo)]
    output += [column(name, "p") for name in ("destination_key", "as_of")]
    output.append(named(certain, "certain"))
    output.append(named(exp.and_(certain.copy(), left), "gone"))
    output.append(named(exp.Literal.number(position), "position"))
    for name in fields:
        written = exp.and_(certain.copy(), column(f"write:{name}", "p"))
        value = (
            exp.Case()
            .when(written, column(f"after:{name}", "p"))
            .else_(column(f"before:{name}", "p"))
        )
        output.append(named(value, f"field:{name}"))
    touched = exp.or_(
        exp.and_(_within(answered), exp.or_(accepted.copy(), unknown)), _within(unanswered)
    )
    return (
        exp.select(*output)
        .from_(exp.alias_(part, "p", table=True))
        .join(exp.to_table("outcomes").as_("o"), on=on, join_type="left")
        .where(touched)
    )
