"""The ledger's export dies in its transaction, as by ``kill -9``, and is run again.

The process that dies is a real one; it gets a connection that kills it at a chosen statement.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from desk import build, plan, send, sign, stock

from activation_pipeline.ledger_export import export_ledger
from activation_pipeline.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from company import Company

KEYS = "ABCDEFG"
ANY_ADD: list[Any] = [{"change_volume": {"add": 1, "update": 1, "remove": 1, "clear": 1}}]
TABLES = ("activation.activation_deliveries", "activation.activation_records")
DELIVERIES, RECORDS = TABLES


@dataclass
class DeadlyConnection:
    """Ends its own process before, or after, the first statement that begins so."""

    known: Any
    statement: str
    after: bool

    def execute(self, query: str, *values: Any) -> Any:
        is_last = query.startswith(self.statement)
        if is_last and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = self.known.execute(query, *values)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.known, name)


@contextmanager
def deadly(path: Path, statement: str, *, after: bool) -> Iterator[Any]:
    with open_warehouse(path, read_only=False) as connection:
        yield DeadlyConnection(connection, statement, after)


def export(company: Company, opening: Any = None) -> int:
    """Export, and say how many attempts were written."""
    known = partial(open_warehouse, company.path, read_only=False)
    with company.runtime() as runtime:
        return export_ledger(runtime, open_to_write=opening or known, now=company.now).deliveries


def export_and_die(company: Company, statement: str, *, after: bool) -> int | None:
    """Export in a process of its own; gives its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["activation_pipeline.ledger_export", "desk"])
    opening = partial(deadly, company.path, statement, after=after)
    process = context.Process(target=export, args=(company, opening))
    process.start()
    process.join(60)
    return process.exitcode


def everything(company: Company) -> list[list[tuple[Any, ...]]]:
    with duckdb.connect(str(company.path), read_only=True) as connection:
        return [connection.execute(f"from {each} order by all").fetchall() for each in TABLES]


def exported_while_it_ran(company: Company) -> None:
    """Export an attempt that is at work; it is cut off, and the next one sends the rest.

    So the export that follows has rows to take away and rows to write, in both tables.
    """
    stock(company, KEYS)
    contract = build(company, gates=ANY_ADD)
    sign(company, contract, plan(company, contract))
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        send(company, contract)
    assert export(company) == 1
    company.destination.fail_after = None
    with company.runtime() as runtime:
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    send(company, contract)


@pytest.mark.parametrize(
    ("statement", "after"),
    [
        ("BEGIN", True),
        (f"DELETE FROM {DELIVERIES}", True),
        (f"INSERT INTO {DELIVERIES}", True),
        (f"DELETE FROM {RECORDS}", True),
        (f"INSERT INTO {RECORDS}", True),
        ("COMMIT", False),
    ],
)
def test_an_export_that_is_killed_changes_nothing_and_is_made_up_for(
    company: Company, statement: str, *, after: bool
) -> None:
    """An attempt without its records would never be looked at again."""
    exported_while_it_ran(company)
    before = everything(company)
    assert export_and_die(company, statement, after=after) == -signal.SIGKILL
    assert everything(company) == before
    assert export(company) == 2
    found = everything(company)
    assert [(len(rows), len(set(rows))) for rows in found] == [(2, 2), (len(KEYS), len(KEYS))]
    company.sql("drop schema activation cascade")
    export(company)
    assert everything(company) == found


def test_an_export_that_is_killed_after_it_committed_is_done(company: Company) -> None:
    exported_while_it_ran(company)
    assert export_and_die(company, "COMMIT", after=True) == -signal.SIGKILL
    found = everything(company)
    assert [len(rows) for rows in found] == [2, len(KEYS)]
    assert export(company) == 0
    assert everything(company) == found
