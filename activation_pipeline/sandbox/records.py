"""The records that are there at the start, from CSV files whose columns are the API's field names.

An empty cell is a field never set. They are loaded when the state is empty and after a reset.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from activation_pipeline.sandbox.catalogue import SetupError
from activation_pipeline.sandbox.shelf import Shelf, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.sandbox.catalogue import ObjectSpec
    from activation_pipeline.sandbox.wire import Vendor, World

IMPORT = "import"


def load_records(world: World, vendor: Vendor, folder: Path, now: datetime) -> int:
    """Load a vendor's initial records; return how many.

    Raises:
        SetupError: a column that the object does not have, a repeated id, or two records with one
            unique value; the message says file and line.
    """
    loaded = 0
    for spec in world.org.objects:
        path = folder / spec.records
        if spec.records and path.is_file():
            loaded += _load(world, vendor, spec, path, now)
    return loaded


def _load(world: World, vendor: Vendor, spec: ObjectSpec, path: Path, now: datetime) -> int:
    shelf = Shelf(world, spec)
    writer = Writer(IMPORT, world.org.user("person").id, now)
    loaded = 0
    for line, row in _rows(spec, path):
        record_id, values = vendor.adopt(world, spec, row, now)
        if shelf.find(record_id) is not None:
            raise SetupError(f"{path.name}:{line}: id {record_id} is there already; remove one")
        for field in spec.fields:
            value = values.get(field.name)
            if field.unique and value is not None and shelf.ids_by(field, value):
                raise SetupError(
                    f"{path.name}:{line}: {field.name} is unique and its value is used by another"
                    " record; give each record its own"
                )
        shelf.create(record_id, values, writer)
        loaded += 1
    return loaded


def _rows(spec: ObjectSpec, path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        unknown = [name for name in reader.fieldnames or [] if spec.field(name) is None]
        if unknown:
            raise SetupError(
                f"{path.name}:1: {spec.name} has no field {', '.join(unknown)};"
                " use the API names of the set-up"
            )
        for row in reader:
            yield reader.line_num, {name: value for name, value in row.items() if value}
