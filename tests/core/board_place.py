"""A board over a tiny company, and a browser's part in memory: cookies, origin, forms."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.testclient import TestClient

from activation_pipeline.board import Installation, create_board, open_door
from activation_pipeline.errors import Problem
from activation_pipeline.loading import Checked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from company import Company
    from httpx2 import Response

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Pause
    from activation_pipeline.runtime import Runtime

URL = "http://127.0.0.1:8400"
LONG_TOKEN = "a-token-for-tests-that-is-long-enough"  # noqa: S105 - opens nothing
WORDS = {"by": "demo_oncall", "reason": "looking at it"}
_TOKEN = re.compile(r'name="form" value="([0-9a-f]+)"')


def valid(contract: Contract) -> Checked:
    return Checked(f"contracts/{contract.name}.yaml", contract, ())


def malformed(name: str, message: str = "98 is not a ratio from 0 to 1; write 0.98") -> Checked:
    file = f"contracts/{name}.yaml"
    return Checked(file, None, (Problem(file, 22, 31, "gates.match_rate", "ratio", message),))


@dataclass
class Board:
    """One board, the contracts that it shows, and one browser."""

    company: Company
    runtime: Runtime
    contracts: dict[str, Checked]
    environment: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    runbook: str | None = None
    moved: timedelta = timedelta()

    def __post_init__(self) -> None:
        door = open_door(self.environment, self.host, clock=self.now)
        place = Installation(
            self.runtime,
            lambda: self.contracts,
            self.company.runtime,
            self.now,
            runbook=self.runbook,
        )
        self.app = create_board(place, door)
        self.browser = self.new_browser()

    def now(self) -> datetime:
        return self.company.now + self.moved

    def new_browser(self, url: str = URL) -> TestClient:
        return TestClient(
            self.app, base_url=url, follow_redirects=False, raise_server_exceptions=False
        )

    def page(self, path: str = "/") -> str:
        answer = self.browser.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def token(self, path: str) -> str:
        """Take the token out of a page's form, as a browser that sends the form would."""
        found = _TOKEN.search(self.page(path))
        assert found is not None
        return found[1]

    def send(self, name: str, action: str, **fields: str) -> Response:
        """Send a form of a contract's page."""
        form = self.token(f"/contracts/{name}")
        return self.post(f"/contracts/{name}/{action}", {"form": form, **WORDS, **fields})

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Response:
        sent: dict[str, Any] = {"origin": URL, **headers}
        given = {name: value for name, value in sent.items() if value}
        return self.browser.post(path, data=fields, headers=given)

    def pauses(self, name: str) -> tuple[Pause, ...]:
        return self.runtime.ledger.pauses(name, now=self.now())


@contextmanager
def board_of(company: Company, *checked: Checked, **settings: Any) -> Iterator[Board]:
    named = {each.file.removeprefix("contracts/").removesuffix(".yaml"): each for each in checked}
    with company.runtime() as runtime:
        yield Board(company, runtime, named, **settings)
