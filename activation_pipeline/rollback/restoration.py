"""What it takes to undo one planned row: a pure comparison of before, ours and now.

A field is put back only where our value still stands; what somebody changed since is left alone
and listed. Records are judged field by field, whole items and members as one. Nothing is read
or written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from json import dumps, loads
from typing import TYPE_CHECKING, Any

from activation_pipeline.amending.ours import (
    Reach,
    Row,
    amended_row,
    fields_written,
    stands,
    value_as_read,
)
from activation_pipeline.live import agrees
from activation_pipeline.plan import WITHDRAW
from activation_pipeline.rollback.prior import value_before

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from activation_pipeline.contract import RollbackRules
    from activation_pipeline.destinations import LiveRecord


@dataclass(frozen=True)
class Rules(Reach):
    """How one destination's rows are undone.

    ``types`` are the plan's; ``barred`` says why somebody may not come back (None: may).
    """

    contract: RollbackRules
    barred: Callable[[str, str], str | None]


@dataclass(frozen=True)
class Undone:
    """One row's undo: the row to send (None: nothing to send), and what is left alone, and why.

    A reason names its field after a colon. Neither is there where all is as before already.
    """

    row: Row | None = None
    left: tuple[str, ...] = ()


def undo(
    rules: Rules, row: Row, live: LiveRecord, *, noted: Collection[str], is_sure: bool
) -> Undone:
    """Say how one planned row is undone.

    Args:
        rules: how this destination's rows are undone.
        row: the plan's row, with ``held`` (we hold the record now) and ``held:<field>``.
        live: the record as it is now.
        noted: the codes that the ledger noted when the row was accepted.
        is_sure: false where the row was sent without a trustworthy answer.
    """
    if rules.kind == "members":
        return _member(rules, row, live, noted=noted, is_sure=is_sure)
    judge = _record if rules.kind == "records" else _item
    return judge(rules, row, live)


def _record(rules: Rules, row: Row, live: LiveRecord) -> Undone:
    written = fields_written(rules, row)
    made = all(row[f"live:{name}"] is None for name in written)
    if made and rules.contract.created == "keep":
        return Undone(left=("created_kept",))
    if len(live.ids) != 1:
        gone = "ambiguous_in_destination" if live.ids else "not_in_destination"
        return Undone(left=() if made and not live.ids else (gone,))
    # A record that the plan made has an id that nobody knew when it was planned.
    if live.ids[0] != row["destination_id"] and not made:
        return Undone(left=("other_record_in_destination",))
    found = {name: _field(rules, name, row, live) for name in written}
    left = tuple(each for each in found.values() if isinstance(each, str))
    back = {name: each.value for name, each in found.items() if isinstance(each, _Back)}
    if not back:
        return Undone(left=left)
    undone = amended_row(rules, row, live, back)
    if not row["held"] or (not left and _is_all_of_it(rules, row, written)):
        undone["operation"] = WITHDRAW
    return Undone(undone, left)


@dataclass(frozen=True)
class _Back:
    value: Any


def _field(rules: Rules, name: str, row: Row, live: LiveRecord) -> _Back | str | None:
    """Give what a field is put back to; a reason where it is not; None where it is as before."""
    if name in rules.broken:
        return f"cannot_restore:{name}"
    now, planned = live.values.get(name), row[f"live:{name}"] or "null"
    before = loads(planned)
    if agrees(before, now):
        return None
    if not stands(rules, name, row[f"after:{name}"], now):
        return f"changed_since:{name}"
    if before in (None, "") and name in rules.needed:
        return f"cannot_be_empty:{name}"
    try:
        value = value_before(planned, rules.types[name])
        if agrees(value_as_read(rules, name, value), before):
            return _Back(value)
    except ValueError:
        pass
    return f"cannot_restore:{name}"


def _is_all_of_it(rules: Rules, row: Row, written: Sequence[str]) -> bool:
    """Say whether the plan wrote the record first, and we hold nothing else there."""
    expected = {name: row[f"after:{name}"] if name in written else None for name in rules.types}
    same = all(row[f"held:{name}"] == value for name, value in expected.items())
    return row["operation"] == "add" and same


def _item(rules: Rules, row: Row, live: LiveRecord) -> Undone:
    """Undo a whole item: it goes, or comes back, or is put back as it was; never in part."""
    if row["operation"] == "remove":
        return Undone() if live.ids else _item_back(rules, row, live)
    if not live.ids:
        return Undone() if row["operation"] == "add" else Undone(left=("not_in_destination",))
    written = fields_written(rules, row)
    changed = [
        f"changed_since:{name}"
        for name in written
        if not stands(rules, name, row[f"after:{name}"], live.values.get(name))
    ]
    if row["operation"] == "add":
        if changed or rules.contract.members == "keep":
            return Undone(left=tuple(changed) or ("member_kept",))
        gone = amended_row(rules, row, live, dict.fromkeys(rules.types))
        return Undone({**gone, "operation": "remove"})
    found = {name: _field(rules, name, row, live) for name in written}
    if all(each is None for each in found.values()):
        return Undone()
    left = (*changed, *(e for e in found.values() if isinstance(e, str) and e not in changed))
    return Undone(left=left) if left else _item_back(rules, row, live)


def _item_back(rules: Rules, row: Row, live: LiveRecord) -> Undone:
    """Put a whole item back as it was before the plan."""
    returns = row["operation"] == "remove"
    if returns and rules.contract.members == "keep":
        return Undone(left=("member_kept",))
    why = rules.barred(row["key"], row["destination_id"]) if returns else None
    if why is not None:
        return Undone(left=(why,))
    # A field that the plan left alone keeps what is there now.
    stood = {
        name: row[f"live:{name}"]
        if returns or row[f"write:{name}"]
        else dumps(live.values.get(name), default=str)
        for name in rules.types
    }
    if None in stood.values():
        return Undone(left=("cannot_restore",))
    try:
        back = {name: value_before(stood[name], kind) for name, kind in rules.types.items()}
    except ValueError:
        return Undone(left=("cannot_restore",))
    whole = amended_row(rules, row, live, back)
    return Undone({**whole, "operation": "add"} if returns else whole)


def _member(
    rules: Rules, row: Row, live: LiveRecord, *, noted: Collection[str], is_sure: bool
) -> Undone:
    """Undo a membership, unless it is as before, or was so before the plan."""
    joined = row["operation"] != "remove"
    if bool(live.ids) != joined:
        return Undone()
    if "UNCHANGED" in noted:
        return Undone(left=("was_so_before",))
    if rules.contract.members == "keep":
        return Undone(left=("member_kept",))
    if joined:
        # Somebody else may have added a member of whom we never heard back.
        away = {**amended_row(rules, row, live, {}), "operation": "remove"}
        return Undone(away) if is_sure else Undone(left=("unanswered",))
    why = rules.barred(row["key"], row["destination_id"])
    return (
        Undone(left=(why,))
        if why
        else Undone({**amended_row(rules, row, live, {}), "operation": "add"})
    )
