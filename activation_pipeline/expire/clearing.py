"""What becomes of one record of which something is over: a pure comparison of ours and now.

A field is emptied only where our value still stands; what somebody changed since is left alone and
listed. A member leaves, and an item goes as a whole. Nothing is read or written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.amending.ours import amended_row, stands

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.amending.ours import Reach, Row
    from activation_pipeline.destinations import LiveRecord
    from activation_pipeline.expiry.opening import Action

# What the contract asks for where nothing is written, and what is then said of the record.
SAID: Mapping[Action, str] = {"flag": "flagged", "alert": "alerted"}


@dataclass(frozen=True)
class Ended:
    """What becomes of one record: the row to send, and what is left alone, and why.

    A reason names its field after a colon, where it has one.
    """

    row: Row | None = None
    left: tuple[str, ...] = ()

    @property
    def deed(self) -> str | None:
        """Say what is done: ``cleared`` or ``removed``; None: nothing is written."""
        if self.row is None:
            return None
        return "removed" if self.row["operation"] == "remove" else "cleared"


def said(row: Row, words: Mapping[str, Action]) -> tuple[str, ...]:
    """Say of the fields whose values stay, though they are over, what the contract asks for."""
    names = [name for name, word in words.items() if word in SAID and row[f"tell:{name}"]]
    return tuple(f"{SAID[words[name]]}:{name}" if name else SAID[words[name]] for name in names)


def end(reach: Reach, row: Row, live: LiveRecord, told: tuple[str, ...], *, creates: bool) -> Ended:
    """Say what becomes of one record of which something is taken away.

    Args:
        reach: the destination.
        row: what we hold, ``held:<field>``, with ``end:<field>`` where a value is over.
        live: the record as it is now.
        told: what is said of its other values.
        creates: whether the contract makes records, whose ids nobody knew before.
    """
    if not live.ids:
        return Ended(left=(*told, "not_in_destination"))
    if len(live.ids) > 1:
        return Ended(left=(*told, "ambiguous_in_destination"))
    if live.ids[0] != row["destination_id"] and not creates:
        return Ended(left=(*told, "other_record_in_destination"))
    if reach.kind == "records":
        return _fields(reach, row, live, told)
    return _whole(reach, row, live, told)


def _fields(reach: Reach, row: Row, live: LiveRecord, told: tuple[str, ...]) -> Ended:
    over = [name for name in reach.types if row.get(f"end:{name}")]
    why = {name: _kept(reach, name, row, live) for name in over}
    left = (*told, *(f"{reason}:{name}" for name, reason in why.items() if reason))
    gone = [name for name, reason in why.items() if reason is None]
    if not gone:
        return Ended(left=left)
    return Ended(amended_row(reach, row, live, dict.fromkeys(gone)), left)


def _kept(reach: Reach, name: str, row: Row, live: LiveRecord) -> str | None:
    """Name why a field is not emptied; None where it is."""
    now = live.values.get(name)
    if name in reach.broken:
        return "cannot_clear"
    if now in (None, ""):
        return "is_empty"
    why = _not_over(reach, name, row, now)
    if why is None and name in reach.needed:
        return "cannot_be_empty"
    return why


def _not_over(reach: Reach, name: str, row: Row, now: object) -> str | None:
    """Say why what stands there is not what is over; None where it is.

    What we sent and never heard of may stand there: then it did arrive, and has its own age.
    """
    if stands(reach, name, row[f"held:{name}"], now):
        return None
    sent = row.get(f"sent:{name}")
    if sent is None or not stands(reach, name, sent, now):
        return "changed_since"
    return None if row["sent_is_over"] else "arrived_since"


def _whole(reach: Reach, row: Row, live: LiveRecord, told: tuple[str, ...]) -> Ended:
    """Let a member leave, or an item go, unless it is not ours, or not as we wrote it."""
    if reach.kind == "members" and not row["certain"] and row["as_of_sent_over"] is None:
        # Nobody knows whether we added this member, or somebody else did.
        return Ended(left=(*told, "unanswered"))
    looked_at = [name for name in reach.types if name in live.values]
    why = {name: _not_over(reach, name, row, live.values[name]) for name in looked_at}
    kept = tuple(f"{reason}:{name}" for name, reason in why.items() if reason)
    if kept:
        return Ended(left=(*told, *kept))
    gone = amended_row(reach, row, live, dict.fromkeys(reach.types))
    return Ended({**gone, "operation": "remove"}, told)
