"""A company with twelve fields, one for each policy, at each vendor that has fields."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import requests
from company import contract_dict
from e2e_box import KEYS, OBJECTS, record_id
from e2e_place import EVERY_CHANGE, mapping
from fault_place import KEY, FaultPlace
from policy_oracle import ALLOWED, HAND, POLICIES
from store_reading import read_items

from activation_pipeline.sandbox import find_vendors, load_org
from activation_pipeline.sandbox.catalogue import FieldSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from activation_pipeline.sandbox import Org

VENDORS = ("salesforce", "hubspot", "braze")
STORE, ITEM, ITEM_KEY = "webhook", "next_best_action", "opportunity_id"
ITEM_TIME = "suggested_at"
TYPES = {"salesforce": "string", "hubspot": "string", "braze": "String", STORE: "text"}
KINDS = {**OBJECTS, "braze": "users", STORE: ITEM}
KEY_FIELDS = {**KEYS, "braze": "external_id", STORE: ITEM_KEY}
COLUMNS = [f"v{policy.number:02d}" for policy in POLICIES]


def field_name(vendor: str, number: int) -> str:
    return f"Policy_{number:02d}__c" if vendor == "salesforce" else f"policy_{number:02d}"


def key_of(number: int) -> str:
    return f"K{number}"


def id_of(vendor: str, number: int) -> str:
    return key_of(number) if vendor in {"braze", STORE} else record_id(vendor, number)


def part_of(number: int) -> str:
    """Say where in an item a field travels: every policy of edits is there in both parts."""
    return "meta" if (number // 4 + number) % 2 else "values"


def org_with_policy_fields() -> Org:
    """Add the twelve fields; Salesforce keeps the history of every other one."""
    org = dict(load_org(find_vendors()))
    for vendor in (*VENDORS, STORE):
        spec = org[vendor].objects[0]
        added = tuple(
            FieldSpec(
                name=field_name(vendor, p.number),
                label=f"Policy {p.number}",
                type=TYPES[vendor],
                control="meta" if vendor == STORE and part_of(p.number) == "meta" else "text",
                length=40 if vendor == "salesforce" else None,
                custom=True,
                tracked=p.number % 2 == 0,
            )
            for p in POLICIES
        )
        grown = spec.model_copy(update={"fields": (*spec.fields, *added)})
        org[vendor] = org[vendor].model_copy(update={"objects": (grown, *org[vendor].objects[1:])})
    return org


def write_records(folder: Path, count: int) -> None:
    """Write what each vendor holds at first: so many records, all of them empty."""
    folder.mkdir(parents=True)
    numbers = range(1, count + 1)
    heads = {
        "salesforce_account.csv": "Id,Name,Billing_Customer_ID__c",
        "hubspot_contact.csv": "hs_object_id,email,warehouse_contact_id",
        "braze_user.csv": "external_id,email",
        "webhook_next_best_action.csv": ITEM_KEY,
    }
    for (file, head), vendor in zip(heads.items(), (*VENDORS, STORE), strict=True):
        columns = head.count(",") + 1
        rows = [
            ",".join([id_of(vendor, n), f"person.{n}@example.org", key_of(n)][:columns])
            for n in numbers
        ]
        (folder / file).write_text("\n".join([head, *rows, ""]), encoding="utf-8")


def contract_body(vendor: str, behavior: str) -> dict[str, Any]:
    """Map the twelve columns, each under its own policy."""
    fields: dict[str, Any] = {
        field_name(vendor, p.number): {
            "from": COLUMNS[p.number],
            "allowed": list(ALLOWED),
            "on_null": p.on_null,
            "on_edit": p.on_edit,
        }
        for p in POLICIES
    }
    if vendor == "salesforce" and behavior != "update_only":  # an account needs its name
        fields["Name"] = {"from": "id", "on_edit": "overwrite"}
    place = {"object": KINDS[vendor], "key": KEY_FIELDS[vendor]}
    mapped = mapping("hubspot", **place, behavior=behavior, fields=fields)
    freshness = contract_dict()["freshness"] | {"on_expiry": {field_name(vendor, 0): "alert"}}
    return contract_dict(destinations={vendor: mapped}, freshness=freshness, gates=EVERY_CHANGE)


def item_body(behavior: str = "mirror", *, timed: bool = False) -> dict[str, Any]:
    """Map the twelve columns into items of a store; ``timed``: their event time as well."""
    body = contract_body(STORE, behavior)
    fields = body["destinations"][STORE]["fields"]
    for policy in POLICIES:
        if part_of(policy.number) == "meta":
            fields[field_name(STORE, policy.number)]["role"] = "meta"
    if timed:
        fields[ITEM_TIME] = {"from": "scored_at", "role": "meta", "on_edit": "overwrite"}
    return body


@dataclass
class PolicyPlace(FaultPlace):
    """A place whose source has the twelve columns."""

    def fill(self, vendor: str, values: Mapping[int, Sequence[str | None]]) -> None:
        """Add candidates by number, with the value of each column."""
        scored = (self.clock.now - timedelta(hours=1)).replace(tzinfo=None)
        keys = [key_of(n) for n in values]
        source: dict[str, Any] = {
            "id": keys,
            "band": ["low"] * len(keys),
            "scored_at": [scored] * len(keys),
        }
        for at, name in enumerate(COLUMNS):
            source[name] = pa.array([row[at] for row in values.values()], pa.string())
        found = {
            "key": keys,
            "destination_id": [id_of(vendor, n) for n in values],
            "destination_key": keys,
            "rule": ["billing_id"] * len(keys),
            "is_role_based_email": [False] * len(keys),
        }
        with self.company.changing() as connection:
            for name in COLUMNS:
                connection.execute(f"alter table mart add column {name} varchar")
            for table, columns in (("mart", source), ("identity", found)):
                connection.register("rows", pa.table(columns))
                connection.execute(f"insert into {table} by name select * from rows")
                connection.unregister("rows")

    def change(self, values: Mapping[tuple[int, int], str | None]) -> None:
        """Change the source: values by candidate and column."""
        with self.company.changing() as connection:
            for number, name in enumerate(COLUMNS):
                here = {key_of(n): value for (n, at), value in values.items() if at == number}
                texts = pa.array(list(here.values()), pa.string())
                connection.register("rows", pa.table({"id": list(here), "value": texts}))
                connection.execute(
                    f"update mart set {name} = value from rows where mart.id = rows.id"
                )
                connection.unregister("rows")

    def edit_field(self, vendor: str, number: int, field: int, value: str | None = HAND) -> None:
        """Let a person change one field."""
        asked = {"vendor": vendor, "object": KINDS[vendor]}
        name = field_name(vendor, field)
        body = {**asked, "id": id_of(vendor, number), "field": name, "value": value}
        self.box.own("POST", "edit", json=body)

    def held(self, vendor: str, numbers: Iterable[int]) -> dict[int, dict[int, str | None]]:
        """Read what the vendor holds: by candidate, the values by field number."""
        names = {p.number: field_name(vendor, p.number) for p in POLICIES}
        rows = {
            "salesforce": self._accounts,
            "hubspot": self._contacts,
            "braze": self._users,
            STORE: self._items,
        }
        found = rows[vendor](list(names.values()))
        return {
            n: {number: found[key_of(n)].get(name) or None for number, name in names.items()}
            for n in numbers
            if key_of(n) in found
        }

    def _accounts(self, names: list[str]) -> dict[str, dict[str, Any]]:
        key = KEYS["salesforce"]
        soql = f"SELECT {', '.join([key, *names])} FROM Account"
        found = self.box.call("salesforce", "GET", "/query", params={"q": soql})
        assert found["done"]
        return _by_key((row[key], row) for row in found["records"])

    def _contacts(self, names: list[str]) -> dict[str, dict[str, Any]]:
        key, rows = KEYS["hubspot"], []
        params: dict[str, Any] = {"limit": 100, "properties": ",".join([key, *names])}
        while True:
            page = self.box.call("hubspot", "GET", "/crm/v3/objects/contacts", params=params)
            rows += [row["properties"] for row in page["results"]]
            if "paging" not in page:
                return _by_key((row[key], row) for row in rows)
            params["after"] = page["paging"]["next"]["after"]

    def _users(self, _names: list[str]) -> dict[str, dict[str, Any]]:
        everybody = [row[0] for row in self.read_source("select id from mart")]
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(everybody), 50):
            answer = requests.post(
                f"{self.box.url}/braze/users/export/ids",
                json={"external_ids": everybody[start : start + 50]},
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=20,
            )
            users = answer.json()["users"]
            found |= {one["external_id"]: one["custom_attributes"] for one in users}
        return found

    def _items(self, _names: list[str]) -> dict[str, dict[str, Any]]:
        keys = [row[0] for row in self.read_source("select id from mart")]
        read = read_items(self.box.url, ITEM, keys, at=self.clock())
        return {key: one["values"] | one["meta"] for key, one in read.items()}

    def deleted(self, *, since: int) -> list[int]:
        """List the items that the store was told to delete."""
        bodies = [json.loads(one["body"]) for one in self._writes(STORE, since=since)]
        items = [item for body in bodies for item in body["items"] if item["op"] == "delete"]
        return sorted(int(item["key"].removeprefix("K")) for item in items)

    def _writes(self, vendor: str, *, since: int) -> list[dict[str, Any]]:
        found = self.box.requests(vendor, since=since)
        return [one for one in found if any(mark in one["path"] for mark in _WRITES)]

    def sent(self, vendor: str, *, since: int) -> dict[int, dict[int, str | None]]:
        """Read what was sent out of the bytes: by candidate, the values by field number."""
        names = {field_name(vendor, p.number): p.number for p in POLICIES}
        found: dict[int, dict[int, str | None]] = {}
        for request in self._writes(vendor, since=since):
            body = json.loads(base64.b64decode(request["body_base64"]))
            for address, values in _entries(vendor, body):
                number = int(address.removeprefix("K")) if address[0] == "K" else _by_id(address)
                assert number not in found, "sent twice"
                found[number] = {
                    names[name]: value or None for name, value in values.items() if name in names
                }
        return found


_WRITES = (
    *("/composite/sobjects", "/batch/update", "/batch/upsert", "/batch/create"),
    *("/users/track", "/items"),
)


def _by_id(record: str) -> int:
    return int(record[3:15])


def _by_key(rows: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    listed = list(rows)
    found = dict(listed)
    assert len(found) == len(listed), "a key has two records"
    return found


def _entries(vendor: str, body: Any) -> list[tuple[str, dict[str, Any]]]:
    if vendor == "salesforce":
        return [(one.get("id") or one[KEYS[vendor]], one) for one in body["records"]]
    if vendor == "hubspot":
        return [
            (one.get("id") or one["properties"][KEYS[vendor]], one["properties"])
            for one in body["inputs"]
        ]
    if vendor == STORE:
        return [_whole(one) for one in body["items"] if one["op"] == "upsert"]
    return [(one["external_id"], one) for one in body["attributes"]]


def _whole(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give an item's values, each of which has to be in its own part."""
    for policy in POLICIES:
        other = {"meta": "values", "values": "meta"}[part_of(policy.number)]
        assert field_name(STORE, policy.number) not in item[other]
    return item["key"], item["values"] | item["meta"]
