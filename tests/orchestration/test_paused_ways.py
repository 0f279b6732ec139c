"""However a sync is started, a pause holds: nothing is sent and nothing shows green.

The nine ways send over the same data when nobody has paused, which ``test_nine_ways`` shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from nine_ways import WAYS, sync_alone
from yards import SYNC

if TYPE_CHECKING:
    from collections.abc import Callable

    from yards import Yard


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_way_leads_round_a_pause(yard: Yard, way: Callable[[Yard], bool]) -> None:
    """The plan was approved before the pause, and stays approved."""
    yard.pause("escalations are missing")
    assert not way(yard)
    assert yard.sent() == 0


def test_a_backfill_does_not_lead_round_a_pause(yard: Yard) -> None:
    """A backfill of assets without partitions is a run of the chosen assets with its tag."""
    yard.pause("escalations are missing")
    job = yard.defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={SYNC})
    tags = {"dagster/backfill": "by_hand"}
    done = job.execute_in_process(instance=yard.instance, tags=tags, raise_on_error=False)
    assert not done.success
    assert yard.sent() == 0


def test_a_pause_outlives_a_restart_of_dagster(yard: Yard) -> None:
    """It is in the ledger, so a new instance and new definitions find it as well."""
    yard.pause("escalations are missing")
    with yard.restarted() as again:
        assert not sync_alone(again)
    assert yard.sent() == 0
