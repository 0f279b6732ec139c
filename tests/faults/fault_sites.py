"""The sites of the suite: one row for each way in which a destination is written.

A site says what a contract writes there, which requests are writes and whom they are about,
and what the vendor holds afterwards. To put another one under every fault, add its row.
"""

from __future__ import annotations

import base64
import csv
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from company import audience_dict
from e2e_box import KEYS, OBJECTS, TEXT_FIELDS
from e2e_place import EVERY_CHANGE, body, mapping
from fault_place import (
    KNOWN,
    NEW,
    OTHER,
    PICKLISTS,
    STORE,
    VALUE,
    braze_users,
    id_of,
    key_of,
    store_items,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fault_place import FaultPlace

# What is held of each candidate: its key, then the values. Every record is in it, as often as
# it is there.
State = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Site:
    """One way of writing; ``numbers`` are its candidates, ``created`` those that it makes.

    ``writes`` finds the requests that carry records; faults hit them, or the ``step`` (method and
    path) that the site names. ``only`` are the faults that it is put through; empty: all.
    """

    name: str
    vendor: str
    given: dict[str, Any]
    writes: str
    state: Callable[[FaultPlace], State]
    addressed: Callable[[str], list[str]]
    text: str | None = None
    picklist: str | None = None
    numbers: range = KNOWN
    created: range = range(0)
    object: str = ""
    by_job: bool = False
    step: tuple[str, str] | None = None
    only: frozenset[str] = frozenset()

    @property
    def hit(self) -> dict[str, str]:
        """Say which requests a fault hits."""
        method, path = self.step or ("", self.writes)
        return {"method": method, "path_regex": path}

    def keys_in(self, request: dict[str, Any]) -> set[str]:
        """Name the candidates that one write request is about."""
        sent = base64.b64decode(request["body_base64"]).decode()
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
    return found | ({"Name": dict(free)} if name else {})


def _accounts(place: FaultPlace) -> State:
    names = ", ".join((KEYS["salesforce"], TEXT_FIELDS["salesforce"], PICKLISTS["salesforce"]))
    found = place.box.call(
        "salesforce", "GET", "/query", params={"q": f"SELECT {names} FROM Account"}
    )
    assert found["done"]
    return [tuple(row[name] for name in names.split(", ")) for row in found["records"]]


def _contacts(place: FaultPlace) -> State:
    names = (KEYS["hubspot"], TEXT_FIELDS["hubspot"], PICKLISTS["hubspot"])
    params = {"limit": 100, "properties": ",".join(names)}
    page = place.box.call("hubspot", "GET", "/crm/v3/objects/contacts", params=params)
    assert "paging" not in page
    rows = [row["properties"] for row in page["results"]]
    return [(row[names[0]], row.get(names[1]) or None, row.get(names[2]) or None) for row in rows]


def _members(place: FaultPlace) -> State:
    ids = {id_of("hubspot", n): key_of(n) for n in KNOWN}
    return [(ids[one], True) for one in place.box.members()]


def _users(place: FaultPlace) -> State:
    found = braze_users(place.box)
    return [
        (key, one.get("follow_up_reason"), one.get("follow_up_priority"))
        for key, one in found.items()
    ]


def _audience(place: FaultPlace) -> State:
    users = braze_users(place.box)
    return [(key, True) for key, one in users.items() if one.get("expansion_education")]


def _items(place: FaultPlace) -> State:
    found = store_items(place, ("follow_up_reason", "follow_up_priority"))
    return [(one.key, *one.values.values()) for one in found if one.ids]


def _scores(vendor: str, behavior: str) -> dict[str, Any]:
    makes_accounts = vendor == "salesforce" and behavior == "upsert"
    if vendor == "braze":
        place = {"object": "users", "key": "external_id"}
    else:
        place = {"object": OBJECTS[vendor], "key": KEYS[vendor]}
    fields = _fields(vendor, name=makes_accounts)
    return body(vendor, mapping("hubspot", **place, behavior=behavior, fields=fields))


def _store() -> dict[str, Any]:
    place = {"object": STORE, "key": "account_id", "behavior": "mirror"}
    return body("webhook", mapping("hubspot", **place, fields=_fields("webhook")))


def _mirror(vendor: str, **place: str) -> dict[str, Any]:
    known = {"behavior": "mirror", "read_by": ["expansion journey"], "edited_by": "nobody"}
    return audience_dict(destinations={vendor: {**known, **place}}, gates=EVERY_CHANGE)


def _collected(sent: str) -> list[str]:
    return [one.get("id") or one[KEYS["salesforce"]] for one in json.loads(sent)["records"]]


def _uploaded(sent: str) -> list[str]:
    return [row[KEYS["salesforce"]] for row in csv.DictReader(sent.splitlines())]


def _joining_or_leaving(sent: str) -> list[str]:
    body = json.loads(sent)
    both = [*body.values()] if isinstance(body, dict) else [body]
    return [record for ids in both for record in ids]


def _listed(name: str, key: str) -> Callable[[str], list[str]]:
    return lambda sent: [one[key] for one in json.loads(sent)[name]]


_FOLLOW_UP = ("follow_up_reason", "follow_up_priority")
_ALL = range(KNOWN.start, NEW.stop)

_BY_KEY = Site(
    "salesforce_by_key",
    "salesforce",
    _scores("salesforce", "upsert"),
    "/composite/sobjects",
    _accounts,
    _collected,
    TEXT_FIELDS["salesforce"],
    PICKLISTS["salesforce"],
    numbers=_ALL,
    created=NEW,
    object="Account",
)
_BY_JOB = replace(
    _BY_KEY, name="salesforce_by_job", writes="/batches$", addressed=_uploaded, by_job=True
)
# The same calls with other records in them: what is about records, and one fault of each kind.
_BY_ID = (
    "request_limit_403 row_locked html_500_once truncated_json cut_after cut_after_for_ever "
    "records_refused records_dropped field_deleted field_read_only option_removed"
)
# A job's other steps are put through what can happen there and not at its upload.
_CLOSING = "cut_before cut_after cut_after_for_ever empty_body json_500_for_ever request_limit_403"
_LOOKING = "cut_before_for_ever empty_body html_503_for_ever json_500_for_ever truncated_json"
_TRACK, _tracked = "/users/track", _listed("attributes", "external_id")

SITES: tuple[Site, ...] = (
    _BY_KEY,
    replace(
        _BY_KEY,
        name="salesforce_by_id",
        given=_scores("salesforce", "update_only"),
        numbers=KNOWN,
        created=range(0),
        only=frozenset(_BY_ID.split()),
    ),
    _BY_JOB,
    replace(
        _BY_JOB,
        name="salesforce_by_job_closing",
        step=("PATCH", "/jobs/ingest/[^/]+$"),
        only=frozenset(_CLOSING.split()),
    ),
    replace(
        _BY_JOB,
        name="salesforce_by_job_looking",
        step=("GET", "/jobs/ingest/"),
        only=frozenset(_LOOKING.split()),
    ),
    Site(
        "hubspot_contacts",
        "hubspot",
        _scores("hubspot", "upsert"),
        "/batch/upsert",
        _contacts,
        _listed("inputs", "id"),
        *_FOLLOW_UP,
        numbers=_ALL,
        created=NEW,
        object="contacts",
    ),
    Site(
        "hubspot_list",
        "hubspot",
        _mirror("hubspot", object="list", list="1001"),
        "/memberships/(add|remove)",
        _members,
        _joining_or_leaving,
    ),
    Site(
        "braze_attributes",
        "braze",
        _scores("braze", "upsert"),
        _TRACK,
        _users,
        _tracked,
        *_FOLLOW_UP,
        numbers=_ALL,
        created=NEW,
        object="users",
    ),
    Site(
        "braze_audience",
        "braze",
        _mirror("braze", object="users", list="expansion_education"),
        _TRACK,
        _audience,
        _tracked,
    ),
    Site(
        "webhook_items",
        "webhook",
        _store(),
        "/items$",
        _items,
        _listed("items", "key"),
        *_FOLLOW_UP,
        object=STORE,
    ),
)
