"""Braze behind the whole core: an audience as one attribute, and attributes that people edit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from company import NOW, Company, audience_dict
from e2e_box import Box
from e2e_place import EVERY_CHANGE, Clock, Place, add_up, body, mapping

from activation_pipeline.destinations import braze
from activation_pipeline.reconcile import reconcile
from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import DestinationClient

AUDIENCE, REASON = "expansion_education", "follow_up_reason"
KEY = "sandbox-api-key"


@dataclass
class BrazePlace(Place):
    """A place whose only destination is Braze."""

    def connect(self, kind: str) -> DestinationClient:
        assert kind == "braze"
        url = f"{self.box.url}/braze"
        return braze.connect({"BRAZE_BASE_URL": url, "BRAZE_API_KEY": KEY})

    def attributes(self, *users: str) -> dict[str, dict[str, Any]]:
        answer = requests.post(
            f"{self.box.url}/braze/users/export/ids",
            json={"external_ids": list(users)},
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=10,
        )
        return {one["external_id"]: one["custom_attributes"] for one in answer.json()["users"]}

    def read_back(self, contract: Contract) -> Mapping[str, int]:
        with self.runtime() as runtime:
            return reconcile(contract, "braze", runtime, clock=self.clock).counts


@pytest.fixture
def place(tmp_path: Path) -> Iterator[BrazePlace]:
    (tmp_path / "records").mkdir()
    rows = "".join(f"U-{number},U-{number}@example.org\n" for number in range(1, 6))
    users = tmp_path / "records" / "braze_user.csv"
    users.write_text(f"external_id,email\n{rows}", encoding="utf-8")
    (tmp_path / "place").mkdir()
    clock = Clock(NOW)
    with running_sandbox(tmp_path / "sandbox", records=users.parent, clock=clock) as running:
        place = BrazePlace(Company(tmp_path / "place", now=NOW), Box(running.url), clock)
        place.add_keys({f"K{number}": f"U-{number}" for number in range(1, 5)})
        yield place


def audience() -> dict[str, Any]:
    members = {
        "object": "users",
        "list": AUDIENCE,
        "behavior": "mirror",
        "read_by": ["expansion journey"],
        "edited_by": "nobody",
    }
    return audience_dict(destinations={"braze": members}, gates=EVERY_CHANGE)


def follow_up(**policy: str) -> dict[str, Any]:
    fields = {REASON: {"from": "band", **policy}}
    return body("braze", mapping("hubspot", object="users", key="external_id", fields=fields))


def test_members_join_stay_and_leave(place: BrazePlace) -> None:
    contract = place.contract(audience())
    report = place.run(contract)
    assert (report.outcome, report.totals.accepted, add_up(report)) == ("delivered", 4, True)
    assert {user: one.get(AUDIENCE) for user, one in place.attributes("U-1", "U-5").items()} == {
        "U-1": True,
        "U-5": None,
    }
    assert place.read_back(contract) == {"agrees": 4}
    place.wait(timedelta(hours=1))
    place.opt_out(2)
    left = place.run(contract)
    assert (left.rows, left.totals.accepted) == (1, 1)
    assert AUDIENCE not in place.attributes("U-2")["U-2"]
    assert place.read_back(contract) == {"agrees": 1}


def test_a_member_who_is_not_in_braze_is_told_and_never_made(place: BrazePlace) -> None:
    """The write would be answered with success, and the audience be one short unnoticed."""
    place.add_keys({"K9": "U-9"})
    contract = place.contract(audience())
    report = place.run(contract)
    assert (report.outcome, report.totals.accepted, report.totals.rejected) == (
        "delivered_in_part",
        4,
        1,
    )
    assert report.faults == {"RECORD_MISSING": 1}
    assert place.attributes("U-9") == {}
    assert place.read_back(contract) == {"agrees": 4}


def test_a_write_that_is_not_visible_yet_is_drift_until_it_is(place: BrazePlace) -> None:
    contract = place.contract(audience())
    place.box.own("POST", "limits", json={"vendor": "braze", "visible_after_ms": 300_000})
    assert place.run(contract).outcome == "delivered"
    assert place.read_back(contract) == {"missing": 4}
    place.clock.now += timedelta(minutes=6)
    assert place.read_back(contract) == {"agrees": 4}


@pytest.mark.parametrize(("policy", "stands"), [("keep", True), ("overwrite", False)])
def test_a_persons_edit_is_found_without_a_history(
    place: BrazePlace, policy: str, stands: bool
) -> None:
    contract = place.contract(follow_up(on_edit=policy))
    assert place.run(contract).totals.accepted == 4
    asked = {"vendor": "braze", "object": "users", "id": "U-1", "field": REASON}
    place.box.own("POST", "edit", json={**asked, "value": "spoke to them"})
    place.wait(timedelta(hours=1))
    place.sql("update mart set band = 'high'")
    place.run(contract)
    found = place.attributes("U-1", "U-2")
    assert found["U-1"][REASON] == ("spoke to them" if stands else "high")
    assert found["U-2"][REASON] == "high"
