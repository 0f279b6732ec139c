"""What can be made to go wrong, as a table: one line for each kind.

A fault waits for a request of its vendor (and path), lets ``after`` of them through, then hits
``times`` of them; ``times`` null means until it is cleared. The kinds that change the set-up of a
destination act at once and stay until ``set_up_restored`` or a reset.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from activation_pipeline.sandbox.catalogue import SetupError, VendorOrg
from activation_pipeline.sandbox.wire import Answer, Call, Drop, Effect, Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from activation_pipeline.sandbox.store import Store

_HTML = (
    b"<html><head><title>Service Unavailable</title></head>"
    b"<body><h1>Service Unavailable</h1><p>The server is temporarily unable.</p></body></html>"
)


class Fault(BaseModel):
    """One fault as it is asked for; further keys are the kind's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    vendor: str
    kind: str
    path_regex: str = ""
    method: str = ""
    times: int | None = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)

    @property
    def options(self) -> Mapping[str, Any]:
        """The keys that only this kind has."""
        return self.model_extra or {}


@dataclass(frozen=True)
class Plan:
    """What one fault does to one request."""

    kind: str
    delay_s: float = 0
    instead: Answer | None = None
    drop: Drop = field(default_factory=Drop)
    refuse: Drop = field(default_factory=Drop)
    effect: Effect | None = None
    spoil: Callable[[Answer], Answer] | None = None


def _html_error(options: Mapping[str, Any]) -> Plan:
    status = int(options.get("status", 503))
    return Plan("html_error", instead=Answer(status, _HTML, {"content-type": "text/html"}))


def _cut_before(_options: Mapping[str, Any]) -> Plan:
    return Plan("cut_before", instead=Answer(0, cut=True))


def _cut_after(_options: Mapping[str, Any]) -> Plan:
    return Plan("cut_after", spoil=lambda answer: replace(answer, cut=True))


def _empty_body(_options: Mapping[str, Any]) -> Plan:
    return Plan("empty_body", spoil=lambda answer: replace(answer, body=b""))


def _truncated_json(_options: Mapping[str, Any]) -> Plan:
    return Plan(
        "truncated_json",
        spoil=lambda answer: replace(answer, body=answer.body[: len(answer.body) // 2]),
    )


def _slow(options: Mapping[str, Any]) -> Plan:
    return Plan("slow", delay_s=float(options.get("seconds", 1)))


def _drop_records(options: Mapping[str, Any]) -> Plan:
    return Plan("drop_records", drop=_named_records(options))


def _refuse_records(options: Mapping[str, Any]) -> Plan:
    return Plan("refuse_records", refuse=_named_records(options))


def _named_records(options: Mapping[str, Any]) -> Drop:
    keys = frozenset(str(key) for key in options.get("keys", []))
    return Drop(int(options.get("count", 0 if keys else 1)), keys)


# Every vendor has these; a vendor's own refusals are in its ``fault_answers``.
KINDS: Mapping[str, Callable[[Mapping[str, Any]], Plan]] = {
    "html_error": _html_error,
    "cut_before": _cut_before,
    "cut_after": _cut_after,
    "empty_body": _empty_body,
    "truncated_json": _truncated_json,
    "slow": _slow,
    "drop_records": _drop_records,
    "refuse_records": _refuse_records,
}


def _read_only(org: VendorOrg, options: Mapping[str, Any]) -> VendorOrg:
    return org.with_field(options["object"], options["field"], createable=False, updateable=False)


def _deleted(org: VendorOrg, options: Mapping[str, Any]) -> VendorOrg:
    return org.with_field(options["object"], options["field"])


def _picklist_value_removed(org: VendorOrg, options: Mapping[str, Any]) -> VendorOrg:
    spec = org.find(options["object"])
    known = spec.field(options["field"]) if spec else None
    kept = tuple(o for o in (known.options if known else ()) if o.value != options["value"])
    return org.with_field(options["object"], options["field"], options=kept)


# Takes every edit of one vendor's set-up back, and needs no further key.
_RESTORED = "set_up_restored"

# What an admin does to the set-up while nobody looks.
EDITS: Mapping[str, Callable[[VendorOrg, Mapping[str, Any]], VendorOrg]] = {
    "field_read_only": _read_only,
    "field_deleted": _deleted,
    "picklist_value_removed": _picklist_value_removed,
}


class Faults:
    """The faults that wait, and the edits that were made to the set-up."""

    def __init__(
        self, store: Store, vendors: Mapping[str, Vendor], org: Mapping[str, VendorOrg]
    ) -> None:
        """Keep them in a sandbox's state."""
        self._store = store
        self._vendors = vendors
        self._org = org
        self._edited: tuple[Any, dict[str, VendorOrg]] | None = None
        self.cleared = asyncio.Event()

    def add(self, fault: Fault, now: datetime) -> None:
        """Let a fault wait, or change the set-up at once.

        Raises:
            SetupError: no such vendor, kind, object or field; the message lists what there is.
        """
        vendor = self._vendors.get(fault.vendor)
        if vendor is None:
            raise SetupError(f"faults: no vendor {fault.vendor}; one of {sorted(self._vendors)}")
        if fault.kind in {*EDITS, _RESTORED}:
            self._edit(fault, now)
            return
        known = {*KINDS, *EDITS, _RESTORED, *vendor.fault_answers, *vendor.effects}
        if fault.kind not in known:
            raise SetupError(f"faults: {fault.vendor} has no {fault.kind}; one of {sorted(known)}")
        try:
            re.compile(fault.path_regex)
        except re.error as error:
            raise SetupError(f"faults: path_regex {fault.path_regex}: {error}") from error
        self._store.run(
            "INSERT INTO fault (vendor, body, let_through, times_left) VALUES (?,?,?,?)",
            fault.vendor,
            fault.model_dump_json(),
            fault.after,
            fault.times,
        )

    def org(self, vendor: str) -> VendorOrg:
        """Return a vendor's set-up as it is now."""
        edits = self._store.setting("org_edits", [])
        if self._edited is None or self._edited[0] != edits:
            org = dict(self._org)
            for edit in edits:
                fault = Fault.model_validate(edit)
                org[fault.vendor] = EDITS[fault.kind](org[fault.vendor], fault.options)
            self._edited = (edits, org)
        return self._edited[1][vendor]

    def waiting(self) -> list[dict[str, Any]]:
        """Return the faults that have hits left, oldest first."""
        rows = self._store.rows("SELECT body, let_through, times_left FROM fault ORDER BY id")
        return [
            {**orjson.loads(body), "after": after, "times": times} for body, after, times in rows
        ]

    def clear(self) -> None:
        """Drop every waiting fault, and let what is held up go on; edits of the set-up stay."""
        self.cleared.set()
        self.cleared = asyncio.Event()
        self._store.clear("fault")

    def take(self, call: Call, vendor: Vendor) -> Plan | None:
        """Return what the first matching fault does to this call, and count the hit."""
        rows = self._store.rows(
            "SELECT id, body, let_through, times_left FROM fault WHERE vendor=? ORDER BY id",
            vendor.name,
        )
        for number, body, let_through, times_left in rows:
            fault = Fault.model_validate_json(body)
            if fault.method not in ("", call.method) or not re.search(fault.path_regex, call.path):
                continue
            if let_through > 0:
                self._store.run("UPDATE fault SET let_through=let_through-1 WHERE id=?", number)
                continue
            self._spend(number, times_left)
            return self._plan(fault, vendor, call)
        return None

    def _plan(self, fault: Fault, vendor: Vendor, call: Call) -> Plan:
        if fault.kind in vendor.fault_answers:
            refusal = vendor.fault_answers[fault.kind](fault.options)
            return Plan(fault.kind, instead=vendor.envelope(refusal, call))
        if fault.kind in vendor.effects:
            return Plan(fault.kind, effect=Effect(fault.kind, fault.options))
        return KINDS[fault.kind](fault.options)

    def _spend(self, number: int, times_left: int | None) -> None:
        if times_left is not None and times_left <= 1:
            self._store.run("DELETE FROM fault WHERE id=?", number)
        else:
            self._store.run("UPDATE fault SET times_left=times_left-1 WHERE id=?", number)

    def _edit(self, fault: Fault, now: datetime) -> None:
        edits = self._store.setting("org_edits", [])
        if fault.kind == _RESTORED:
            edits = [one for one in edits if one["vendor"] != fault.vendor]
        else:
            try:
                EDITS[fault.kind](self.org(fault.vendor), fault.options)
            except KeyError as error:
                raise SetupError(f"faults: {fault.kind} needs {error}; add it") from error
            edits = [*edits, fault.model_dump()]
        self._store.keep("org_edits", edits)
        # HTTP dates have whole seconds: a change must be later than any that was answered before.
        before = datetime.fromisoformat(self._store.setting("org_changed_at", now.isoformat()))
        self._store.keep("org_changed_at", (max(before, now) + timedelta(seconds=1)).isoformat())
