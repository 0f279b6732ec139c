"""The CSV of a Salesforce bulk job: the file that is uploaded, the result files that come back.

In a job ``#N/A`` clears a field and an empty cell leaves it as it is, so a row that does not
write a column of its neighbours has an empty cell there. Lines end with LF; a value that has a
carriage return, or reads ``#N/A``, cannot travel this way and is told beforehand.

Source: "Prepare CSV Files", Bulk API 2.0 guide, read 2026-11-21.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from activation_pipeline.destinations._values import plain_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from activation_pipeline.destinations import Value
    from activation_pipeline.destinations._batch import Ready

CLEARED = "#N/A"


def fits(address: str, item: Ready) -> bool:
    """Tell whether a row's texts mean in a job's file what they say."""
    texts = (value for value in (address, *item.wire.values()) if isinstance(value, str))
    return all("\r" not in text and text.upper() != CLEARED for text in texts)


def csv_of(column: str, rows: Sequence[tuple[str, Ready]]) -> bytes:
    """Write rows, each with what it is addressed by, under a header of what any of them writes.

    ``column`` is the address's; the others come in the order in which they are first met.
    """
    names = list(dict.fromkeys(name for _, item in rows for name in item.wire))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column, *names])
    writer.writerows(
        [address, *(_cell(item.wire[name]) if name in item.wire else "" for name in names)]
        for address, item in rows
    )
    return stream.getvalue().encode()


def _cell(value: Value) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return CLEARED
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain_number(value)


def rows_of(body: bytes) -> list[dict[str, str]]:
    """Read the rows of a result file that can be trusted, by column.

    A body that was cut short loses its last row, because half a key may be another record's. A
    row with more or fewer cells than the header has is left out: the vendor does not always
    double a quote inside an error's text.
    """
    text = body.decode("utf-8-sig", "replace")
    try:
        table = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error:
        return []
    if table and (not text.endswith("\n") or text.count('"') % 2):
        table.pop()
    return list(_by_column(table))


def _by_column(table: Sequence[list[str]]) -> Iterable[dict[str, str]]:
    for row in table[1:]:
        if len(row) == len(table[0]):
            yield dict(zip(table[0], row, strict=True))
