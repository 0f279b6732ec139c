"""What the tests of Salesforce's bulk jobs share: records, steps, and what became of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from destination_cases import Box, mapped, target

from activation_pipeline.destinations import Address, BatchOutcome, OutgoingRecord

if TYPE_CHECKING:
    from activation_pipeline.destinations.salesforce import Salesforce

REASON, TYPE = "Sales_Follow_Up_Reason__c", "Type"
KEY = "Warehouse_Account_ID__c"
FIELDS = {REASON: mapped("reason"), TYPE: mapped("type"), "Name": mapped("name")}
UPSERT = target("Account", key=KEY, behavior="upsert", fields=FIELDS)
UPDATE = dataclasses.replace(UPSERT, behavior="update_only")
IDS = [f"001SB000000000{at}AAA" for at in range(1, 5)]
CREATE, UPLOAD, CLOSE = ("POST", "jobs/ingest$"), ("PUT", "batches$"), ("PATCH", "ingest/[^/]+$")
LOOK, RESULTS = ("GET", "ingest/[^/]+$"), ("GET", "(Results|records)/$")


def record(at: int, **values: Any) -> OutgoingRecord:
    return OutgoingRecord(f"k{at}", IDS[at - 1], f"A-{at}", "update", values)


THREE = [record(at, **{REASON: f"secret-ish {at}"}) for at in (1, 2, 3)]


def fault(box: Box, step: tuple[str, str], kind: str, **options: Any) -> None:
    method, path = step
    box.fault("salesforce", kind, **{"method": method, "path_regex": path, **options})


def reasons(client: Salesforce) -> list[Any]:
    addresses = [Address(f"k{at}", IDS[at - 1], f"A-{at}") for at in (1, 2, 3)]
    return [one.values[REASON] for one in client.read(UPSERT, addresses, [REASON])]


def states(client: Salesforce, box: Box) -> list[str]:
    """List how every job stands that was made so far."""
    listed = client._session.call("GET", "/jobs/ingest").json()
    assert len([one for one in box.requests("salesforce") if "token" in one["path"]]) <= 2
    return sorted(one["state"] for one in listed["records"])


def told(outcome: BatchOutcome) -> list[tuple[str, str]]:
    return [(one.state, one.code) for one in outcome.faults]
