"""Does our value still stand? A pure comparison of what we hold with a live record.

Also composes the row that writes something else in its place. Nothing is read or written here.
"""

from __future__ import annotations

from dataclasses import dataclass
from json import dumps, loads
from typing import TYPE_CHECKING, Any, Literal

from activation_pipeline.live import agrees
from activation_pipeline.python_values import plain_values

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import pyarrow as pa

    from activation_pipeline.destinations import LiveRecord, Value

Kind = Literal["records", "items", "members"]
Row = dict[str, Any]
_LEFT = object()


@dataclass(frozen=True)
class Reach:
    """What a destination lets us do with what it holds from us.

    ``types`` are column types by field; ``broken`` fields cannot be written any more, ``needed``
    ones cannot be emptied; ``as_read`` is the destination's.
    """

    kind: Kind
    types: Mapping[str, pa.DataType]
    broken: Collection[str]
    needed: Collection[str]
    as_read: Callable[[Mapping[str, Value]], Mapping[str, Value]]


def stands(reach: Reach, name: str, ours: object, now: object) -> bool:
    """Say whether the destination still has our value, in its spelling or in ours."""
    if agrees(ours, now):
        return True
    try:
        return agrees(value_as_read(reach, name, ours), now)
    except ValueError:
        return False


def value_as_read(reach: Reach, name: str, value: Any) -> object:
    """Say what is read once a value is there; what cannot be sent equals nothing.

    Raises:
        ValueError: the destination would hold the value back.
    """
    return reach.as_read({name: plain_values([value])[0]}).get(name, _LEFT)


def fields_written(reach: Reach, row: Row) -> list[str]:
    """Name the fields that a row writes."""
    return [name for name in reach.types if row[f"write:{name}"]]


def is_overtaken(reach: Reach, row: Row, live: LiveRecord) -> bool:
    """Say whether somebody changed what an interrupted plan would still write, or how it is kept.

    ``row`` is that plan's own: what it found then is in ``live:``, what it writes in ``after:``.
    """
    if reach.kind == "members" or not live.ids:
        return False
    if len(live.ids) > 1:
        return True
    for name in fields_written(reach, row):
        if name in reach.broken:
            return True
        now = live.values.get(name)
        found = agrees(loads(row[f"live:{name}"] or "null"), now)
        if not found and not stands(reach, name, row[f"after:{name}"], now):
            return True
    return False


def amended_row(reach: Reach, row: Row, live: LiveRecord, values: Mapping[str, Any]) -> Row:
    """Compose the row to send: ``values`` are written, everything else keeps its value.

    ``row`` has the address, ``held:<field>``, and in ``as_of_before`` how old what stands then is.
    """
    sent = {name: row[name] for name in ("key", "destination_key")}
    # A plan made before this was noted does not say.
    sent["as_of"] = row.get("as_of_before")
    sent["destination_id"] = live.ids[0] if live.ids else row["destination_id"]
    sent["delivered_id"] = row["destination_id"]
    sent["operation"] = "clear" if any(value is None for value in values.values()) else "update"
    for name in reach.types:
        held = row[f"held:{name}"]
        now = live.values.get(name)
        sent[f"before:{name}"] = held
        sent[f"after:{name}"] = values.get(name, held)
        sent[f"write:{name}"] = name in values
        sent[f"live:{name}"] = dumps(now, default=str) if len(live.ids) == 1 else None
    return sent
