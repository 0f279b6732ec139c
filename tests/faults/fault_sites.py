"""The sites of the suite: one row for each way in which a destination is written.

A site says what a contract writes there, which requests are writes and whom they are about,
and what the vendor holds afterwards. To put another one under every fault, add its row.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from company import audience_dict
from e2e_box import KEYS, OBJECTS, TEXT_FIELDS
from e2e_place import EVERY_CHANGE, body, mapping
from fault_place import KNOWN, NEW, OTHER, PICKLISTS, VALUE, braze_users, id_of, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e_box import Box

# What is held of each candidate: its key, then the values. Every record is in it, as often as
# it is there.
State = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Site:
    """One way of writing; ``numbers`` are its candidates, ``created`` those that it makes."""

    name: str
    vendor: str
    given: dict[str, Any]
    writes: str
    state: Callable[[Box], State]
    addressed: Callable[[Any], list[str]]
    text: str | None = None
    picklist: str | None = None
    numbers: range = KNOWN
    created: range = range(0)

    def keys_in(self, request: dict[str, Any]) -> set[str]:
        """Name the candidates that one write request is about."""
        sent = json.loads(base64.b64decode(request["body_base64"]))
        by_id = {id_of(self.vendor, n): key_of(n) for n in self.numbers}
        return {by_id.get(address, address) for address in self.addressed(sent)}

    def held_of(self, state: State) -> dict[str, tuple[Any, ...]]:
        """Give what is held of each key; fails where one key has two records."""
        found = {key: tuple(values) for key, *values in state}
        assert len(found) == len(state), sorted(key for key, *_ in state)
        return found

    @property
    def has_fields(self) -> bool:
        return self.text is not None


def _fields(vendor: str, *, name: bool = False) -> dict[str, Any]:
    free = {"from": "band", "on_edit": "overwrite"}
    listed = {**free, "allowed": [VALUE, OTHER]}
    picklist = PICKLISTS.get(vendor, "follow_up_priority")
    found = {TEXT_FIELDS.get(vendor, "follow_up_reason"): free, picklist: listed}
    return found | ({"Name": free} if name else {})


def _accounts(box: Box) -> State:
    names = ", ".join((KEYS["salesforce"], TEXT_FIELDS["salesforce"], PICKLISTS["salesforce"]))
    found = box.call("salesforce", "GET", "/query", params={"q": f"SELECT {names} FROM Account"})
    assert found["done"]
    return [tuple(row[name] for name in names.split(", ")) for row in found["records"]]


def _contacts(box: Box) -> State:
    names = (KEYS["hubspot"], TEXT_FIELDS["hubspot"], PICKLISTS["hubspot"])
    params = {"limit": 100, "properties": ",".join(names)}
    page = box.call("hubspot", "GET", "/crm/v3/objects/contacts", params=params)
    assert "paging" not in page
    rows = [row["properties"] for row in page["results"]]
    return [(row[names[0]], row.get(names[1]) or None, row.get(names[2]) or None) for row in rows]


def _members(box: Box) -> State:
    ids = {id_of("hubspot", n): key_of(n) for n in KNOWN}
    return [(ids[one], True) for one in box.members()]


def _users(box: Box) -> State:
    found = braze_users(box)
    return [
        (key, one.get("follow_up_reason"), one.get("follow_up_priority"))
        for key, one in found.items()
    ]


def _audience(box: Box) -> State:
    return [(key, True) for key, one in braze_users(box).items() if one.get("expansion_education")]


def _scores(vendor: str, behavior: str) -> dict[str, Any]:
    makes_accounts = vendor == "salesforce" and behavior == "upsert"
    if vendor == "braze":
        place = {"object": "users", "key": "external_id"}
    else:
        place = {"object": OBJECTS[vendor], "key": KEYS[vendor]}
    fields = _fields(vendor, name=makes_accounts)
    return body(vendor, mapping("hubspot", **place, behavior=behavior, fields=fields))


def _mirror(vendor: str, **place: str) -> dict[str, Any]:
    known = {"behavior": "mirror", "read_by": ["expansion journey"], "edited_by": "nobody"}
    return audience_dict(destinations={vendor: {**known, **place}}, gates=EVERY_CHANGE)


def _record_keys(sent: Any) -> list[str]:
    return [one.get("id") or one[KEYS["salesforce"]] for one in sent["records"]]


_COLLECTIONS = "/composite/sobjects"
_TEXT, _PICK = TEXT_FIELDS["salesforce"], PICKLISTS["salesforce"]
_FOLLOW_UP = ("follow_up_reason", "follow_up_priority")
_ALL = range(KNOWN.start, NEW.stop)

SITES: tuple[Site, ...] = (
    Site(
        "salesforce_by_key",
        "salesforce",
        _scores("salesforce", "upsert"),
        _COLLECTIONS,
        _accounts,
        _record_keys,
        _TEXT,
        _PICK,
        numbers=_ALL,
        created=NEW,
    ),
    Site(
        "salesforce_by_id",
        "salesforce",
        _scores("salesforce", "update_only"),
        _COLLECTIONS,
        _accounts,
        _record_keys,
        _TEXT,
        _PICK,
    ),
    Site(
        "hubspot_contacts",
        "hubspot",
        _scores("hubspot", "upsert"),
        "/batch/upsert",
        _contacts,
        lambda sent: [one["id"] for one in sent["inputs"]],
        *_FOLLOW_UP,
        numbers=_ALL,
        created=NEW,
    ),
    Site(
        "hubspot_list",
        "hubspot",
        _mirror("hubspot", object="list", list="1001"),
        "/memberships/(add|remove)",
        _members,
        list,
    ),
    Site(
        "braze_attributes",
        "braze",
        _scores("braze", "upsert"),
        "/users/track",
        _users,
        lambda sent: [one["external_id"] for one in sent["attributes"]],
        *_FOLLOW_UP,
        numbers=_ALL,
        created=NEW,
    ),
    Site(
        "braze_audience",
        "braze",
        _mirror("braze", object="users", list="expansion_education"),
        "/users/track",
        _audience,
        lambda sent: [one["external_id"] for one in sent["attributes"]],
    ),
)
