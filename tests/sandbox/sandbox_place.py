"""What a sandbox test holds: a running sandbox, a clock to move, callers with credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from activation_pipeline.sandbox import Running, load_org

RECORDS = Path(__file__).parent / "records"
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Moves by a millisecond each time it is read, and as far as a test says."""

    now: datetime = START

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Caller:
    """A vendor's API with the right credentials."""

    base: str
    session: requests.Session = field(default_factory=requests.Session)

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.base + path, timeout=20, **options)


@dataclass
class Place:
    """A running sandbox with its clock and the callers that a test needs."""

    running: Running
    clock: Clock

    @property
    def url(self) -> str:
        return self.running.url

    def own(self, method: str, path: str, **options: Any) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", timeout=20, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, vendor: str, kind: str, **options: Any) -> None:
        self.own("POST", "faults", json={"vendor": vendor, "kind": kind, **options})

    def received(self, vendor: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.own("GET", f"requests?vendor={vendor}")["requests"]
        return found

    def salesforce(self) -> Caller:
        known = load_org(["salesforce"])["salesforce"].credentials
        answer = requests.post(
            f"{self.url}/salesforce/services/oauth2/token",
            data={"grant_type": "client_credentials", **known},
            timeout=20,
        )
        found = answer.json()
        caller = Caller(f"{found['instance_url']}/services/data/v60.0")
        caller.session.headers["Authorization"] = f"Bearer {found['access_token']}"
        return caller

    def hubspot(self) -> Caller:
        token = load_org(["hubspot"])["hubspot"].credentials["access_token"]
        caller = Caller(f"{self.url}/hubspot")
        caller.session.headers["Authorization"] = f"Bearer {token}"
        return caller

    def braze(self) -> Caller:
        key = load_org(["braze"])["braze"].credentials["api_key"]
        caller = Caller(f"{self.url}/braze")
        caller.session.headers["Authorization"] = f"Bearer {key}"
        return caller
