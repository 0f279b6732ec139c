"""The board for those who live in Dagster: an asset whose materialization is a table of standings.

A sensor materializes it without a run once a row has changed: moments are written, not ages, so
that time alone changes nothing. Only files and the ledger are read; nothing is decided here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.board import ContractsFolder
from activation_pipeline.errors import ActivationError
from activation_pipeline.orchestration.failing import told_to_dagster
from activation_pipeline.orchestration.resources import (
    ActivationResource,  # noqa: TC001 - Dagster reads annotations
)
from activation_pipeline.standing import STATES, standings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from activation_pipeline.standing import Standing

BOARD_KEY = dg.AssetKey(["activation", "board"])
_EVERY_S = 30
_COLUMNS = ("contract", "state", "clause", "found", "since", "until", "by", "may act", "next")
_DESCRIPTION = (
    "How every contract stands, worst first: live, caveats, blocked, paused, expired or overdue, "
    "by which clause, since when, until when, by whom, and who may act. `activation board` shows "
    "more."
)
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_Row = dict[str, str | int | float | bool | None]


@dataclass
class _Reader:
    """Reads the standings; the contract files are checked again only after a change."""

    clock: Callable[[], datetime]
    _folder: ContractsFolder | None = None

    def rows(self, activation: ActivationResource) -> list[_Row]:
        """Describe every contract file, worst first."""
        settings = activation.settings()
        if self._folder is None:
            self._folder = ContractsFolder(settings.contracts, settings.manifest, self.clock)
        every, now = self._folder.read(), self.clock()
        with activation.opened() as runtime:
            found = standings(every, runtime, now=now).values()
        ordered = sorted(found, key=lambda each: (STATES.index(each.state), each.contract))
        return [_row(each) for each in ordered]


def board_definitions(*, clock: Callable[[], datetime]) -> dg.Definitions:
    """Make the asset ``activation/board`` and the sensor that keeps it as things are."""
    by_hand, watched = _Reader(clock), _Reader(clock)

    @dg.asset(key=BOARD_KEY, group_name="activation", kinds={"markdown"}, description=_DESCRIPTION)
    def board(activation: ActivationResource) -> dg.MaterializeResult[None]:
        with told_to_dagster("board"):
            return dg.MaterializeResult(metadata=_metadata(by_hand.rows(activation)))

    @dg.sensor(
        name="board",
        minimum_interval_seconds=_EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Writes the board anew once a contract stands differently.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, activation: ActivationResource
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            rows = watched.rows(activation)
        except ActivationError as error:
            return dg.SkipReason(f"the board could not be read: {error}")
        mark = hashlib.sha256(repr(rows).encode()).hexdigest()[:16]
        if mark == context.cursor:
            return dg.SkipReason("every contract stands as it did")
        event = dg.AssetMaterialization(BOARD_KEY, metadata=_metadata(rows))
        return dg.SensorResult(asset_events=[event], cursor=mark)

    return dg.Definitions(assets=[board], sensors=[sensor])


def _row(standing: Standing) -> _Row:
    step = standing.next_step
    values = (
        standing.contract,
        standing.state,
        standing.clause or "",
        f"{standing.destination}: {standing.message}" if standing.destination else standing.message,
        _moment(standing.since),
        _moment(standing.until),
        standing.by or "",
        standing.restarted_by or standing.owner or "",
        f"{step.what}: {step.command}" if step and step.command else step.what if step else "",
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _moment(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC" if value else ""


def _metadata(rows: Sequence[_Row]) -> dict[str, dg.MetadataValue]:
    states = [row["state"] for row in rows]
    columns = [dg.TableColumn(name, "string") for name in _COLUMNS]
    found: dict[str, dg.MetadataValue] = {
        "board": dg.MetadataValue.md(_markdown(rows)),
        "standings": dg.MetadataValue.table(
            [dg.TableRecord(row) for row in rows], schema=dg.TableSchema(columns)
        ),
        "dagster/row_count": dg.MetadataValue.int(len(rows)),
    }
    return found | {state: dg.MetadataValue.int(states.count(state)) for state in STATES}


def _markdown(rows: Sequence[_Row]) -> str:
    lines = [_COLUMNS, ("---",) * len(_COLUMNS)]
    lines += [tuple(_text(row[name]) for name in _COLUMNS) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(value: object) -> str:
    """Write a value so that it is shown as it is: a message may quote what anybody wrote."""
    return _MARKUP.sub(r"\\\1", " ".join(str(value).split()))
