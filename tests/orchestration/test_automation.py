"""What runs by itself: a sync after a plan that passed, a broken contract once, nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from tiny_company import write_contract
from yards import SCORE, SYNC, make_stale

from activation_pipeline.definitions import build_defs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yards import Yard


@pytest.fixture
def quiet(yard: Yard) -> Iterator[Yard]:
    """A Dagster instance on which nothing has happened yet."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield replace(yard, instance=instance)


def syncs_after_a_plan(yard: Yard, **selection: Any) -> int:
    """Let the sensor look, make a plan, let it look again; count the syncs that it asks for."""
    before = dg.evaluate_automation_conditions(defs=yard.defs, instance=yard.instance)
    yard.run(asset_selection={SCORE}, **selection)
    after = dg.evaluate_automation_conditions(
        defs=yard.defs, instance=yard.instance, cursor=before.cursor
    )
    return after.get_num_requested(SYNC)


def test_a_new_plan_that_passes_every_gate_is_synced_by_itself(quiet: Yard) -> None:
    assert syncs_after_a_plan(quiet) == 1


def test_a_plan_that_fails_a_gate_is_not_even_tried(quiet: Yard) -> None:
    make_stale(quiet)
    assert syncs_after_a_plan(quiet) == 0


def test_a_plan_that_was_not_checked_waits_for_its_checks(quiet: Yard) -> None:
    assert syncs_after_a_plan(quiet, asset_check_selection=set()) == 0


def test_a_broken_contract_is_run_once_so_that_it_is_red_unasked(quiet: Yard) -> None:
    file = write_contract(quiet.folder / "contracts", "broken", field="Type")
    file.write_text("lunch: {}\n", encoding="utf-8")
    broken = replace(quiet, defs=build_defs(environment=quiet.environment))
    key = dg.AssetKey(["broken", "contract"])
    first = dg.evaluate_automation_conditions(defs=broken.defs, instance=broken.instance)
    again = dg.evaluate_automation_conditions(
        defs=broken.defs, instance=broken.instance, cursor=first.cursor
    )
    assert (first.get_num_requested(key), again.get_num_requested(key)) == (1, 0)
