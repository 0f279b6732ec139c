"""Working on a bulk job's file: each row is saved or refused by itself, in no promised order.

A row is in exactly one of three files afterwards: successful, failed, or not processed. A fault
may end the job before its last row; a row that a fault drops is in none. Source:
``destinations.md`` section 2, "Bulk API 2.0".
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.salesforce.addressed import (
    check_rule,
    live_record,
    upsert_one,
)
from activation_pipeline.sandbox.vendors.salesforce.ids import is_id, long_id
from activation_pipeline.sandbox.vendors.salesforce.job_csv import (
    JobFailedError,
    Table,
    read_table,
    value_of,
    written,
)
from activation_pipeline.sandbox.vendors.salesforce.saving import Desk, desk
from activation_pipeline.sandbox.vendors.salesforce.sobjects import external_field
from activation_pipeline.sandbox.wire import Call, Drop, Refusal, World

if TYPE_CHECKING:
    from collections.abc import Sequence

SUCCESSFUL, FAILED, UNPROCESSED = "successfulResults", "failedResults", "unprocessedrecords"
# How a fault of this kind leaves a job, after as many rows as it says.
ENDS = {"job_failed": "Failed", "job_aborted": "Aborted"}


@dataclass(slots=True)
class Work:
    """What became of a job: its state, what it says of it, and the rows of the three files."""

    state: str = "JobComplete"
    message: str = ""
    successful: list[Sequence[str]] = field(default_factory=list)
    failed: list[Sequence[str]] = field(default_factory=list)
    unprocessed: list[Sequence[str]] = field(default_factory=list)

    def files(self, columns: Sequence[str], job: dict[str, Any], seed: str) -> dict[str, str]:
        """Write the three files, each in an order of its own."""
        headers = {
            SUCCESSFUL: (["sf__Id", "sf__Created", *columns], self.successful),
            FAILED: (["sf__Id", "sf__Error", *columns], self.failed),
            UNPROCESSED: (list(columns), self.unprocessed),
        }
        return {
            name: written(header, sorted(rows, key=lambda row: _shuffled(row, seed)), job)
            for name, (header, rows) in headers.items()
        }


def work_on(
    call: Call, world: World, job: dict[str, Any], text: str
) -> tuple[Work, dict[str, str]]:
    """Work on a job's file: what became of it, and its three files."""
    work = Work()
    table = Table((), ())
    try:
        table = read_table(text, job)
        place = desk(call, world, job["object"])
        named = {name: Drop(job[name][0], frozenset(job[name][1])) for name in ("_drop", "_refuse")}
        own = replace(call, drop=named["_drop"], refuse=named["_refuse"])
        _each(own, place, job, table, work)
    except JobFailedError as error:
        work = Work("Failed", str(error), unprocessed=list(table.rows))
    return work, work.files(table.columns, job, world.seed)


def unread(job: dict[str, Any], text: str, seed: str) -> dict[str, str]:
    """Write the files of a job that was stopped before any of its rows."""
    try:
        table = read_table(text, job)
    except JobFailedError:
        table = Table((), ())
    return Work(unprocessed=list(table.rows)).files(table.columns, job, seed)


def _check_columns(place: Desk, key: str, table: Table) -> None:
    unknown = next((name for name in table.columns if place.field(name) is None), None)
    if unknown is None and key.lower() not in map(str.lower, (*table.columns, "")):
        unknown = key
    if unknown is not None and table.columns:
        raise JobFailedError(f"InvalidBatch : Field name not found : {unknown}")


def _key_column(place: Desk, job: dict[str, Any]) -> str:
    """Name the column that rows are found by; none for an insert."""
    if job["operation"] in ("update", "delete"):
        return place.spec.id_field
    return str(job.get("externalIdFieldName") or "")


def _ends_at(job: dict[str, Any], table: Table, work: Work) -> int:
    """Say how many rows are worked on before a fault ends the job, and how it ends then."""
    kind, options = job["_effect"]
    if kind not in ENDS:
        return len(table.rows)
    work.state = ENDS[kind]
    if work.state == "Failed":
        told = "InternalServerError : the job could not be finished"
        work.message = str(options.get("message", told))
    return int(options.get("processed", 0))


def _each(call: Call, place: Desk, job: dict[str, Any], table: Table, work: Work) -> None:
    column = _key_column(place, job)
    _check_columns(place, column, table)
    until = _ends_at(job, table, work)
    work.unprocessed = list(table.rows[until:])
    keys = [_key(table, row, column) for row in table.rows]
    times = Counter(_fold(place, column, key) for key in keys if key)
    for position, row in enumerate(table.rows[:until]):
        key = keys[position]
        if call.drop.loses(position, key):
            continue
        try:
            _check_once(key, times[_fold(place, column, key)])
            check_rule(call, position, key)
            record_id, created = _save(place, job, key, _body(place, table, row))
            work.successful.append([record_id, str(created).lower(), *row])
        except Refusal as refusal:
            named = " ".join([*refusal.fields, ""])
            work.failed.append(["", f"{refusal.code}:{refusal.message}:{named}--", *row])


def _check_once(key: str, times: int) -> None:
    if key and times > 1:
        raise Refusal(400, "DUPLICATE_VALUE", f"Duplicate external id specified: {key}")


def _key(table: Table, row: Sequence[str], column: str) -> str:
    cells = zip(table.columns, row, strict=True)
    return next((cell for name, cell in cells if name.lower() == column.lower()), "")


def _fold(place: Desk, column: str, key: str) -> str:
    if column == place.spec.id_field:
        return long_id(key) if is_id(key) else key
    spec = place.field(column)
    return spec.fold(key) if spec else key


def _body(place: Desk, table: Table, row: Sequence[str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, cell in table.record(row).items():
        spec = place.field(name)
        if spec is not None:
            body[spec.name] = value_of(spec, cell)
    return body


def _save(place: Desk, job: dict[str, Any], key: str, body: dict[str, Any]) -> tuple[str, bool]:
    if job["operation"] == "insert":
        return place.create(body), True
    if job["operation"] == "upsert":
        spec = external_field(place, job["externalIdFieldName"])
        found = upsert_one(place, spec, key or None, body, lost=False)
        return str(found["id"]), bool(found["created"])
    if not key:
        raise Refusal(400, "MISSING_ARGUMENT", f"Id not specified in an {job['operation']} call")
    record = live_record(place, key)
    if job["operation"] == "delete":
        place.delete(record)
    else:
        place.update(record, {k: v for k, v in body.items() if k != place.spec.id_field})
    return record.id, False


def _shuffled(row: Sequence[str], seed: str) -> int:
    return zlib.crc32("\x1f".join([seed, *row]).encode())
