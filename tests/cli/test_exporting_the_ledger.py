"""``activation export-ledger``: what was delivered is in the warehouse once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
from installation import NAME

if TYPE_CHECKING:
    from installation import Installation


def test_a_delivery_is_exported_once(place: Installation) -> None:
    place.sql("update mart set band = 'purple' where id = 'A-5'")
    place.launched()
    place.run("sync", NAME)
    written = {"schema": "activation", "deliveries": 1, "records": 6, "without_snapshot": 0}
    assert place.report("export-ledger") == written
    assert place.report("export-ledger") == written | {"deliveries": 0, "records": 0}
    with duckdb.connect(str(place.folder / "warehouse.duckdb"), read_only=True) as warehouse:
        found = warehouse.execute(
            "select state, count(*) from activation.activation_records group by 1 order by 1"
        ).fetchall()
    assert found == [("accepted", 5), ("rejected", 1)]


def test_there_is_nothing_to_export_before_a_delivery(place: Installation) -> None:
    result = place.run("export-ledger")
    assert result.exit_code == 0
    assert "0 attempts written" in result.stdout
