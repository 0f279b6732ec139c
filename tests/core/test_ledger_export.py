"""The ledger in the warehouse: every attempt and every record once, only what is new, no values."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from company import audience_dict, make_contract
from desk import build, go, plan, send, sign, stock
from undoing_company import undo

from activation_pipeline.errors import ConfigurationError, RetryableError, WarehouseError
from activation_pipeline.ledger_export import ExportedLedger, export_ledger
from activation_pipeline.warehouse import open_warehouse

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.contract import Contract

KEYS = "ABCDEFG"
ANY_ADD: list[Any] = [{"change_volume": {"add": 1, "update": 1, "remove": 1, "clear": 1}}]
DELIVERIES, RECORDS = "activation.activation_deliveries", "activation.activation_records"


def export(company: Company, *, wait_s: float = 5.0) -> ExportedLedger:
    opening = partial(open_warehouse, company.path, read_only=False, wait_s=wait_s)
    with company.runtime() as runtime:
        return export_ledger(runtime, open_to_write=opening, now=company.now)


def rows(company: Company, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(company.path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def everything(company: Company) -> list[list[tuple[Any, ...]]]:
    return [rows(company, f"from {table} order by all") for table in (DELIVERIES, RECORDS)]


def mixed(company: Company) -> Contract:
    """Deliver seven records: four accepted, one each rejected, held back at send and unknown."""
    stock(company, KEYS)
    contract = build(company, gates=ANY_ADD)
    sign(company, contract, plan(company, contract))
    company.destination.reject.add("B")
    company.destination.unanswered.add("D")
    company.sql("insert into suppress_a values ('F', 'left', null)")
    send(company, contract)
    return contract


def test_every_planned_record_is_there_once_with_what_became_of_it(company: Company) -> None:
    mixed(company)
    assert export(company) == ExportedLedger(deliveries=1, records=7, without_snapshot=0)
    found = rows(company, f"select key, state, code, operation from {RECORDS} order by key")
    assert found == [
        ("A", "accepted", None, "add"),
        ("B", "rejected", "BAD", "add"),
        ("C", "accepted", None, "add"),
        ("D", "unknown", "LOST", "add"),
        ("E", "accepted", None, "add"),
        ("F", "held", "suppress_a", "add"),
        ("G", "accepted", None, "add"),
    ]
    counted = "outcome, planned, sent, accepted, rejected, held, unknown, unanswered"
    assert rows(company, f"select {counted} from {DELIVERIES}") == [
        ("delivered_in_part", 7, 7, 4, 1, 1, 1, 0)
    ]
    now = company.now.replace(tzinfo=None)
    times = "select distinct started_at, ended_at, delivered_at"
    assert rows(company, f"{times} from {DELIVERIES} join {RECORDS} using (delivery)") == [
        (now, now, now)
    ]


def test_exporting_twice_changes_nothing(company: Company) -> None:
    mixed(company)
    export(company)
    before = everything(company)
    assert export(company) == ExportedLedger(deliveries=0, records=0, without_snapshot=0)
    assert everything(company) == before


def test_only_what_is_new_is_exported(company: Company) -> None:
    contract = mixed(company)
    export(company)
    company.destination.unanswered.clear()
    company.sql("update mart set band = 'high' where id = 'A'")
    go(company, contract)
    # What was refused or unanswered is planned again or left out; it is another plan's record.
    again = export(company)
    assert again.deliveries == 1
    assert rows(company, f"select count(*) from {RECORDS}") == [(7 + again.records,)]
    latest = f"select key, operation from {RECORDS} where delivery = 2 and key = 'A'"
    assert rows(company, latest) == [("A", "update")]


def test_two_exports_at_once_leave_every_record_once(company: Company) -> None:
    """The second one worked everything out before the first one wrote."""
    mixed(company)
    before: list[list[list[tuple[Any, ...]]]] = []

    def late() -> Any:
        if not before:
            before.append([])
            export(company)
            before[0] = everything(company)
        return open_warehouse(company.path, read_only=False)

    with company.runtime() as runtime:
        export_ledger(runtime, open_to_write=late, now=company.now)
    assert everything(company) == before[0]
    assert len(before[0][1]) == 7


def test_an_interrupted_attempt_and_the_one_that_ended_it_make_one_history(
    company: Company,
) -> None:
    stock(company, KEYS)
    contract = build(company, gates=ANY_ADD)
    sign(company, contract, plan(company, contract))
    company.destination.fail_after = 1
    with pytest.raises(KeyboardInterrupt):
        send(company, contract)
    export(company)
    assert rows(company, f"select outcome, ended_at from {DELIVERIES}") == [("running", None)]
    assert rows(company, f"select count(*) from {RECORDS}") == [(0,)]
    company.destination.fail_after = None
    with company.runtime() as runtime:
        runtime.ledger.deliveries.free_dead_lease(contract.name, "crm", is_gone=lambda *_: True)
    export(company)
    cut = f"select outcome, sent, accepted, unanswered from {DELIVERIES}"
    assert rows(company, cut) == [("interrupted", 6, 3, 3)]
    assert rows(company, f"select count(*) from {RECORDS}") == [(3,)]
    send(company, contract)
    assert export(company) == ExportedLedger(deliveries=1, records=4, without_snapshot=0)
    assert rows(company, f"select outcome from {DELIVERIES} order by 1") == [
        ("delivered",),
        ("interrupted",),
    ]
    assert rows(company, f"select string_agg(key, '' order by key) from {RECORDS}") == [(KEYS,)]


def test_members_of_a_list_are_there_too(company: Company) -> None:
    stock(company, "AB")
    body = audience_dict(gates=ANY_ADD)
    contract = make_contract(body, definition=company.definition())
    go(company, contract)
    company.sql("insert into suppress_a values ('B', 'left', null)")
    go(company, contract)
    export(company)
    found = rows(company, f"select delivery, key, operation, state from {RECORDS} order by all")
    assert found == [
        (1, "A", "add", "accepted"),
        (1, "B", "add", "accepted"),
        (2, "B", "remove", "accepted"),
    ]


def test_an_undo_is_history_too(company: Company) -> None:
    stock(company, "AB")
    contract = build(company, gates=ANY_ADD)
    go(company, contract)
    undo(company, contract)
    export(company)
    found = rows(company, f"select delivery, key, operation, state from {RECORDS} order by all")
    assert found == [
        (1, "A", "add", "accepted"),
        (1, "B", "add", "accepted"),
        (2, "A", "withdraw", "accepted"),
        (2, "B", "withdraw", "accepted"),
    ]
    plans = f"select count(distinct plan), min(planned) from {DELIVERIES}"
    assert rows(company, plans) == [(2, 2)]


def test_no_value_of_a_field_is_exported(company: Company) -> None:
    stock(company, "A", band="a value nobody else has")
    go(company, build(company, gates=ANY_ADD))
    export(company)
    assert "a value nobody else has" not in str(everything(company))


def test_tables_of_another_ledger_are_left_alone(company: Company) -> None:
    mixed(company)
    export(company)
    company.sql(f"update {DELIVERIES} set started_at = started_at - interval 1 hour")
    before = everything(company)
    with pytest.raises(ConfigurationError, match="of another ledger"):
        export(company)
    assert everything(company) == before


def test_nothing_is_written_when_a_table_does_not_take_it(company: Company) -> None:
    """An attempt without its records would never be looked at again."""
    contract = mixed(company)
    export(company)
    company.sql(f"alter table {RECORDS} drop column operation")
    before = everything(company)
    company.sql("update mart set band = 'high' where id = 'A'")
    go(company, contract)
    with pytest.raises(WarehouseError, match="drop them and export again"):
        export(company)
    assert everything(company) == before


def test_dropped_tables_are_written_anew(company: Company) -> None:
    mixed(company)
    export(company)
    before = everything(company)
    company.sql("drop schema activation cascade")
    export(company)
    assert everything(company) == before


def test_a_snapshot_that_is_gone_is_told_and_the_attempt_exported(company: Company) -> None:
    contract = mixed(company)
    for path in (company.folder / "home" / "plans" / contract.name).rglob("crm.parquet"):
        path.unlink()
    assert export(company) == ExportedLedger(deliveries=1, records=0, without_snapshot=1)


def test_the_export_waits_for_whoever_holds_the_warehouse(company: Company) -> None:
    mixed(company)
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(company.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RetryableError, match=f"process {holder.pid} has held the warehouse"):
            export(company, wait_s=0)
        holder.kill()
    assert export(company).deliveries == 1
