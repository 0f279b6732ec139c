"""The tiny company with the real destination clients, and the sandbox that answers them.

A ``Place`` is one installation and one running sandbox on one clock. Vendors are told apart
by a ``Vendor``: how its records are named and addressed, and what a contract writes there.
"""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import duckdb
import requests
from company import NOW, Company, contract_dict, make_contract

from activation_pipeline.approve import sign_plan
from activation_pipeline.contract import Contract
from activation_pipeline.deliver import deliver
from activation_pipeline.destinations import hubspot, salesforce
from activation_pipeline.destinations._http import Clockwork, Patience
from activation_pipeline.manifest import read_manifest
from activation_pipeline.prepare import prepare
from activation_pipeline.runtime import Runtime
from activation_pipeline.sources import model_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from activation_pipeline.deliver import Report
    from activation_pipeline.destinations import DestinationClient, Target
    from activation_pipeline.ledger import Evaluation

TOKEN = "sandbox-token"  # noqa: S105 - the sandbox's own
SECRET = "sandbox-secret"  # noqa: S105 - the sandbox's own
KEYS = {"salesforce": "Billing_Customer_ID__c", "hubspot": "warehouse_contact_id"}
TEXT_FIELDS = {"salesforce": "Risk_Reason_Code__c", "hubspot": "follow_up_reason"}
OBJECTS = {"salesforce": "Account", "hubspot": "contacts"}
EVERY_CHANGE = [{"change_volume": {"add": 1.0, "update": 1.0, "clear": 1.0, "remove": 1.0}}]


def record_id(vendor: str, number: int) -> str:
    """Give the id of the record that stands for the candidate ``K<number>``."""
    return f"001{number:012d}AAA" if vendor == "salesforce" else str(10_000 + number)


def email(number: int) -> str:
    return f"person.{number}@example.org"


def records_csv(vendor: str, keys: Mapping[int, str]) -> str:
    """Write the initial records of one vendor; a record's key is that of its candidate."""
    if vendor == "salesforce":
        rows = ["Id,Name,Billing_Customer_ID__c"]
        rows += [f'{record_id(vendor, n)},Company {n},"{_quoted(k)}"' for n, k in keys.items()]
    else:
        rows = ["hs_object_id,email,warehouse_contact_id"]
        rows += [f'{record_id(vendor, n)},{email(n)},"{_quoted(k)}"' for n, k in keys.items()]
    return "\n".join([*rows, ""])


def _quoted(text: str) -> str:
    return text.replace('"', '""')


def mapping(vendor: str, **changes: Any) -> dict[str, Any]:
    """What a contract writes at one vendor: the band, into a free text field."""
    known = {
        "object": OBJECTS[vendor],
        "key": KEYS[vendor],
        "behavior": "update_only",
        "fields": {TEXT_FIELDS[vendor]: {"from": "band", "on_edit": "overwrite"}},
        "read_by": ["weekly planning"],
        "edited_by": "nobody",
    }
    return known | changes


def body(vendor: str, mapped: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A valid contract with one destination; change volume never stops it after the first plan."""
    mapped = mapped or mapping(vendor)
    freshness = contract_dict()["freshness"]
    freshness["on_expiry"] = dict.fromkeys(list(mapped["fields"])[:1], "clear")
    known = {"destinations": {vendor: mapped}, "freshness": freshness, "gates": EVERY_CHANGE}
    return contract_dict(**{**known, **changes})


@dataclass
class Clock:
    """The one time of a test: it moves by a millisecond each time it is read."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Waits:
    """Waiting without waiting: sleeping moves a clock of its own."""

    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class SmallBatches:
    """A real client that takes fewer records a request, so that few records are many batches."""

    client: Any
    size: int

    def batch_size(self, target: Target) -> int:  # noqa: ARG002 - the protocol's signature
        return self.size

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


@dataclass(frozen=True)
class Box:
    """The sandbox's own surface, and each record as its vendor's API tells it."""

    url: str
    token: str = TOKEN
    secret: str = SECRET

    def own(self, method: str, path: str, **options: Any) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", timeout=20, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, vendor: str, kind: str, **options: object) -> None:
        self.own("POST", "faults", json={"vendor": vendor, "kind": kind, **options})

    def edit(self, vendor: str, number: int, name: str, value: object) -> None:
        asked = {"vendor": vendor, "object": OBJECTS[vendor], "id": record_id(vendor, number)}
        self.own("POST", "edit", json={**asked, "field": name, "value": value})

    def requests(self, vendor: str = "", *, since: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.own("GET", f"requests?vendor={vendor}&since={since}")[
            "requests"
        ]
        return found

    def newest_request(self) -> int:
        return max((one["id"] for one in self.requests()), default=0)

    def text_since(self, number: int) -> str:
        """Join the bytes of every request after a number: path, headers and body."""
        lines = []
        for one in self.requests(since=number):
            raw = base64.b64decode(one["body_base64"]).decode("utf-8", "backslashreplace")
            lines += [unquote_plus(one["path"]), json.dumps(one["headers"]), raw]
        return "\n".join(lines)

    def writes(self, vendor: str, *, since: int = 0) -> list[dict[str, Any]]:
        marks = ("/composite/sobjects", "/batch/upsert", "/batch/update", "/batch/create")
        marks = (*marks, "/memberships/add", "/memberships/remove")
        return [
            one
            for one in self.requests(vendor, since=since)
            if one["method"] != "GET" and any(mark in one["path"] for mark in marks)
        ]

    def call(self, vendor: str, method: str, path: str, **options: Any) -> Any:
        """Call a vendor's API as somebody with credentials; the path is below its version."""
        token = self.token
        if vendor == "salesforce":
            form = {"grant_type": "client_credentials", "client_id": "sandbox-client"}
            signed = requests.post(
                f"{self.url}/salesforce/services/oauth2/token",
                data={**form, "client_secret": self.secret},
                timeout=20,
            )
            token, path = signed.json()["access_token"], f"/services/data/v62.0{path}"
        headers = {"Authorization": f"Bearer {token}"}
        address = f"{self.url}/{vendor}{path}"
        answer = requests.request(method, address, headers=headers, timeout=20, **options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def stored(self, vendor: str, name: str) -> dict[str, Any]:
        """Read one field of every record, by record id, in the vendor's own form."""
        if vendor == "salesforce":
            soql = " ".join(("SELECT Id,", name, "FROM", OBJECTS[vendor]))
            found = self.call(vendor, "GET", "/query", params={"q": soql})
            assert found["done"]
            return {row["Id"]: row[name] for row in found["records"]}
        values: dict[str, Any] = {}
        params = {"limit": "100", "properties": name}
        while True:
            page = self.call(vendor, "GET", "/crm/v3/objects/contacts", params=params)
            values |= {row["id"]: row["properties"].get(name) for row in page["results"]}
            following = page.get("paging", {}).get("next")
            if not following:
                return values
            params["after"] = following["after"]

    def members(self) -> set[str]:
        page = self.call("hubspot", "GET", "/crm/v3/lists/1001/memberships", params={"limit": 250})
        return {str(row["recordId"]) for row in page["results"]}


@dataclass
class Place:
    """One installation, its sandbox and their clock."""

    company: Company
    box: Box
    clock: Clock
    batch_size: int | None = None
    overrides: dict[str, str] = field(default_factory=dict)

    def add(self, vendor: str, numbers: Iterable[int], *, band: str | None = "low") -> None:
        for number in numbers:
            self.company.add(f"K{number}", band=band, record=record_id(vendor, number))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SALESFORCE_BASE_URL": f"{self.box.url}/salesforce",
            "SALESFORCE_CLIENT_ID": "sandbox-client",
            "SALESFORCE_CLIENT_SECRET": self.box.secret,
            "HUBSPOT_BASE_URL": f"{self.box.url}/hubspot",
            "HUBSPOT_TOKEN": self.box.token,
            **self.overrides,
        }

    def connect(self, kind: str) -> DestinationClient:
        waits = Waits()
        patience = Patience(tries=3, connect_s=2, read_s=5)
        clockwork = Clockwork(waits.sleep, waits.clock)
        module = {"salesforce": salesforce, "hubspot": hubspot}[kind]
        client: Any = module.connect(self.environment, patience=patience, clockwork=clockwork)
        return SmallBatches(client, self.batch_size) if self.batch_size else client

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        with self.company.runtime() as inner:
            runtime = Runtime(
                ledger=inner.ledger,
                snapshots=inner.snapshots,
                read_manifest=inner.read_manifest,
                open_warehouse=inner.open_warehouse,
                connect=self.connect,
            )
            yield runtime
            runtime.close()

    def contract(self, given: dict[str, Any]) -> Contract:
        names = model_names(Contract.model_validate(given))
        return make_contract(
            given, definition=read_manifest(self.company.manifest).definition(names)
        )

    def plan(self, contract: Contract) -> Evaluation:
        """Plan, and sign what may be signed: the first plan has no baseline."""
        with self.runtime() as runtime:
            found = prepare(contract, runtime, now=self.clock())
            if found.decision == "launch":
                return found
            assert found.plan is not None
            assert all(each.signer for each in found.results if each.stops), found.message
            word = {"role": contract.owners.workflow, "by": "a test", "reason": "first plan"}
            return sign_plan(
                contract, runtime, plan=found.plan.id, gate=None, now=self.clock(), **word
            )

    def send(self, contract: Contract) -> Report:
        (destination,) = contract.destinations
        with self.runtime() as runtime:
            return deliver(contract, destination, runtime, clock=self.clock)

    def run(self, contract: Contract) -> Report:
        self.plan(contract)
        return self.send(contract)

    def wait(self, duration: timedelta) -> None:
        """Let time pass; the source is scored anew."""
        self.clock.now += duration
        scored = (self.clock.now - timedelta(minutes=30)).replace(tzinfo=None)
        self.sql("update mart set scored_at = ?", scored)

    def sql(self, statement: str, *values: object) -> None:
        """Change the warehouse."""
        with duckdb.connect(str(self.company.path)) as connection:
            connection.execute(statement, list(values))

    def opt_out(self, *numbers: int) -> None:
        for number in numbers:
            self.sql("insert into suppress_a values (?, 'unsubscribed', null)", f"K{number}")

    def opt_in(self, *numbers: int) -> None:
        for number in numbers:
            self.sql("delete from suppress_a where key = ?", f"K{number}")


def add_up(report: Report) -> bool:
    """Say whether a report accounts for every planned row exactly once."""
    totals = report.totals
    return totals.accepted + totals.rejected + totals.held + totals.unknown == report.rows
