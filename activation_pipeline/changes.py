"""Composes the queries that turn a population into the changes of a plan.

What differs from the last delivery is proposed; ``policy`` and the launch's caveats say what of
it goes. Nothing here runs a query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.expressions import any_of, column, distinct, is_null, named
from activation_pipeline.plan import indicators, written_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.contract import Contract, MappedField


def _eligible(name: str, fields: Mapping[str, MappedField]) -> exp.Select:
    values = [named(column(f"value:{m.column}"), f"new:{f}") for f, m in fields.items()]
    return (
        exp.select(
            column("key"),
            column("as_of"),
            named(column(f"id:{name}"), "destination_id"),
            named(column(f"destination_key:{name}"), "destination_key"),
            *values,
        )
        .from_("population")
        .where(column("disposition").eq(exp.Literal.string("eligible")))
    )


def _after(field: str, mapping: MappedField) -> exp.Expr:
    new = column(f"new:{field}", "e")
    if mapping.on_null == "preserve":
        return exp.Coalesce(this=new, expressions=[column(f"field:{field}", "d")])
    return new


def _write(field: str, mapping: MappedField) -> exp.Expr:
    """Say whether a field is written: it differs from what we delivered, or was never delivered."""
    after = _after(field, mapping)
    unknown = exp.or_(is_null(column("key", "d")), exp.not_(column("certain", "d")))
    first = exp.true() if mapping.on_null == "clear" else exp.not_(is_null(after.copy()))
    changed = distinct(after, column(f"field:{field}", "d"))
    return exp.Case().when(unknown, first).else_(changed)


def _write_whole(field: str, mapping: MappedField) -> exp.Expr:
    """Say whether a field goes with its item: always, unless ``preserve`` has nothing to keep.

    What the store holds there was never ours, and a null would empty it.
    """
    is_kept = mapping.on_null == "preserve"
    return exp.not_(is_null(_after(field, mapping))) if is_kept else exp.true()


def _unless_gone(after: exp.Expr) -> exp.Expr:
    """Leave nothing of a record that leaves: ``preserve`` keeps values, not records."""
    return exp.Case().when(exp.not_(is_null(column("key", "e"))), after)


def operation(
    fields: Mapping[str, MappedField], indicator: frozenset[str], *, whole: bool = False
) -> exp.Expr:
    """Name a record's operation, from ``is_new``, ``is_gone`` and ``write:``/``after:``.

    Where items go ``whole``, a field that is written need not have changed, so it is compared
    with ``before:`` as well.
    """

    def moved(field: str) -> exp.Expr:
        write = column(f"write:{field}")
        differs = distinct(column(f"after:{field}"), column(f"before:{field}"))
        return exp.and_(write, differs) if whole else write

    counted = [field for field in fields if field not in indicator]
    cleared = [exp.and_(moved(f), is_null(column(f"after:{f}"))) for f in counted]
    updated = [moved(f) for f in counted]
    return (
        exp.Case()
        .when(column("is_new"), exp.Literal.string("add"))
        .when(column("is_gone"), exp.Literal.string("remove"))
        .when(any_of(cleared), exp.Literal.string("clear"))
        .when(any_of(updated), exp.Literal.string("update"))
        .else_(exp.Literal.string("refresh" if fields else "add"))
    )


def _reasons_to_send(fields: Mapping[str, MappedField], *, both: bool) -> list[exp.Expr]:
    """List what makes a change of a row; in a mirror also that it is new, gone or uncertain."""
    if not both:
        return [_write(field, mapping) for field, mapping in fields.items()]
    is_new: exp.Expr = is_null(column("key", "d"))
    if fields:  # an item of which there is nothing to say is not made
        is_new = exp.and_(is_new, any_of([_write_whole(f, m) for f, m in fields.items()]))
    return [
        *(distinct(_after(f, m), column(f"field:{f}", "d")) for f, m in fields.items()),
        is_new,
        is_null(column("key", "e")),
        exp.not_(column("certain", "d")),
    ]


def proposal_query(contract: Contract, name: str) -> exp.Select:
    """Compare the population with what one destination holds from us; one row per change.

    Reads ``population`` and ``delivered`` (``key``, ``destination_id``, ``destination_key``,
    ``as_of``, ``certain``, ``field:<field>``); joined on key and record, so that a key that moved
    to another record is new there. Mirrors compare both ways: whoever is not eligible leaves; and
    one field that differs sends the whole item, since the store may have dropped it meanwhile.

    Returns:
        ``key``, ``destination_id``, ``destination_key``, ``as_of`` and ``as_of_before`` (of what
        was last delivered), ``is_new``, ``is_gone``, ``is_certain`` (false: sent without a
        trustworthy answer; null: never sent), and per field ``before:`` (last delivered),
        ``after:`` and ``write:`` (false: left alone).
    """
    destination = contract.destinations[name]
    fields = written_fields(destination, contract.launch.caveats)
    both = destination.behavior == "mirror"
    on = exp.and_(
        column("key", "e").eq(column("key", "d")),
        column("destination_id", "e").eq(column("destination_id", "d")),
    )

    def either(name: str) -> exp.Expr:
        mine, theirs = column(name, "e"), column(name, "d")
        return named(exp.Coalesce(this=mine, expressions=[theirs]) if both else mine, name)

    output = [either("key"), either("destination_id"), either("destination_key")]
    output += [
        column("as_of", "e"),
        named(column("as_of", "d"), "as_of_before"),
        named(is_null(column("key", "d")), "is_new"),
        named(is_null(column("key", "e")), "is_gone"),
    ]
    output.append(named(column("certain", "d"), "is_certain"))
    for field, mapping in fields.items():
        after = _after(field, mapping)
        write = _write_whole(field, mapping) if both else _write(field, mapping)
        output.append(named(column(f"field:{field}", "d"), f"before:{field}"))
        output.append(named(_unless_gone(after) if both else after, f"after:{field}"))
        output.append(named(write, f"write:{field}"))
    return (
        exp.select(*output)
        .from_(_eligible(name, fields).subquery("e"))
        .join(exp.to_table("delivered").as_("d"), on=on, join_type="full outer" if both else "left")
        .where(any_of(_reasons_to_send(fields, both=both)))
    )


def judged_query(contract: Contract, name: str, *, room: int | None) -> exp.Select:
    """Judge every proposed change; ``withheld`` is null where it goes into the plan.

    Reads ``policed`` (see ``policy_query``) and ``refused`` (``key``, ``destination_id``,
    ``code``: the destination refused the very same before).

    Args:
        contract: field policy and caveats.
        name: the destination.
        room: how many additional records a cap still lets in (by key order); None: no cap.
    """
    destination = contract.destinations[name]
    fields = written_fields(destination, contract.launch.caveats)
    kept = exp.not_(any_of([column(f"write:{f}") for f in fields])) if fields else exp.false()
    # Who has to leave is offered again, however often the destination refused to let them go.
    again = exp.and_(exp.not_(is_null(column("code", "r"))), exp.not_(column("is_gone", "c")))
    before = exp.DPipe(this=exp.Literal.string("rejected_before:"), expression=column("code", "r"))
    reason = exp.Coalesce(
        this=column("policy"),
        expressions=[exp.Case().when(kept, exp.Literal.string("edit_kept")).when(again, before)],
    )
    same = [column(each, "c").eq(column(each, "r")) for each in ("key", "destination_id")]
    passed = (
        exp.select(
            exp.Column(this=exp.Star(), table=exp.to_identifier("c")),
            named(
                operation(
                    fields, indicators(contract, fields), whole=destination.behavior == "mirror"
                ),
                "operation",
            ),
            named(reason, "stays"),
        )
        .from_(exp.to_table("policed").as_("c"))
        .join(exp.to_table("refused").as_("r"), on=exp.and_(*same), join_type="left")
    )
    if room is None:
        return exp.select(exp.Star(), named(column("stays"), "withheld")).from_(
            passed.subquery("passed")
        )
    adds = exp.and_(column("is_new"), is_null(column("stays")))
    turn = exp.Window(
        this=exp.RowNumber(),
        partition_by=[adds],
        order=exp.Order(expressions=[column("key"), column("destination_id")]),
    )
    over = exp.and_(adds.copy(), exp.GT(this=column("turn"), expression=exp.Literal.number(room)))
    capped = exp.Case().when(over, exp.Literal.string("caveat"))
    return exp.select(
        exp.Star(), named(exp.Coalesce(this=column("stays"), expressions=[capped]), "withheld")
    ).from_(exp.select(exp.Star(), named(turn, "turn")).from_(passed.subquery("p")).subquery("t"))


def part_query(contract: Contract, name: str) -> exp.Select:
    """Select the plan's part out of ``judged``: sorted, so that equal input gives equal bytes.

    Columns: ``key``, ``destination_id``, ``destination_key``, ``as_of``, ``as_of_before``,
    ``operation``; per field ``before:`` (last delivered), ``after:``, ``write:``, ``live:`` (JSON
    of the value before).
    """
    fields = written_fields(contract.destinations[name], contract.launch.caveats)
    names = ["key", "destination_id", "destination_key", "as_of", "as_of_before", "operation"]
    for field in fields:
        names += [f"{kind}:{field}" for kind in ("before", "after", "write", "live")]
    return (
        exp.select(*(column(each) for each in names))
        .from_("judged")
        .where(is_null(column("withheld")))
        .order_by(column("key"), column("destination_id"))
    )


def withheld_query() -> exp.Select:
    """Select what the plan keeps back, with its reason: ``key``, ``destination_id``, ``reason``."""
    return (
        exp.select(
            column("key"), column("destination_id"), named(column("withheld"), "reason")
        )
        .from_("judged")
        .where(exp.not_(is_null(column("withheld"))))
        .order_by(column("key"), column("destination_id"))
    )  # fmt: skip
