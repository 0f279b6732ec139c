"""The tiny company with the real destination clients, and the sandbox that answers them.

A ``Place`` is one installation and one running sandbox on one clock; its contracts write one
field of one vendor, or as a test says.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from company import NOW, Company, contract_dict, make_contract
from e2e_box import KEYS, OBJECTS, TEXT_FIELDS, Box, email, record_id

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
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from activation_pipeline.destinations import DestinationClient, Target
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.report import Report

EVERY_CHANGE = [{"change_volume": {"add": 1.0, "update": 1.0, "clear": 1.0, "remove": 1.0}}]


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
    at_once: int = 1

    def batch_size(self, target: Target, rows: int = 0) -> int:  # noqa: ARG002 - the protocol's
        return self.size

    def concurrency(self, target: Target) -> int:  # noqa: ARG002 - the protocol's signature
        return self.at_once

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


def accounts(contract: Contract) -> dict[str, str]:
    """Name the sandbox's account in each destination, as its clients do."""
    kinds = {name: each.kind or name for name, each in contract.destinations.items()}
    return {
        name: "127.0.0.1/webhook" if kind == "webhook" else "127.0.0.1"
        for name, kind in kinds.items()
    }


@dataclass
class Place:
    """One installation, its sandbox and their clock."""

    company: Company
    box: Box
    clock: Clock
    batch_size: int | None = None
    at_once: int = 1
    overrides: dict[str, str] = field(default_factory=dict)
    sleep: Callable[[float], None] | None = None

    def add(self, vendor: str, numbers: Iterable[int], *, band: str | None = "low") -> None:
        """Add candidates ``K<number>``, each with the record of its number."""
        self.add_keys({f"K{n}": record_id(vendor, n) for n in numbers}, band=band)

    def add_keys(self, records: Mapping[str, str], *, band: str | None = "low") -> None:
        """Add candidates by key, with the record that each resolves to."""
        scored = (self.clock.now - timedelta(hours=1)).replace(tzinfo=None)
        rows = [[key, record, key, "billing_id", False] for key, record in records.items()]
        with self.company.changing() as connection:
            connection.executemany(
                "insert into mart values (?, ?, ?)", [[key, band, scored] for key in records]
            )
            connection.executemany("insert into identity values (?, ?, ?, ?, ?)", rows)

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
        clockwork = Clockwork(self.sleep or waits.sleep, waits.clock)
        module = {"salesforce": salesforce, "hubspot": hubspot}[kind]
        client: Any = module.connect(self.environment, patience=patience, clockwork=clockwork)
        return SmallBatches(client, self.batch_size, self.at_once) if self.batch_size else client

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        with self.company.runtime() as inner:
            runtime = Runtime(
                ledger=inner.ledger,
                snapshots=inner.snapshots,
                read_manifest=inner.read_manifest,
                open_warehouse=inner.open_warehouse,
                connect=self.connect,
                engines=inner.engines,
            )
            yield runtime
            runtime.close()

    def contract(self, given: dict[str, Any]) -> Contract:
        contract = Contract.model_validate(given)
        definition = read_manifest(self.company.manifest).definition(model_names(contract))
        return make_contract(given, definition=definition, accounts=accounts(contract))

    def plan(self, contract: Contract, *, by: str = "a test") -> Evaluation:
        """Plan, and sign what may be signed: the first plan has no baseline."""
        with self.runtime() as runtime:
            found = prepare(contract, runtime, now=self.clock())
            if found.decision == "launch":
                return found
            assert found.plan is not None
            assert all(each.signer for each in found.results if each.stops), found.message
            word = {"role": contract.owners.workflow, "by": by, "reason": "first plan"}
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
        self.sql_each(statement, [values])

    def sql_each(self, statement: str, rows: Iterable[Iterable[object]]) -> None:
        """Run a statement once for each row of values; opening the file is what costs."""
        with self.company.changing() as connection:
            for values in rows:
                connection.execute(statement, list(values))

    def opt_out(self, *numbers: int) -> None:
        insert = "insert into suppress_a values (?, 'unsubscribed', null)"
        self.sql_each(insert, [[f"K{number}"] for number in numbers])

    def opt_in(self, *numbers: int) -> None:
        delete = "delete from suppress_a where key = ?"
        self.sql_each(delete, [[f"K{number}"] for number in numbers])


def add_up(report: Report) -> bool:
    """Say whether a report accounts for every planned row exactly once."""
    totals = report.totals
    return totals.accepted + totals.rejected + totals.held + totals.unknown == report.rows
