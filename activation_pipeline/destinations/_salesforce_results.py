"""What became of each record of a Salesforce bulk job, out of its three result files.

A job that is complete is not a job that succeeded, and the files keep no order: each record is
found by the value that it was sent with. Only the file of the successful makes a record
accepted; one that no file has, or two files contradict, is unknown.

Source: "Get Job Successful, Failed and Unprocessed Record Results", read 2026-11-21.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.destinations import BatchOutcome, RecordFault
from activation_pipeline.destinations._batch import fault
from activation_pipeline.destinations._masking import safe_code, safe_name
from activation_pipeline.destinations._salesforce_write import bare_id, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from activation_pipeline.destinations._batch import Ready

BY_ID = "Id"
_UNPROCESSED = "UNPROCESSED"

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Results:
    """A job's three files, as far as they could be read, and how the job ended."""

    successful: Sequence[Row]
    failed: Sequence[Row]
    unprocessed: Sequence[Row]
    ended: str


def account(part: Sequence[tuple[str, Ready]], column: str, results: Results) -> BatchOutcome:
    """Account for every record of a job.

    Args:
        part: the records, each with what its row was addressed by.
        column: the column of that address; ``Id`` in either spelling of an id.
        results: the job's files.
    """
    spelt = bare_id if column == BY_ID else str
    written = (row for row in results.successful if row.get("sf__Id"))
    done = _indexed(written, column, spelt)
    failed = _indexed((row for row in results.failed if "sf__Error" in row), column, spelt)
    left = _indexed(results.unprocessed, column, spelt)
    faults: list[RecordFault] = []
    created: list[str] = []
    for address, item in part:
        key = spelt(address)
        found = [file[key] for file in (done, failed, left) if key in file]
        if len(found) != 1:
            text = f"{len(found)} of the job's result files have the record; {results.ended}"
            faults.append(fault(item.record, "unknown", "no_results", text))
        elif key in failed:
            faults.append(_refused(item, failed[key]))
        elif key in left:
            text = f"the job ended before this record; {results.ended}"
            faults.append(fault(item.record, "unknown", _UNPROCESSED, text))
        elif done[key].get("sf__Created", "").lower() == "true":
            created.append(item.record.key)
    return BatchOutcome(tuple(faults), tuple(created))


def _indexed(rows: Iterable[Row], column: str, spelt: Callable[[str], str]) -> Mapping[str, Row]:
    return {spelt(row[column]): row for row in rows if row.get(column)}


def _refused(item: Ready, row: Row) -> RecordFault:
    """Read ``CODE:message:field field --``; the message may have colons of its own."""
    code, _, rest = row["sf__Error"].strip().partition(":")
    text, colon, names = rest.removesuffix("--").rpartition(":")
    if not (colon and rest.endswith("--")):
        text, names = rest, ""
    named = names.replace(",", " ").split()
    return refused(item, safe_code(code.strip()), text, safe_name(named[0]) if named else None)
