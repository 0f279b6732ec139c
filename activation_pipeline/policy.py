"""Composes the query that applies the field policy to proposed changes.

``behavior``, ``on_edit`` and what the destination holds now say which change goes, which field of
it is left alone, and which stays back with its reason. Nothing here runs a query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.expressions import any_of, column, distinct, inside, is_null, named
from activation_pipeline.plan import written_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.contract import Contract, Destination, MappedField


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
        case.when(is_null(column("key", "l")), exp.Literal.string("not_read"))
        .when(exp.GT(this=found, expression=one), exp.Literal.string("ambiguous_in_destination"))
        .when(column("is_other_record", "l"), exp.Literal.string("other_record_in_destination"))
    )
    if destination.behavior == "update_only":
        case = case.when(found.eq(none), exp.Literal.string("not_in_destination"))
    if destination.behavior == "create_only":
        # Also what we delivered ourselves: a second create makes a second record.
        case = case.when(found.eq(one), exp.Literal.string("already_in_destination"))
    for field, mapping in fields.items():
        if mapping.on_edit == "flag":
            edited = exp.and_(column(f"write:{field}", "p"), column(f"edited:{field}", "l"))
            case = case.when(edited, exp.Literal.string(f"edited:{field}"))
    if destination.behavior == "mirror":
        case = case.when(_only_edits(fields), exp.Literal.string("edit_kept"))
    return case


def _under_another_key(name: str) -> exp.Expr:
    """Name why what leaves under one key stays: the same record is, or leaves, under another one.

    A member that got a new key is one record; removing the old key's would remove the new one's.
    """
    record, leaves = column("destination_id", "p"), column("is_gone", "p")
    stays = exp.select(column(f"id:{name}")).from_("population")
    stays = stays.where(column("disposition").eq(exp.Literal.string("eligible")))
    turn = exp.Window(
        this=exp.RowNumber(),
        partition_by=[record.copy(), leaves.copy()],
        order=exp.Order(expressions=[column("key", "p")]),
    )
    repeated = exp.GT(this=turn, expression=exp.Literal.number(1))
    return (
        exp.Case()
        .when(
            exp.and_(leaves, inside(record, stays)), exp.Literal.string("stays_under_another_key")
        )
        .when(exp.and_(leaves.copy(), repeated), exp.Literal.string("leaves_under_another_key"))
    )


def _only_edits(fields: Mapping[str, MappedField]) -> exp.Expr:
    """Say that an item differs in nothing but what a person edited: it need not be sent again."""
    moved = []
    for field, mapping in fields.items():
        differs: exp.Expr = distinct(column(f"after:{field}", "p"), column(f"before:{field}", "p"))
        if mapping.on_edit.startswith("keep"):
            differs = exp.and_(differs, exp.not_(column(f"edited:{field}", "l")))
        moved.append(differs)
    return exp.and_(
        exp.not_(column("is_new", "p")), column("is_certain", "p"), exp.not_(any_of(moved))
    )


def policy_query(contract: Contract, name: str) -> exp.Select:
    """Join proposals with live records; an edit that stands keeps its field from being written.

    Reads ``proposed`` and ``live`` (``key``, ``destination_id``, ``found``, ``is_other_record``,
    ``live:<field>``, ``edited:<field>``); adds ``policy``, the reason why a change stays back.
    """
    destination = contract.destinations[name]
    fields = written_fields(destination, contract.launch.caveats)
    keys = ("key", "destination_id", "destination_key", "as_of", "as_of_before")
    output: list[exp.Expr] = [column(key, "p") for key in (*keys, "is_new", "is_gone")]
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
    reason = _withheld_reason(destination, fields)
    if destination.behavior == "mirror":
        reason = exp.Coalesce(this=_under_another_key(name), expressions=[reason])
    output.append(named(reason, "policy"))
    on = exp.and_(
        column("key", "p").eq(column("key", "l")),
        column("destination_id", "p").eq(column("destination_id", "l")),
    )
    return (
        exp.select(*output)
        .from_(exp.to_table("proposed").as_("p"))
        .join(exp.to_table("live").as_("l"), on=on, join_type="left")
    )
