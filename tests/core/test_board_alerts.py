"""The board shows what keeps an alert from being read: a dead channel, a role without address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alert_channel import TOKEN
from board_place import valid
from company import NOW, contract_dict, make_contract
from starlette.testclient import TestClient
from told_ledger import judged, stop

from activation_pipeline.alerts import Links, notice, read_channels, tell
from activation_pipeline.board.app import create_board
from activation_pipeline.board.door import open_door
from activation_pipeline.board.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from company import Company

CONTRACT = make_contract(contract_dict())
ADDRESS = {"ACTIVATION_ALERT_CS_OPS": f"json://127.0.0.1:9/{TOKEN}"}


def shown(company: Company, environment: Mapping[str, str]) -> str:
    """Tell an alert, then read the first page."""
    channels = read_channels(environment)
    every = {CONTRACT.name: valid(CONTRACT)}
    with company.runtime() as runtime:
        judged(runtime.ledger, CONTRACT, stop())
        notice(CONTRACT.name, valid(CONTRACT), runtime, now=NOW)
        tell(runtime, channels, Links(), clock=lambda: NOW)
        place = Installation(runtime, lambda: every, company.runtime, lambda: NOW, channels)
        door = open_door({}, "127.0.0.1", clock=lambda: NOW)
        browser = TestClient(create_board(place, door), base_url="http://127.0.0.1:8000")
        return browser.get("/").text


def test_a_channel_that_fails_is_on_the_first_page_without_its_address(company: Company) -> None:
    page = shown(company, ADDRESS)
    assert "Alerts to <b>cs_ops</b> fail since 2026-11-20 09:00 UTC (json-" in page
    assert "1 wait" in page
    assert TOKEN not in page


def test_a_role_without_address_is_on_the_first_page(company: Company) -> None:
    page = shown(company, {})
    assert "No address for alerts: <b>cs_ops</b> (1 wait)" in page
