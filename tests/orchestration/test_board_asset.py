"""The board inside Dagster: a table of all contracts, written anew when one stands differently."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from tiny_company import NAME

from activation_pipeline.evidence import Pause
from activation_pipeline.orchestration.board import BOARD_KEY
from activation_pipeline.orchestration.resources import resources_from

if TYPE_CHECKING:
    from yards import Yard


def look(yard: Yard, cursor: str | None) -> tuple[str | None, dict[str, Any] | None]:
    """Let the sensor look once; gives its cursor, and the metadata that it writes, if any."""
    sensor = yard.defs.resolve_sensor_def("board")
    resources = resources_from(yard.environment)
    with dg.build_sensor_context(
        instance=yard.instance, resources=resources, cursor=cursor
    ) as context:
        tick = sensor.evaluate_tick(context)
    assert not tick.run_requests
    (event,) = tick.asset_events or (None,)
    return tick.cursor, dict(event.metadata) if event else None


def test_the_board_is_written_once_for_each_change(yard: Yard) -> None:
    (yard.folder / "contracts" / "broken.yaml").write_text("version: [", encoding="utf-8")
    mark, first = look(yard, None)
    assert first is not None
    rows = [record.data for record in first["standings"].records]
    assert [(row["contract"], row["state"]) for row in rows] == [
        ("broken", "blocked"),
        (NAME, "live"),
    ]
    assert (first["blocked"].value, first["live"].value, first["paused"].value) == (1, 1, 0)
    again, nothing = look(yard, mark)
    assert (again, nothing) == (mark, None)
    runtime = yard.runtime()
    reason = "<img src=x> | of dana@example.com"
    runtime.ledger.pause(Pause(NAME, None, "demo_oncall", reason, datetime.now(UTC), None))
    runtime.close()
    changed, second = look(yard, mark)
    assert changed != mark
    assert second is not None
    rows = [record.data for record in second["standings"].records]
    first_row = rows[0]
    assert (first_row["contract"], first_row["state"]) == (NAME, "paused")
    assert (first_row["by"], first_row["may act"]) == ("demo_oncall", "cs_director")
    shown = second["board"].value
    assert "dana@example.com" not in shown
    assert r"\<img src=x\> \| of (an address)" in shown
    assert str(yard.folder) not in shown


def test_the_board_can_be_made_by_hand(yard: Yard) -> None:
    assert yard.run(asset_selection={BOARD_KEY}).success
    newest = yard.instance.get_latest_materialization_event(BOARD_KEY)
    assert newest is not None
    assert newest.asset_materialization is not None
    assert "tiny\\_risk" in str(newest.asset_materialization.metadata["board"].value)
