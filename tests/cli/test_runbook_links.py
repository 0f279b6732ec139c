"""Every headline of the command line leads to the runbook, here or where it is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from installation import NAME

if TYPE_CHECKING:
    from installation import Installation

SERVED = "https://wiki.example.com/activation"


@pytest.mark.parametrize("address", ["", SERVED])
def test_a_stopped_plan_and_its_refusal_lead_to_the_gate_that_stops_it(
    place: Installation, address: str
) -> None:
    place.environment["ACTIVATION_RUNBOOK"] = address
    link = f"{address or 'docs/runbook.md'}#approved"
    assert f"what to do: {link}" in place.run("plan", NAME).stdout
    assert f"what to do: {link}" in place.run("status", NAME).stdout
    assert f"what to do: {link}" in place.run("sync", NAME).stderr
    stops = place.report("status", NAME)["contracts"][0]["stopped_by"]
    assert link in [each["runbook"] for each in stops]
    (refused,) = place.report("sync", NAME)["destinations"]
    assert refused["runbook"] == refused["error"]["runbook"] == link


def test_an_error_of_settings_or_contracts_leads_there_too(place: Installation) -> None:
    assert "docs/runbook.md#settings" in place.run("plan", "nope").stderr
    place.write(text="version: 1\n")
    assert "docs/runbook.md#contract" in place.run("plan", NAME).stderr
    assert place.report("plan", NAME)["error"]["runbook"] == "docs/runbook.md#contract"


def test_a_delivery_that_lost_a_record_leads_to_what_is_lost(place: Installation) -> None:
    place.sql("update mart set band = 'purple' where id = 'A-1'")
    place.launched()
    (sent,) = place.report("sync", NAME)["destinations"]
    assert (sent["outcome"], sent["runbook"]) == (
        "delivered_in_part",
        "docs/runbook.md#delivered_in_part",
    )
