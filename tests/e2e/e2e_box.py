"""The sandbox as a test sees it: what it received, its faults, and what its records hold now."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import requests

TOKEN = "sandbox-token"  # noqa: S105 - the sandbox's own
SECRET = "sandbox-secret"  # noqa: S105 - the sandbox's own
KEYS = {"salesforce": "Billing_Customer_ID__c", "hubspot": "warehouse_contact_id"}
TEXT_FIELDS = {"salesforce": "Risk_Reason_Code__c", "hubspot": "follow_up_reason"}
OBJECTS = {"salesforce": "Account", "hubspot": "contacts"}


def record_id(vendor: str, number: int) -> str:
    """Give the id of the record that stands for the candidate ``K<number>``."""
    return f"001{number:012d}AAA" if vendor == "salesforce" else str(10_000 + number)


def email(number: int) -> str:
    return f"person.{number}@example.org"


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
