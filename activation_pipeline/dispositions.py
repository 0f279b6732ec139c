"""Why a candidate goes or stays: every rule that can leave one out, as a condition.

The conditions refer to the joins of ``population``: ``c`` is the candidate, ``id:<name>`` its
match in one destination, ``shared:<name>`` a record that several candidates resolve to,
``list:<model>`` a suppression or review model, ``holdout`` the draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from sqlglot import exp

from activation_pipeline.expressions import column, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.contract import Contract

Disposition = Literal[
    "eligible",
    "invalid",
    "stale",
    "unmatched",
    "ambiguous",
    "colliding",
    "suppressed",
    "holdout",
    "review",
]


EXCLUDED: tuple[Disposition, ...] = tuple(
    name for name in get_args(Disposition) if name != "eligible"
)
ROLE_BASED = "role_based_email"


@dataclass(frozen=True)
class Rule:
    """One reason for leaving a candidate out: its name, its disposition and its condition."""

    name: str
    disposition: Disposition
    condition: exp.Expr


def _present(name: str, table: str) -> exp.Expr:
    return exp.not_(exp.Is(this=column(name, table), expression=exp.null()))


def _absent(name: str, table: str) -> exp.Expr:
    return exp.Is(this=column(name, table), expression=exp.null())


def _value_rules(contract: Contract) -> list[Rule]:
    rules = []
    for destination in contract.destinations.values():
        for field, mapping in destination.fields.items():
            value = column(f"value:{mapping.column}", "c")
            if mapping.allowed is not None:
                allowed = [exp.convert(option) for option in mapping.allowed]
                outside = exp.not_(exp.In(this=value, expressions=allowed))
                rules.append(Rule(f"not_allowed:{field}", "invalid", outside))
            if mapping.on_null == "flag":
                empty = exp.Is(this=value, expression=exp.null())
                rules.append(Rule(f"null:{field}", "review", empty))
    return rules


def _candidate_rules(contract: Contract, now: datetime) -> list[Rule]:
    key, as_of = column("key", "c"), column("as_of", "c")
    oldest = timestamp(now - contract.freshness.stale_after)
    no_key = exp.or_(_absent("key", "c"), key.eq(exp.Literal.string("")))
    return [
        Rule("no_key", "invalid", no_key),
        Rule("duplicate_key", "invalid", _present("key", "duplicate_key")),
        Rule("no_timestamp", "invalid", _absent("as_of", "c")),
        Rule("future_timestamp", "invalid", exp.GT(this=as_of, expression=timestamp(now))),
        Rule("stale", "stale", exp.LT(this=as_of, expression=oldest)),
    ]


def _identity_rules(contract: Contract) -> list[Rule]:
    rules = []
    ambiguous: Disposition = "review" if contract.matching.ambiguous == "review" else "ambiguous"
    for name in contract.destinations:
        lo, hi = column("lo", f"id:{name}"), column("hi", f"id:{name}")
        rules += [
            Rule(f"unmatched:{name}", "unmatched", _absent("lo", f"id:{name}")),
            Rule(f"ambiguous:{name}", ambiguous, exp.NEQ(this=lo, expression=hi)),
            Rule(f"colliding:{name}", "colliding", _present("lo", f"shared:{name}")),
        ]
        if contract.matching.role_based_email == "exclude":
            flagged = column("role_based", f"id:{name}").eq(exp.Literal.number(1))
            rules.append(Rule(f"{ROLE_BASED}:{name}", "suppressed", flagged))
    return rules


def _list_rules(contract: Contract) -> list[Rule]:
    suppression = contract.suppression
    rules = [Rule(m, "suppressed", _present("key", f"list:{m}")) for m in suppression.models]
    rules += [Rule(m, "review", _present("key", f"list:{m}")) for m in suppression.review]
    if suppression.holdout is not None:
        draw = column("draw", "holdout")
        held = exp.LT(this=draw, expression=exp.Literal.number(suppression.holdout.share))
        rules.append(Rule("no_holdout_draw", "invalid", _absent("draw", "holdout")))
        rules.append(Rule(suppression.holdout.model, "holdout", held))
    return rules


def rules(contract: Contract, now: datetime) -> tuple[Rule, ...]:
    """List every rule that can leave a candidate out, in the order of the dispositions."""
    found = [
        *_candidate_rules(contract, now),
        *_identity_rules(contract),
        *_list_rules(contract),
        *_value_rules(contract),
    ]
    return tuple(sorted(found, key=lambda rule: EXCLUDED.index(rule.disposition)))
