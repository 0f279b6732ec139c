"""The field policy as its documents say it, in plain Python, to compare the product with.

Sources: ``docs/contracts.md`` (``behavior``, ``on_null``, ``on_edit``, ``allowed``),
``docs/webhook.md`` and the rules of null handling and overwrites in the contract's requirements.
Nothing of the package is used.

An item of a store (``behavior: mirror`` with fields) has rules of its own, for these reasons:

- It goes whole when one field differs, since the store may have dropped it: a field that stays as
  it was is written again, and what a person wrote there meanwhile is a conflict as well.
- It leaves whole: where a value is empty or not allowed, and that would keep a record back, what
  the store shows is no longer what we stand for, whatever a person wrote there.
- ``preserve`` sends what was delivered last, so that the item is whole; where nothing ever was,
  the field is left out, for a null would empty what the store has. Contracts for agents may not
  say ``preserve``; a ``score`` that writes to a store may, and so it is in the table.
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


def leaves(cells: dict[Policy, Cell]) -> bool:
    """Say whether an item is deleted: it was delivered, and may not stand any more."""
    return any(cell.was_delivered and _is_kept_back(p, cell) for p, cell in cells.items())


def whole_item(cells: dict[Policy, Cell], *, is_renewed: bool) -> dict[int, str | None]:
    """Say what an item is sent with: values by field number; nothing where it is not sent.

    ``is_renewed``: its event time is a field of it, and moved on.
    """
    if any(_is_kept_back(policy, cell) for policy, cell in cells.items()):
        return {}
    found = {policy: _decide_in_item(policy, cell) for policy, cell in cells.items()}
    moves = is_renewed or any(
        what == "write"
        and not (cells[p].was_delivered and _sent(p, cells[p]) == cells[p].delivered)
        for p, what in found.items()
    )
    if not moves or "withhold" in found.values():
        return {}
    return {p.number: _sent(p, cells[p]) for p, what in found.items() if what == "write"}


def _is_kept_back(policy: Policy, cell: Cell) -> bool:
    """Say whether the source's value may not be sent: no person's edit is looked at."""
    if cell.new is None:
        return policy.on_null == "flag"
    return cell.new not in ALLOWED


def _sent(policy: Policy, cell: Cell) -> str | None:
    keeps = cell.new is None and policy.on_null == "preserve"
    return cell.delivered if keeps else cell.new


def _decide_in_item(policy: Policy, cell: Cell) -> Do:
    sent = _sent(policy, cell)
    if sent is None and policy.on_null == "preserve":
        return "leave"
    return "write" if cell.live in {cell.delivered, sent} else _conflict(policy, cell)


def may_be_written(behavior: str, *, is_there: bool) -> bool:
    """Say whether a behavior lets a record that is there, or is not, be written at all."""
    allowed = {"update_only": {True}, "create_only": {False}, "upsert": {True, False}}
    return is_there in allowed[behavior]
