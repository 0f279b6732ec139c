"""The records of one object: found by id or key, created, changed, with who wrote what and when.

Every change goes into the history, whatever the vendor shows of it. Whether a value is allowed is
the vendor's to say, before it comes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from string import Template
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from activation_pipeline.sandbox.catalogue import FieldSpec, ObjectSpec
    from activation_pipeline.sandbox.store import Store
    from activation_pipeline.sandbox.wire import World

_COLUMNS = "id, body, changed_at, archived"


@dataclass(frozen=True)
class Writer:
    """Who writes: ``integration``, ``person`` or ``import``, and the user's or app's id."""

    kind: str
    id: str
    at: datetime

    @cached_property
    def stamp(self) -> str:
        """The moment as the state keeps it; spelt once for a whole batch."""
        return stamp(self.at)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands; ``changed_at`` is ISO 8601 in UTC with microseconds."""

    id: str
    values: dict[str, Any]
    changed_at: str
    archived: bool


@dataclass(frozen=True, slots=True)
class Past:
    """One change of one value, newest first in every answer; ``born`` if it made the record."""

    seq: int
    record_id: str
    field: str
    old: Any
    new: Any
    at: str
    by_kind: str
    by_id: str
    born: bool


class Shelf:
    """The records of one object of one vendor."""

    def __init__(self, world: World, spec: ObjectSpec) -> None:
        """Look at one object of a world."""
        self.spec = spec
        self._store: Store = world.store
        self._place = (world.vendor, spec.name)
        self._keys = [field for field in spec.fields if field.is_key]
        # Stamps move with every write: their past is the past of the values themselves.
        self._silent = {field.name for field in spec.fields if field.is_read_only}
        self._formulas = [field for field in spec.fields if field.formula is not None]

    def find(self, record_id: str) -> Record | None:
        """Return the record of this id, archived ones included."""
        found = self._store.rows(
            f"SELECT {_COLUMNS} FROM record WHERE vendor=? AND object=? AND id=?",  # noqa: S608  constant
            *self._place,
            record_id,
        )
        return self._record(found[0]) if found else None

    def ids_by(self, field: FieldSpec, value: object) -> list[str]:
        """Return the ids of the live records with this value of a key field."""
        found = self._store.rows(
            "SELECT id FROM record_key WHERE vendor=? AND object=? AND field=? AND folded=?",
            *self._place,
            field.name,
            field.fold(value),
        )
        return [row[0] for row in found]

    def page(self, *, after: str = "", limit: int = 100, archived: bool = False) -> list[Record]:
        """Return records in the order of their ids, from after an id."""
        found = self._store.rows(
            f"SELECT {_COLUMNS} FROM record WHERE vendor=? AND object=? AND archived=?"  # noqa: S608  constant
            " AND id > ? ORDER BY id LIMIT ?",
            *self._place,
            int(archived),
            after,
            limit,
        )
        return [self._record(row) for row in found]

    def scan(self, *, archived: bool = False) -> Iterator[Record]:
        """Yield every record, in the order of ids."""
        last = ""
        while found := self.page(after=last, limit=5000, archived=archived):
            yield from found
            last = found[-1].id

    def count(self) -> int:
        """Return how many live records there are."""
        found = self._store.rows(
            "SELECT count(*) FROM record WHERE vendor=? AND object=? AND archived=0", *self._place
        )
        return int(found[0][0])

    def search(self, text: str, limit: int) -> list[Record]:
        """Return live records whose id, name or key contains the text."""
        pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        found = self._store.rows(
            f"SELECT {_COLUMNS} FROM record WHERE vendor=? AND object=? AND archived=0"  # noqa: S608  constant
            " AND (id LIKE ? ESCAPE '\\' OR name LIKE ? ESCAPE '\\' OR id IN ("
            "SELECT id FROM record_key WHERE vendor=? AND object=? AND folded LIKE ? ESCAPE '\\'))"
            " ORDER BY id LIMIT ?",
            *self._place,
            pattern,
            pattern,
            *self._place,
            pattern,
            limit,
        )
        return [self._record(row) for row in found]

    def changed_between(self, start: str, end: str, *, archived: bool = False) -> list[Record]:
        """Return records changed from ``start`` until before ``end`` (ISO 8601, UTC)."""
        found = self._store.rows(
            f"SELECT {_COLUMNS} FROM record WHERE vendor=? AND object=? AND archived=?"  # noqa: S608  constant
            " AND changed_at >= ? AND changed_at < ? ORDER BY changed_at, id",
            *self._place,
            int(archived),
            start,
            end,
        )
        return [self._record(row) for row in found]

    def create(self, record_id: str, values: Mapping[str, Any], writer: Writer) -> Record:
        """Add a record; its history begins with each value that a client may write."""
        kept = {name: value for name, value in values.items() if value is not None}
        self._store.run(
            "INSERT INTO record VALUES (?,?,?,?,?,?,0)",
            *self._place,
            record_id,
            orjson.dumps(kept).decode(),
            kept.get(self.spec.name_field),
            writer.stamp,
        )
        for field in self._keys:
            self._index(field, record_id, None, kept.get(field.name))
        self._remember(
            record_id,
            ((name, None, new) for name, new in kept.items() if name not in self._silent),
            writer,
            born=True,
        )
        return Record(record_id, kept, writer.stamp, archived=False)

    def update(self, record: Record, changes: Mapping[str, Any], writer: Writer) -> Record:
        """Change a record; values that stay the same leave no history."""
        moved = [
            (name, record.values.get(name), new)
            for name, new in changes.items()
            if name not in self._silent and record.values.get(name) != new
        ]
        values = {**record.values, **changes}
        values = {name: value for name, value in values.items() if value is not None}
        for field in self._formulas:
            values.pop(field.name, None)
        self._store.run(
            "UPDATE record SET body=?, name=?, changed_at=? WHERE vendor=? AND object=? AND id=?",
            orjson.dumps(values).decode(),
            values.get(self.spec.name_field),
            writer.stamp,
            *self._place,
            record.id,
        )
        touched = {name for name, _, _ in moved}
        for field in self._keys:
            if field.name in touched:
                self._index(field, record.id, record.values.get(field.name), values.get(field.name))
        self._remember(record.id, moved, writer, born=False)
        return Record(record.id, values, writer.stamp, record.archived)

    def archive(self, record: Record, writer: Writer) -> None:
        """Move a record to the bin: its keys find it no more."""
        self._store.run(
            "UPDATE record SET archived=1, changed_at=? WHERE vendor=? AND object=? AND id=?",
            writer.stamp,
            *self._place,
            record.id,
        )
        for field in self._keys:
            self._index(field, record.id, record.values.get(field.name), None)
        self._store.run(
            "DELETE FROM member WHERE vendor=? AND record_id=?", self._place[0], record.id
        )

    def past(self, record_id: str | None = None) -> list[Past]:
        """Return the changes of one record, or of all, newest first."""
        where = "vendor=? AND object=?" + (" AND id=?" if record_id is not None else "")
        found = self._store.rows(
            "SELECT seq, id, field, old, new, at, by_kind, by_id, born FROM history"  # noqa: S608  constant
            f" WHERE {where} ORDER BY seq DESC",
            *self._place,
            *([record_id] if record_id is not None else []),
        )
        return [
            Past(seq, rid, name, orjson.loads(old), orjson.loads(new), at, kind, by, bool(born))
            for seq, rid, name, old, new, at, kind, by, born in found
        ]

    def _index(self, field: FieldSpec, record_id: str, old: object, new: object) -> None:
        place = (*self._place, field.name)
        if old not in (None, ""):
            self._store.run(
                "DELETE FROM record_key"
                " WHERE vendor=? AND object=? AND field=? AND folded=? AND id=?",
                *place,
                field.fold(old),
                record_id,
            )
        if new not in (None, ""):
            self._store.run(
                "INSERT OR REPLACE INTO record_key VALUES (?,?,?,?,?)",
                *place,
                field.fold(new),
                record_id,
            )

    def _remember(
        self,
        record_id: str,
        moved: Iterable[tuple[str, Any, Any]],
        writer: Writer,
        *,
        born: bool,
    ) -> None:
        who = (writer.stamp, writer.kind, writer.id, born)
        self._store.run_many(
            "INSERT INTO history (vendor, object, id, field, old, new, at, by_kind, by_id, born)"
            " VALUES (?,?,?,?,?,?,?,?,?,?)",
            [
                (*self._place, record_id, name, _text(old), _text(new), *who)
                for name, old, new in moved
            ],
        )

    def _record(self, row: tuple[Any, ...]) -> Record:
        record_id, body, changed_at, archived = row
        values: dict[str, Any] = orjson.loads(body)
        for field in self._formulas:
            values.pop(field.name, None)
            values[field.name] = _computed(field.formula or "", values)
        return Record(record_id, values, changed_at, bool(archived))


def stamp(moment: datetime) -> str:
    """Spell a moment the way the state keeps it: UTC, microseconds, so that text order is time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _computed(formula: str, values: Mapping[str, Any]) -> str | None:
    known = {name: value for name, value in values.items() if value is not None}
    try:
        return Template(formula).substitute(known)
    except KeyError:  # an input is empty, so the formula is
        return None
