"""A review pack made by hand, with one of everything, for tests that lay it out."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from activation_pipeline.review.document import (
    Answer,
    Blank,
    Condition,
    Effect,
    Fall,
    FieldChange,
    Flow,
    GateLine,
    MappedColumn,
    MappedPlace,
    Pack,
    Question,
    Sampled,
    Waterfall,
)
from activation_pipeline.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable

# What decides how a page is laid out is of a closed list, and never of a person or a warehouse.
_CLOSED = frozenset({"kind", "word", "proposal", "verdict", "disposition"})

CHANGED = Effect(
    "crm",
    "R-1",
    "update",
    (
        FieldChange("Band__c", "low", "high", was_empty=False, edited=True),
        FieldChange("Reason__c", "empty", "usage", was_empty=True, edited=False),
    ),
)
SAMPLE = (
    Sampled("A-1", "eligible", "update", (), "", {"band": "high", "reason": "usage"}, (CHANGED,)),
    Sampled("A-2", "eligible", "unchanged", (), "", {"band": "low", "reason": "usage"}, ()),
    Sampled(
        "A-3", "suppressed", "suppress_a", ("suppress_a", "stale"), "asked for it",
        {"band": "low", "reason": "empty"}, (),
    ),
    Sampled(
        "A-4", "gone", "no longer a candidate", ("no longer a candidate",), "", {},
        (Effect("crm", "R-4", "remove"),),
    ),
)  # fmt: skip
WATERFALL = Waterfall(
    (
        Fall("all", "candidates", "mart", 3, 3, None, "analytics_engineering"),
        Fall("out", "suppressed", "suppress_a", 1, 2, 2, "cs_ops"),
        Fall("left", "eligible", "", 2, 2, None, "cs_director"),
    ),
    (Flow("crm", {"update": 1, "unchanged": 1}, {"remove": 1}),),
)
ANSWERS = tuple(
    Answer(minutes, f"Question of {minutes}?", "cs_director", ("One line.", "Two lines.", "Three."))
    for minutes in ("0-5", "5-10", "10-15", "15-20", "20-25", "25-30")
)
MAPPING = (
    MappedPlace(
        "crm", "Account", "update only", "salesforce_admin", ("weekly planning",), "nobody",
        (
            MappedColumn("Band__c", "band", "low, high", "preserve", "keep 30d", "clear",
                         is_meta=False, sent=True),
            MappedColumn("Reason__c", "reason", "any", "flag", "overwrite", "stays",
                         is_meta=True, sent=False),
        ),
    ),
    MappedPlace("mail", "contacts, list 7", "mirror", "admin", ("journey",), "nobody", ()),
)  # fmt: skip
GATES = (
    GateLine("match_rate", "passed", "0.99", "0.98", "99 of 100 matched", "analytics", "director"),
    GateLine("change_volume", "stops", "0.6", "0.3", "60 updates", "cs_director", "cs_director"),
    GateLine("null_rate", "signed", "0.1", "0.02", "10 empty", "analytics", "cs_director"),
    GateLine("sample_review", "warns", "-", "-", "cs_ops has to look", "cs_director", "cs_ops"),
)


def a_pack(**changes: Any) -> Pack:
    """One pack with every section filled; ``changes`` replace fields."""
    usual = Pack(
        contract="renewal_risk",
        version=3,
        kind="score",
        fingerprint="0123456789abcdef",
        definition="fedcba9876543210",
        plan="00112233445566aa",
        made_at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
        as_of=date(2026, 11, 21),
        proposal="launch_with_caveats",
        caveats="at most 50 records",
        verdict="pause",
        stops=("change_volume",),
        no_plan="",
        remarks=("everything is paused since yesterday",),
        embarrassment="A strategic account is called about a signed renewal.",
        caught_by=("suppress_a",),
        answers=ANSWERS,
        mapping=MAPPING,
        waterfall=WATERFALL,
        gates=GATES,
        sample=SAMPLE,
        shows_values=True,
        conditions=(Condition("grain", "the grain is unclear", "a key twice", "make it one row"),),
        conditions_met=10,
        questions=(Question("cs_ops", "Who looks at it?"),),
        steps=(Step("cs_director", "sign it", "activation approve renewal_risk --plan 00"),),
        blanks=(Blank("cs_director", "the contract", "contract approved on 2026-11-19"),),
    )
    return replace(usual, **changes)


def with_every_text(value: Any, change: Callable[[str], str]) -> Any:
    """Change every text in a pack, at any depth, but for those of a closed list."""
    if isinstance(value, str):
        return change(value) if value else value
    if isinstance(value, tuple):
        return tuple(with_every_text(each, change) for each in value)
    if isinstance(value, dict):
        return {change(name): with_every_text(each, change) for name, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            each.name: with_every_text(getattr(value, each.name), change)
            for each in fields(value)
            if each.name not in _CLOSED
        }
        return replace(value, **changed)
    return value
