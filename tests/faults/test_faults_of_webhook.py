"""Every fault at every way of writing to a store of items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fault_story import cases, tell

if TYPE_CHECKING:
    from conftest import Workshop
    from fault_sites import Site
    from fault_table import Fault


@pytest.mark.parametrize(("site", "fault"), cases("webhook"))
def test_a_disturbed_delivery_is_told_truly_and_made_good(
    workshop: Workshop, site: Site, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    tell(workshop, site, fault, caplog)
