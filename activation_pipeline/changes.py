"""Composes the queries that turn a population into the changes of a plan.

What differs from the last delivery is proposed; the field policy (``on_null``, ``on_edit``,
``behavior``) and the launch's caveats say what of it goes. Nothing here runs a query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.expressions import column, named
from activation_pipeline.plan import indicators, written_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from activation_pipeline.contract import Contract, Destination, MappedField


def _is_null(expression: exp.Expr) -> exp.Is:
    return exp.Is(this=expression, expression=exp.null())


def _distinct(left: exp.Expr, right: exp.Expr) -> exp.NullSafeNEQ:
    return exp.NullSafeNEQ(this=left, expression=right)


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
    unknown = exp.or_(_is_null(column("key", "d")), exp.not_(column("certain", "d")))
    first = exp.true() if mapping.on_null == "clear" else exp.not_(_is_null(after.copy()))
    changed = _distinct(after, column(f"field:{field}", "d"))
    return exp.Case().when(unknown, first).else_(changed)


def _unless_gone(after: exp.Expr) -> exp.Expr:
    """Leave nothing of a record that leaves: ``preserve`` keeps values, not records."""
    return exp.Case().when(exp.not_(_is_null(column("key", "e"))), after)


def _any(flags: Sequence[exp.Expr]) -> exp.Expr:
    return exp.or_(*flags) if flags else exp.false()


def operation(
    fields: Mapping[str, MappedField], indicator: frozenset[str], *, whole: bool = False
) -> exp.Expr:
    """Name a record's operation, from ``is_new``, ``is_gone`` and ``write:``/``after:``.

    Where items go ``whole``, a field that is written need not have changed, so it is compared
    with ``before:`` as well.
    """

    def moved(field: str) -> exp.Expr:
        write = column(f"write:{field}")
        differs = _distinct(column(f"after:{field}"), column(f"before:{field}"))
        return exp.and_(write, differs) if whole else write

    counted = [field for field in fields if field not in indicator]
    cleared = [exp.and_(moved(f), _is_null(column(f"after:{f}"))) for f in counted]
    updated = [moved(f) for f in counted]
    return (
        exp.Case()
        .when(column("is_new"), exp.Literal.string("add"))
        .when(column("is_gone"), exp.Literal.string("remove"))
        .when(_any(cleared), exp.Literal.string("clear"))
        .when(_any(updated), exp.Literal.string("update"))
        .else_(exp.Literal.string("refresh" if fields else "add"))
    )


def proposal_query(contract: Contract, name: str) -> exp.Select:
    """Compare the population with what one destination holds from us; one row per change.

    Reads ``population`` and ``delivered`` (``key``, ``destination_id``, ``destination_key``,
    ``certain``, ``field:<field>``); joined on key and record, so that a key that moved to
    another record is new there. Mirrors compare both ways: whoever is not eligible leaves; and
    one field that differs sends the whole item, since the store may have dropped it meanwhile.

    Returns:
        ``key``, ``destination_id``, ``destination_key``, ``as_of``, ``is_new``, ``is_gone``,
        ``is_certain`` (false: sent without a trustworthy answer; null: never sent), and per field
        ``before:`` (last delivered), ``after:`` and ``write:`` (false: left alone).
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
        named(_is_null(column("key", "d")), "is_new"),
        named(_is_null(column("key", "e")), "is_gone"),
    ]
    output.append(named(column("certain", "d"), "is_certain"))
    writes = []
    for field, mapping in fields.items():
        before, after = column(f"field:{field}", "d"), _after(field, mapping)
        write = exp.true() if both else _write(field, mapping)
        output.append(named(before, f"before:{field}"))
        output.append(named(_unless_gone(after) if both else after, f"after:{field}"))
        output.append(named(write, f"write:{field}"))
        writes.append(_distinct(after.copy(), before.copy()) if both else write.copy())
    if both:
        writes += [
            _is_null(column("key", "d")),
            _is_null(column("key", "e")),
            exp.not_(column("certain", "d")),
        ]
    return (
        exp.select(*output)
        .from_(_eligible(name, fields).subquery("e"))
        .join(exp.to_table("delivered").as_("d"), on=on, join_type="full outer" if both else "left")
        .where(_any(writes))
    )


def _withheld_reason(destination: Destination, fields: Mapping[str, MappedField]) -> exp.Expr:
    """Name why a change is kept back after looking at the live record; null where it goes."""
    if destination.list is not None:
        return exp.null()  # members are not looked up: adding and removing are set operations
    found = column("found", "l")
    one, none = exp.Literal.number(1), exp.Literal.number(0)
    case = exp.Case()
    if destination.behavior == "mirror":
        case = case.when(column("is_gone", "p"), exp.null())  # whatever it is now, it goes
    case = (
        case.when(_is_null(column("key", "l")), exp.Literal.string("not_read"))
        .when(exp.GT(this=found, expression=one), exp.Literal.string("ambiguous_in_destination"))
        .when(column("is_other_record", "l"), exp.Literal.string("other_record_in_destination"))
    )
    if destination.behavior == "update_only":
        case = case.when(found.eq(none), exp.Literal.string("not_in_destination"))
    if destination.behavior == "create_only":
        exists = exp.and_(found.eq(one), column("is_new", "p"))
        case = case.when(exists, exp.Literal.string("already_in_destination"))
    for field, mapping in fields.items():
        if mapping.on_edit == "flag":
            edited = exp.and_(column(f"write:{field}", "p"), column(f"edited:{field}", "l"))
            case = case.when(edited, exp.Literal.string(f"edited:{field}"))
    if destination.behavior == "mirror":
        case = case.when(_only_edits(fields), exp.Literal.string("edit_kept"))
    return case


def _only_edits(fields: Mapping[str, MappedField]) -> exp.Expr:
    """Say that an item differs in nothing but what a person edited: it need not be sent again."""
    moved = []
    for field, mapping in fields.items():
        differs = _distinct(column(f"after:{field}", "p"), column(f"before:{field}", "p"))
        if mapping.on_edit.startswith("keep"):
            differs = exp.and_(differs, exp.not_(column(f"edited:{field}", "l")))
        moved.append(differs)
    return exp.and_(
        exp.not_(column("is_new", "p")), column("is_certain", "p"), exp.not_(_any(moved))
    )


def policy_query(contract: Contract, name: str) -> exp.Select:
    """Join proposals with live records; an edit that stands keeps its field from being written.

    Reads ``proposed`` and ``live`` (``key``, ``destination_id``, ``found``, ``is_other_record``,
    ``live:<field>``, ``edited:<field>``); adds ``policy``, the reason why a change stays back.
    """
    destination = contract.destinations[name]
    fields = written_fields(destination, contract.launch.caveats)
    keys = ("key", "destination_id", "destination_key", "as_of", "is_new", "is_gone")
    output: list[exp.Expr] = [column(key, "p") for key in keys]
    for field, mapping in fields.items():
        write: exp.Expr = column(f"write:{field}", "p")
        if mapping.on_edit.startswith("keep"):
            write = exp.and_(write, exp.not_(column(f"edited:{field}", "l")))
        if destination.behavior == "mirror":
            write = exp.or_(column("is_gone", "p"), write)
        output += [
            column(f"before:{field}", "p"),
            column(f"after:{field}", "p"),
            named(column(f"live:{field}", "l"), f"live:{field}"),
            named(write, f"write:{field}"),
        ]
    output.append(named(_withheld_reason(destination, fields), "policy"))
    on = exp.and_(
        column("key", "p").eq(column("key", "l")),
        column("destination_id", "p").eq(column("destination_id", "l")),
    )
    return (
        exp.select(*output)
        .from_(exp.to_table("proposed").as_("p"))
        .join(exp.to_table("live").as_("l"), on=on, join_type="left")
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
    kept = exp.not_(_any([column(f"write:{f}") for f in fields])) if fields else exp.false()
    before = exp.DPipe(this=exp.Literal.string("rejected_before:"), expression=column("code", "r"))
    reason = exp.Coalesce(
        this=column("policy"),
        expressions=[
            exp.Case()
            .when(kept, exp.Literal.string("edit_kept"))
            .when(exp.not_(_is_null(column("code", "r"))), before)
        ],
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
    adds = exp.and_(column("is_new"), _is_null(column("stays")))
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

    Columns: ``key``, ``destination_id``, ``destination_key``, ``as_of``, ``operation``; per field
    ``before:`` (last delivered), ``after:``, ``write:``, ``live:`` (JSON of the value before).
    """
    fields = written_fields(contract.destinations[name], contract.launch.caveats)
    names = ["key", "destination_id", "destination_key", "as_of", "operation"]
    for field in fields:
        names += [f"{kind}:{field}" for kind in ("before", "after", "write", "live")]
    return (
        exp.select(*(column(each) for each in names))
        .from_("judged")
        .where(_is_null(column("withheld")))
        .order_by(column("key"), column("destination_id"))
    )


def withheld_query() -> exp.Select:
    """Select what the plan keeps back, with its reason: ``key``, ``destination_id``, ``reason``."""
    return (
        exp.select(
            column("key"), column("destination_id"), named(column("withheld"), "reason")
        )
        .from_("judged")
        .where(exp.not_(_is_null(column("withheld"))))
        .order_by(column("key"), column("destination_id"))
    )  # fmt: skip
