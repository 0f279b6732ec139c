"""A place whose every destination leads to one sandbox, and copies of it made for each test.

What takes long is done once for each site: the warehouse is filled, the plan is made and
signed. A test gets a copy, and a sandbox that was set back to its first records.
"""

from __future__ import annotations

import importlib
import shutil
import sqlite3
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import requests
from company import Company
from e2e_box import Box, email, record_id
from e2e_place import Clock, Place, SmallBatches, Waits

from activation_pipeline.contract import MappedField
from activation_pipeline.destinations import Address, Target
from activation_pipeline.destinations._http import Clockwork, Patience
from activation_pipeline.destinations._salesforce_send import Sizes
from activation_pipeline.sandbox import find_vendors, load_org

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import DestinationClient, LiveRecord
    from activation_pipeline.sandbox import Org

KEY = "sandbox-api-key"
VALUE, OTHER = "Axolotl", "Narwhal"
BATCH = 4
KNOWN, NEW = range(1, 13), range(13, 17)
PICKLISTS = {
    "salesforce": "Sales_Follow_Up_Priority__c",
    "hubspot": "follow_up_priority",
    "webhook": "follow_up_priority",
}
STORE, STORE_SECRET = "account_follow_up", "sandbox-secret-of-the-context-store"
# Only Salesforce and HubSpot choose the ids of their records themselves.
CHOSEN_BY_US = frozenset({"braze", "webhook"})


def key_of(number: int) -> str:
    """Give a candidate's key, which is also its value in the vendor's key field."""
    return f"kakapo-{number:02d}"


def id_of(vendor: str, number: int) -> str:
    """Give the id of a candidate's record."""
    return key_of(number) if vendor in CHOSEN_BY_US else record_id(vendor, number)


def write_records(folder: Path) -> None:
    """Write what every vendor holds at first: twelve records without a value of ours."""
    folder.mkdir(parents=True)
    accounts = [f"{id_of('salesforce', n)},Company {n},{key_of(n)}" for n in KNOWN]
    contacts = [f"{id_of('hubspot', n)},{email(n)},{key_of(n)}" for n in KNOWN]
    users = [f"{key_of(n)},{email(n)}" for n in KNOWN]
    files = {
        "salesforce_account.csv": ["Id,Name,Billing_Customer_ID__c", *accounts],
        "hubspot_contact.csv": ["hs_object_id,email,warehouse_contact_id", *contacts],
        "braze_user.csv": ["external_id,email", *users],
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join([*lines, ""]), encoding="utf-8")


def org_with_our_options() -> Org:
    """Set the vendors up as shipped, with picklists that take the values of these tests."""
    org = dict(load_org(find_vendors()))
    for vendor, name in PICKLISTS.items():
        spec = next(one for one in org[vendor].objects if one.field(name) is not None)
        known = spec.field(name)
        assert known is not None
        named = [known.options[0].model_copy(update={"value": v}) for v in (VALUE, OTHER)]
        org[vendor] = org[vendor].with_field(spec.name, name, options=(*known.options, *named))
    return org


@dataclass
class FaultPlace(Place):
    """A place that reaches every kind of destination, as patiently as a test says."""

    patience: Patience = field(default_factory=lambda: Patience(tries=3, connect_s=2, read_s=5))
    by_job: bool = False

    @property
    def environment(self) -> dict[str, str]:
        others = {
            "BRAZE_BASE_URL": f"{self.box.url}/braze",
            "BRAZE_API_KEY": KEY,
            "WEBHOOK_BASE_URL": f"{self.box.url}/webhook",
            "WEBHOOK_SECRET": STORE_SECRET,
        }
        return {**super().environment, **others, **self.overrides}

    def connect(self, kind: str) -> DestinationClient:
        waits = Waits()
        clockwork = Clockwork(waits.sleep, waits.clock)
        module = importlib.import_module(f"activation_pipeline.destinations.{kind}")
        options: dict[str, Any] = {}
        if kind == "webhook":
            options["signed_at"] = lambda: self.clock().timestamp()
        if self.by_job:
            options["sizes"] = Sizes(bulk_from=1, collection=1, job=BATCH)
        client: Any = module.connect(
            self.environment, patience=self.patience, clockwork=clockwork, **options
        )
        is_small = self.batch_size is not None and not self.by_job
        return SmallBatches(client, self.batch_size) if is_small else client

    def add_candidates(self, vendor: str, numbers: range) -> None:
        """Add candidates with the record of their number, be it there or not yet."""
        scored = (self.clock.now - timedelta(hours=1)).replace(tzinfo=None)
        rows = [[key_of(n), OTHER if n % 5 == 0 else VALUE, scored] for n in numbers]
        ids = [[key_of(n), id_of(vendor, n), key_of(n), "billing_id", False] for n in numbers]
        with self.company.changing() as connection:
            connection.executemany("insert into mart values (?, ?, ?)", rows)
            connection.executemany("insert into identity values (?, ?, ?, ?, ?)", ids)

    def read_source(self, query: str) -> list[tuple[Any, ...]]:
        with self.company.changing() as connection:
            return connection.execute(query).fetchall()

    def ledger_rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.company.folder / "home" / "ledger.sqlite") as connection:
            found = connection.execute(query).fetchall()
        connection.close()
        return found


@dataclass
class Template:
    """A place whose plan is made, to be copied."""

    folder: Path
    contract: Contract
    now: datetime

    by_job: bool = False

    def opened(self, folder: Path, box: Box, clock: Clock) -> FaultPlace:
        """Copy the installation, and set the sandbox back to its first records."""
        clock.now = self.now
        requests.post(f"{box.url}/_sandbox/reset", timeout=20).raise_for_status()
        shutil.copytree(self.folder, folder)
        warehouse = (folder / "warehouse.duckdb").read_bytes()
        company = Company(folder, now=self.now)
        company.path.write_bytes(warehouse)
        return FaultPlace(company, box, clock, batch_size=BATCH, by_job=self.by_job)


def braze_users(box: Box, names: Mapping[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Read every user of these tests: the custom attributes by external id."""
    answer = requests.post(
        f"{box.url}/braze/users/export/ids",
        json={"external_ids": list(names or [key_of(n) for n in (*KNOWN, *NEW)])},
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=20,
    )
    assert answer.status_code < 300, answer.text
    return {one["external_id"]: one["custom_attributes"] for one in answer.json()["users"]}


def store_items(place: FaultPlace, names: tuple[str, ...]) -> tuple[LiveRecord, ...]:
    """Read every item of these tests back: a store has no other way to look into it."""
    fields = {name: MappedField.model_validate({"from": "band"}) for name in names}
    aim = Target(STORE, "account_id", None, "mirror", fields)
    client = place.connect("webhook")
    try:
        found = client.read(aim, [Address(key_of(n), key_of(n), "") for n in KNOWN], names)
    finally:
        client.close()
    return found
