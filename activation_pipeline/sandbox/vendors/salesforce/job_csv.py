"""The CSV of a bulk job: its file as rows, a cell as a value, and the result files.

An empty cell leaves a field as it is, ``#N/A`` clears it, nothing is trimmed. A file that does not
keep to the job's own settings fails the whole job. Source: ``destinations.md`` section 2,
"Bulk API 2.0".
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.wire import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from activation_pipeline.sandbox.catalogue import FieldSpec

DELIMITERS = {
    "COMMA": ",",
    "TAB": "\t",
    "PIPE": "|",
    "SEMICOLON": ";",
    "CARET": "^",
    "BACKQUOTE": "`",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_CLEARED = "#N/A"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_NUMBERS = ("double", "currency", "percent", "int")


class JobFailedError(Exception):
    """The file cannot be worked on; the text is the job's ``errorMessage``."""


@dataclass(frozen=True, slots=True)
class Table:
    """A job's file: its columns and its rows of as many cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def record(self, row: Sequence[str]) -> dict[str, str]:
        """Return the cells of a row that say something, by column."""
        return {name: cell for name, cell in zip(self.columns, row, strict=True) if cell != ""}


def read_table(text: str, job: Mapping[str, Any]) -> Table:
    """Read a job's file.

    Raises:
        JobFailedError: other line ends than the job said, or a row of another width.
    """
    wanted = job["lineEnding"]
    if text and ("\r\n" in text) != (wanted == "CRLF"):
        raise JobFailedError(
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is"
            f" {wanted}"
        )
    delimiter = DELIMITERS[job["columnDelimiter"]]
    try:
        found = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise JobFailedError(f"ClientInputError : {error}") from None
    header, rows = (found[0], [row for row in found[1:] if row]) if found else ([], [])
    if any(len(row) != len(header) for row in rows):
        raise JobFailedError("InvalidBatch : the row has another number of cells than the header")
    return Table(tuple(header), tuple(tuple(row) for row in rows))


def value_of(field: FieldSpec, cell: str) -> Any:
    """Return a cell as the value that the REST API would have been given.

    Raises:
        Refusal: it is no value of the field's type.
    """
    if cell == _CLEARED:
        return None
    if field.type in _NUMBERS:
        try:
            return float(cell)
        except ValueError:
            raise _not_a_value(field, cell, "double") from None
    if field.type == "boolean":
        if cell.lower() not in _FLAGS:
            raise _not_a_value(field, cell, "boolean")
        return _FLAGS[cell.lower()]
    return cell


def written(columns: Sequence[str], rows: Iterable[Sequence[str]], job: Mapping[str, Any]) -> str:
    """Write a result file in the job's own format."""
    stream = io.StringIO(newline="")
    writer = csv.writer(
        stream,
        delimiter=DELIMITERS[job["columnDelimiter"]],
        lineterminator=LINE_ENDINGS[job["lineEnding"]],
        quoting=csv.QUOTE_ALL,
    )
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue()


def _not_a_value(field: FieldSpec, cell: str, kind: str) -> Refusal:
    return Refusal(
        400,
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        f"{field.label}: value not of required type: '{cell}' is not a valid value for the type"
        f" xsd:{kind}",
        fields=[field.name],
    )
