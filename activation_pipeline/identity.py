"""Which destination record a key resolves to, by the contract's rules in their order.

Composes one query; whether one record, several or none is a disposition, which is the
population's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from activation_pipeline.expressions import column, named, text

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.expressions import Relations


def identity_query(contract: Contract, model: str, relations: Relations) -> exp.Select:
    """Resolve keys by the best accepted rule: one row per key.

    Columns: ``key``, ``lo`` and ``hi`` (smallest and largest destination id: they differ where
    the key is ambiguous), ``destination_key`` (defaults to the key), ``role_based`` (0 or 1).
    Rows of other rules, and rows without a key or id, count as no match.
    """
    rules = contract.matching.rules
    known = exp.and_(
        exp.In(this=column("rule"), expressions=[exp.Literal.string(rule) for rule in rules]),
        exp.not_(exp.Is(this=column("key"), expression=exp.null())),
        exp.not_(exp.Is(this=column("destination_id"), expression=exp.null())),
    )
    rank = exp.Case()
    for position, rule in enumerate(rules):
        rank = rank.when(column("rule").eq(rule), exp.Literal.number(position))
    fields: list[exp.Expr] = [
        named(text(column("key")), "key"),
        named(text(column("destination_id")), "destination_id"),
        named(text(column("destination_key")), "destination_key"),
        named(rank, "rank"),
    ]
    role_based: exp.Expr = exp.Literal.number(0)
    if contract.matching.role_based_email is not None:
        fields.append(column("is_role_based_email"))
        # Not known to be personal counts as role-based: in doubt, nothing is sent.
        role_based = (
            exp.Case()
            .when(column("is_role_based_email").eq(exp.false()), exp.Literal.number(0))
            .else_(exp.Literal.number(1))
        )
    matches = exp.select(*fields).from_(relations.models[model]).where(known)
    rows: exp.Query = matches
    if len(rules) > 1:
        best = (
            exp.select(column("key"), named(exp.Min(this=column("rank")), "best"))
            .from_(matches.subquery("all_matches"))
            .group_by(column("key"))
        )
        rows = (
            exp.select(exp.Column(this=exp.Star(), table=exp.to_identifier("m")))
            .from_(matches.subquery("m"))
            .join(
                best.subquery("b"),
                on=exp.and_(
                    column("key", "m").eq(column("key", "b")),
                    column("rank", "m").eq(column("best", "b")),
                ),
            )
        )
    return (
        exp.select(
            column("key"),
            named(exp.Min(this=column("destination_id")), "lo"),
            named(exp.Max(this=column("destination_id")), "hi"),
            named(
                exp.Coalesce(
                    this=exp.Min(this=column("destination_key")), expressions=[column("key")]
                ),
                "destination_key",
            ),
            named(exp.Max(this=role_based), "role_based"),
        )
        .from_(rows.subquery("matches"))
        .group_by(column("key"))
    )
