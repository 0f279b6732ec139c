"""The ledger in the warehouse, written by Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
from tiny_company import NAME, RECORDS
from yards import SYNC

if TYPE_CHECKING:
    from yards import Yard


def rows(yard: Yard, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(yard.environment["ACTIVATION_WAREHOUSE"], read_only=True) as connection:
        return connection.execute(query).fetchall()


def export(yard: Yard) -> dict[str, Any]:
    done = yard.defs.resolve_job_def("export_ledger").execute_in_process(instance=yard.instance)
    assert done.success
    found = done.asset_materializations_for_node("ledger")
    return {each.asset_key.path[-1]: each.metadata["written"].value for each in found}


def test_the_job_writes_what_is_new_and_then_nothing(yard: Yard) -> None:
    yard.run(asset_selection={SYNC})
    assert export(yard) == {"activation_deliveries": 1, "activation_records": RECORDS}
    states = "select contract, state, count(*) from activation.activation_records group by all"
    assert rows(yard, states) == [(NAME, "accepted", RECORDS)]
    assert export(yard) == {"activation_deliveries": 0, "activation_records": 0}
