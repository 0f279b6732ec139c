"""The field policy as its documents say it, in plain Python, to compare the product with.

Sources: ``docs/contracts.md`` (``behavior``, ``on_null``, ``on_edit``, ``allowed``) and the rules
of null handling and overwrites in the contract's requirements. Nothing of the package is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Literal

OLD, FRESH, HAND, ALIEN = "old", "fresh", "by hand", "alien"
ALLOWED = (OLD, FRESH)
KEPT_FOR = timedelta(days=30)

Change = Literal["value", "null", "outside", "unchanged"]
Edit = Literal["none", "recent", "long_ago", "same", "cleared"]
Do = Literal["write", "leave", "withhold"]


@dataclass(frozen=True)
class Policy:
    """One field's policy, and the field's number."""

    number: int
    on_null: str
    on_edit: str


POLICIES = tuple(
    Policy(number, on_null, on_edit)
    for number, (on_null, on_edit) in enumerate(
        product(("preserve", "clear", "flag"), ("keep", "keep 30d", "overwrite", "flag"))
    )
)


@dataclass(frozen=True)
class Cell:
    """What one field of one record has been through.

    ``edit_age`` is None where nobody edited it, or the vendor does not say when.
    """

    was_delivered: bool
    delivered: str | None
    live: str | None
    new: str | None
    edit_age: timedelta | None = None


def new_value(change: Change) -> str | None:
    values = {"value": FRESH, "null": None, "outside": ALIEN, "unchanged": OLD}
    return values[change]


def decide(policy: Policy, cell: Cell) -> Do:
    """Say what becomes of one field; to withhold one is to withhold its record."""
    if cell.new is not None and cell.new not in ALLOWED:
        return "withhold"
    if cell.new is None and policy.on_null == "flag":
        return "withhold"
    if cell.new is None and policy.on_null == "preserve":
        return "leave"
    if cell.was_delivered and cell.new == cell.delivered:
        return "leave"
    if cell.live in {cell.delivered, cell.new}:
        return "write"
    return _conflict(policy, cell)


def _conflict(policy: Policy, cell: Cell) -> Do:
    """Last delivered, live now and new are three different values: somebody else wrote there."""
    if policy.on_edit == "overwrite":
        return "write"
    if policy.on_edit == "flag":
        return "withhold"
    is_over = cell.edit_age is not None and cell.edit_age > KEPT_FOR
    return "write" if policy.on_edit != "keep" and is_over else "leave"


def written(cells: dict[Policy, Cell]) -> dict[int, str | None]:
    """Say what one record is sent: values by field number; nothing where it is withheld."""
    found = {policy: decide(policy, cell) for policy, cell in cells.items()}
    if "withhold" in found.values():
        return {}
    return {p.number: cells[p].new for p, what in found.items() if what == "write"}


def may_be_written(behavior: str, *, is_there: bool) -> bool:
    """Say whether a behavior lets a record that is there, or is not, be written at all."""
    allowed = {"update_only": {True}, "create_only": {False}, "upsert": {True, False}}
    return is_there in allowed[behavior]
