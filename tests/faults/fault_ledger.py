"""What the ledger says of one plan, read from its tables and not through the code under test."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from fault_place import FaultPlace
    from fault_sites import Site

# Columns that name a record, or what a person wrote there to be kept.
_NAMING = {"key", "destination_id", "by", "reason", "body"}


def newest_plan(place: FaultPlace) -> str:
    ((plan,),) = place.ledger_rows("select plan from decisions order by id desc limit 1")
    return str(plan)


def accepted_keys(place: FaultPlace, site: Site, plan: str | None = None) -> set[str]:
    """Name the candidates whose record the ledger holds for accepted."""
    plan = plan or newest_plan(place)
    with place.runtime() as runtime:
        name = place.ledger_rows(f"select contract from plans where id = '{plan}'")[0][0]
        part = pq.read_table(runtime.snapshots.part(name, plan, site.vendor))
    keys = part.column("key").to_pylist()
    ranges = place.ledger_rows(
        "select first_row, last_row from batch_intents i join batch_results r on r.intent = i.id"
        f" where plan = '{plan}'"
    )
    others = place.ledger_rows(
        "select o.key from record_outcomes o join batch_intents i on i.id = o.intent"
        f" where o.state <> 'accepted' and i.plan = '{plan}'"
    )
    answered = {key for first, last in ranges for key in keys[first:last]}
    return answered - {key for (key,) in others}


def accounts_for_every_row(place: FaultPlace, rows: int, *, finished: bool) -> bool:
    """Say whether each planned row has one state at most, and all of them have one at the end."""
    plan = newest_plan(place)
    results = place.ledger_rows(
        "select i.id, first_row, last_row, accepted, rejected, held, unknown"
        " from batch_intents i join batch_results r on r.intent = i.id"
        f" where plan = '{plan}' order by first_row"
    )
    at = 0
    for intent, first, last, accepted, rejected, held, unknown in results:
        if first < at or accepted + rejected + held + unknown != last - first:
            return False
        told = place.ledger_rows(
            "select state, count(distinct key) from record_outcomes"
            f" where intent = {intent} and state <> 'accepted' group by state"
        )
        counts = {"rejected": rejected, "held": held, "unknown": unknown}
        if dict(told) != {state: count for state, count in counts.items() if count}:
            return False
        at = last
    counted = sum(last - first for _, first, last, *_ in results)
    return counted == rows if finished else counted <= rows


def spoken_text(place: FaultPlace) -> list[str]:
    """List every text of the ledger but the names of records and the words of people."""
    found: list[str] = []
    with closing(sqlite3.connect(place.company.ledger)) as ledger:
        for (table,) in ledger.execute("select name from sqlite_master where type = 'table'"):
            columns = ledger.execute(f"select name from pragma_table_info('{table}')")
            names = [f'"{name}"' for (name,) in columns if name not in _NAMING]
            rows = ledger.execute(f"select {', '.join(names)} from {table}")
            found += [value for row in rows for value in row if isinstance(value, str)]
    return found


def rejected_keys(place: FaultPlace) -> set[str]:
    """Name the candidates whose record was refused for good."""
    found = place.ledger_rows("select key from record_outcomes where state = 'rejected'")
    return {key for (key,) in found}
