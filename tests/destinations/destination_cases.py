"""What the destination tests share: a clock, the sandbox's surface, one case per kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import requests

from activation_pipeline.contract import MappedField
from activation_pipeline.destinations import (
    Address,
    DestinationClient,
    LiveRecord,
    Origin,
    OutgoingRecord,
    Target,
    Value,
)
from activation_pipeline.destinations import braze as braze_module
from activation_pipeline.destinations import hubspot as hubspot_module
from activation_pipeline.destinations import salesforce as salesforce_module
from activation_pipeline.destinations import webhook as webhook_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TOKEN = "sandbox-token"  # noqa: S105 - the sandbox's own
SECRET = "sandbox-secret"  # noqa: S105 - the sandbox's own
API_KEY = "sandbox-api-key"
SIGNING_SECRET = "sandbox-secret-of-the-context-store"  # noqa: S105 - the sandbox's own
AS_OF = datetime(2026, 11, 21, 6, tzinfo=UTC)
ORIGIN = Origin(
    contract="next_best_action_context",
    contract_version=1,
    plan="0123456789abcdef",
    version=7,
    expire_after=timedelta(days=7),
)
BANDS = ("low", "medium", "high")
PRIORITIES = ("hot", "warm", "nurture")


def mapped(column: str, **parts: object) -> MappedField:
    return MappedField.model_validate({"from": column, **parts})


def target(object_name: str, **parts: Any) -> Target:
    known: dict[str, Any] = {"key": None, "list": None, "behavior": "upsert", "fields": {}}
    return Target(object=object_name, **{**known, **parts})


@dataclass
class Waits:
    """A clock that only sleeping moves, so that no test waits."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass(frozen=True)
class Box:
    """The sandbox, and its own surface."""

    url: str

    def fault(self, vendor: str, kind: str, **options: object) -> None:
        self._post("faults", {"vendor": vendor, "kind": kind, **options})

    def edit(self, vendor: str, object_name: str, record_id: str, name: str, value: str) -> None:
        body = {"vendor": vendor, "object": object_name, "id": record_id}
        self._post("edit", {**body, "field": name, "value": value})

    def requests(self, vendor: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/_sandbox/requests?vendor={vendor}", timeout=10)
        found: list[dict[str, Any]] = answer.json()["requests"]
        return found

    def writes(self, vendor: str) -> list[dict[str, Any]]:
        paths = (
            "/composite/sobjects",
            "/batches",
            "/batch/upsert",
            "/batch/update",
            "/batch/create",
            "/memberships/add",
            "/memberships/remove",
            "/users/track",
            "/webhook/items",
        )
        return [one for one in self.requests(vendor) if any(path in one["path"] for path in paths)]

    def reset(self) -> None:
        self._post("reset", {})

    def _post(self, path: str, body: object) -> None:
        answer = requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text


@dataclass(frozen=True)
class Case:
    """One kind of destination, as the conformance suite needs to know it.

    ``misfit`` is a value that ``band`` does not take; ``nobody`` is an id of no record.
    """

    kind: str
    client: DestinationClient
    connect: Callable[..., DestinationClient]
    box: Box
    waits: Waits
    target: Target
    band: str
    bands: tuple[str, ...]
    text: str
    longest: int
    ids: tuple[str, ...]
    keys: tuple[str, ...]
    write_path: str
    misfit: str = "on fire"
    nobody: str = "999"
    tells_created: bool = True

    def record(
        self, at: int, values: Mapping[str, Value], operation: Any = "update"
    ) -> OutgoingRecord:
        return OutgoingRecord(f"k{at}", self.ids[at], self.keys[at], operation, values, AS_OF)

    def stranger(self, values: Mapping[str, Value]) -> OutgoingRecord:
        return OutgoingRecord("stranger", "", "NEW-1", "add", values, AS_OF)

    def live(self, *places: int, fields: Sequence[str] = ()) -> tuple[LiveRecord, ...]:
        addresses = [Address(f"k{at}", self.ids[at], self.keys[at]) for at in places]
        return self.client.read(self.target, addresses, fields or (self.band, self.text))

    def values(self, at: int) -> Mapping[str, Value]:
        return self.live(at)[0].values

    def fault(self, kind: str, **options: object) -> None:
        self.box.fault(self.kind, kind, **{"path_regex": self.write_path, **options})


def salesforce_case(client: Any, box: Box, waits: Waits) -> Case:
    fields = {
        "Sales_Follow_Up_Priority__c": mapped("priority", allowed=PRIORITIES),
        "Sales_Follow_Up_Reason__c": mapped("reason"),
        "Sales_Follow_Up_Refreshed_At__c": mapped("scored_at"),
        "Annual_Recurring_Revenue__c": mapped("revenue"),
    }
    return Case(
        kind="salesforce",
        connect=salesforce_module.connect,
        client=client,
        box=box,
        waits=waits,
        target=target("Account", key="Warehouse_Account_ID__c", behavior="upsert", fields=fields),
        band="Sales_Follow_Up_Priority__c",
        bands=PRIORITIES,
        text="Sales_Follow_Up_Reason__c",
        longest=80,
        ids=tuple(f"001SB000000000{at}AAA" for at in range(1, 6)),
        keys=tuple(f"A-{at}" for at in range(1, 6)),
        write_path="/composite/sobjects",
        nobody="001SB0000000099AAA",
    )


def follow_up(**of_refreshed_at: Any) -> dict[str, MappedField]:
    """The fields that three vendors have under the same names."""
    return {
        "follow_up_priority": mapped("priority", allowed=PRIORITIES),
        "follow_up_reason": mapped("reason"),
        "follow_up_refreshed_at": mapped("scored_at", **of_refreshed_at),
        "product_seats": mapped("seats"),
    }


def hubspot_case(client: Any, box: Box, waits: Waits) -> Case:
    return Case(
        kind="hubspot",
        connect=hubspot_module.connect,
        client=client,
        box=box,
        waits=waits,
        target=target(
            "contacts", key="warehouse_contact_id", behavior="upsert", fields=follow_up()
        ),
        band="follow_up_priority",
        bands=PRIORITIES,
        text="follow_up_reason",
        longest=65_536,
        ids=("101", "102", "103", "104", "105"),
        keys=("C-1", "C-2", "C-3", "C-4", "C-5"),
        write_path="/batch/(upsert|update|create)",
    )


def braze_case(client: Any, box: Box, waits: Waits) -> Case:
    return Case(
        kind="braze",
        connect=braze_module.connect,
        client=client,
        box=box,
        waits=waits,
        target=target("users", key="external_id", behavior="upsert", fields=follow_up()),
        band="follow_up_priority",
        bands=PRIORITIES,
        text="follow_up_reason",
        longest=255,
        ids=("U-1", "U-2", "U-3", "U-4", "U-5"),
        keys=("U-1", "U-2", "U-3", "U-4", "U-5"),
        write_path="/users/track",
        misfit="on fire " * 40,
        tells_created=False,
    )


def webhook_case(client: Any, box: Box, waits: Waits) -> Case:
    fields = follow_up(role="meta")
    return Case(
        kind="webhook",
        connect=webhook_module.connect,
        client=client,
        box=box,
        waits=waits,
        target=target(
            "account_follow_up", key="account_id", behavior="mirror", fields=fields, origin=ORIGIN
        ),
        band="follow_up_priority",
        bands=PRIORITIES,
        text="follow_up_reason",
        longest=2_000,
        ids=("A-1", "A-2", "A-3", "A-4", "A-5"),
        keys=("A-1", "A-2", "A-3", "A-4", "A-5"),
        write_path="/items",
    )
