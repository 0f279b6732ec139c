"""The faults of the suite: one row for each, with the sites at which it can happen.

A row says what goes wrong, for how long, and what mends it. ``spares`` is how many writes get
through before it: with one of them, it happens in the middle of a delivery.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from e2e_box import KEYS
from fault_place import VALUE, id_of, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fault_place import FaultPlace
    from fault_sites import Site

ALL = frozenset({"salesforce", "hubspot", "braze", "webhook"})
FOR_EVER = 1_000
# What may come of it: everything arrives, something is missing and told, or the vendor lies.
Effect = Literal["arrives", "told", "hidden"]
LOST = 2


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; ``effect`` is the best that a delivery can make of it."""

    name: str
    effect: Effect
    kind: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    vendors: frozenset[str] = ALL
    times: int = 1
    spares: int = 1
    act: Callable[[FaultPlace, Site], object] | None = None
    mend: Callable[[FaultPlace, Site], object] | None = None
    only: Callable[[Site], bool] = lambda _site: True
    read_s: float | None = None

    def fits(self, site: Site) -> bool:
        is_asked = not site.only or self.name in site.only
        return is_asked and site.vendor in self.vendors and self.only(site)

    def begin(self, place: FaultPlace, site: Site) -> None:
        """Let it go wrong, from now on."""
        if self.act is not None:
            self.act(place, site)
            return
        timing = {"times": self.times, "after": self.spares}
        place.box.fault(site.vendor, self.kind, **site.hit, **timing, **self.options)

    def end(self, place: FaultPlace, site: Site) -> None:
        """Let somebody mend it."""
        place.box.own("DELETE", "faults")
        if self.mend is not None:
            self.mend(place, site)


def _on_object(kind: str, name: str) -> Callable[[FaultPlace, Site], None]:
    """Let an admin change one of the site's fields."""

    def act(place: FaultPlace, site: Site) -> None:
        value = {"value": VALUE} if kind == "picklist_value_removed" else {}
        field_name = getattr(site, name)
        place.box.fault(site.vendor, kind, object=site.object, field=field_name, **value)

    return act


def _restore(place: FaultPlace, site: Site) -> None:
    place.box.fault(site.vendor, "set_up_restored")


def _add_double(place: FaultPlace, _site: Site) -> None:
    made = {"Name": "A second company", KEYS["salesforce"]: key_of(2)}
    place.box.call("salesforce", "POST", "/sobjects/Account", json=made)


def _remove_double(place: FaultPlace, _site: Site) -> None:
    soql = f"SELECT Id FROM Account WHERE {KEYS['salesforce']} = '{key_of(2)}'"
    found = place.box.call("salesforce", "GET", "/query", params={"q": soql})["records"]
    (double,) = {row["Id"] for row in found} - {id_of("salesforce", 2)}
    place.box.call("salesforce", "DELETE", f"/sobjects/Account/{double}")


def _daily_limit(place: FaultPlace, site: Site) -> None:
    """Leave just enough of the day's requests for one write."""
    used = len([r for r in place.box.requests(site.vendor) if "oauth2" not in r["path"]])
    place.box.own("POST", "limits", json={"vendor": site.vendor, "daily_requests": used + 4})


def _raise_limit(place: FaultPlace, site: Site) -> None:
    place.box.own("POST", "limits", json={"vendor": site.vendor, "daily_requests": 1_000_000})


def _has_fields(site: Site) -> bool:
    return site.has_fields


def _by_job(site: Site) -> bool:
    return site.by_job


SF, HS, BZ, WH = (frozenset({name}) for name in ("salesforce", "hubspot", "braze", "webhook"))

FAULTS: tuple[Fault, ...] = (
    # A throttle in each vendor's shape: short ones are waited out, long ones end the run.
    Fault("throttled_10s", "arrives", "rate_limited", vendors=HS),
    Fault("throttled_1s", "arrives", "rate_limited", {"policy": "SECONDLY"}, HS),
    Fault("throttled_for_ever", "told", "rate_limited", vendors=HS | BZ | WH, times=FOR_EVER),
    Fault("throttled_day", "told", "rate_limited", {"policy": "DAILY"}, HS, FOR_EVER),
    Fault("throttled_window", "arrives", "rate_limited", vendors=BZ),
    Fault("throttled_retry_after", "arrives", "rate_limited", {"seconds": 7}, WH),
    Fault("throttled_by_proxy", "arrives", "html_error", {"status": 429}, HS | BZ | WH),
    Fault("request_limit_403", "told", "request_limit", vendors=SF, times=FOR_EVER),
    Fault("request_limit_429", "told", "html_error", {"status": 429}, SF, FOR_EVER),
    Fault("daily_limit", "told", vendors=SF | HS, act=_daily_limit, mend=_raise_limit),
    # Credentials and permission, in the middle.
    Fault("session_expired", "arrives", "unauthorized", vendors=SF),
    Fault("token_refused", "told", "unauthorized", times=FOR_EVER),
    Fault("no_permission", "told", "forbidden", vendors=SF | BZ | WH, times=FOR_EVER),
    Fault("no_scope", "told", "missing_scopes", vendors=HS, times=FOR_EVER),
    # The vendor is busy, moving or broken.
    Fault("locked_423", "arrives", "locked", vendors=HS),
    Fault("locked_423_for_ever", "told", "locked", vendors=HS, times=FOR_EVER),
    Fault("migrating_477", "arrives", "migrating", {"seconds": 9}, HS),
    Fault("row_locked", "arrives", "locked_row", vendors=SF),
    Fault("row_locked_for_ever", "told", "locked_row", vendors=SF, times=FOR_EVER),
    Fault("unavailable_503", "arrives", "unavailable", vendors=SF | WH),
    Fault("equal_batch_409", "arrives", "busy", vendors=WH),
    Fault("equal_batch_409_for_ever", "told", "busy", vendors=WH, times=FOR_EVER),
    Fault("bad_request_400", "told", "bad_request", vendors=WH, times=FOR_EVER),
    Fault("maintenance_202", "told", "maintenance", vendors=BZ, times=FOR_EVER),
    Fault("html_500_once", "arrives", "html_error", {"status": 500}),
    Fault("html_503_for_ever", "told", "html_error", {"status": 503}, times=FOR_EVER),
    Fault("json_500_for_ever", "told", "server_error", times=FOR_EVER),
    Fault("too_large_413", "told", "html_error", {"status": 413}, times=FOR_EVER),
    # The answer is lost or spoilt; the write was applied, or was not.
    Fault("empty_body", "told", "empty_body"),
    Fault("truncated_json", "told", "truncated_json"),
    Fault("slow", "told", "slow", {"seconds": 0.5}, read_s=0.25),
    Fault("cut_before", "arrives", "cut_before"),
    Fault("cut_before_for_ever", "told", "cut_before", times=FOR_EVER),
    Fault("cut_after", "arrives", "cut_after"),
    Fault("cut_after_for_ever", "told", "cut_after", times=FOR_EVER),
    Fault("dead_from_the_start", "told", "cut_before", times=FOR_EVER, spares=0),
    # A job that ends without all of its rows, or takes longer than anybody waits.
    Fault("job_failed", "told", "job_failed", {"processed": 1}, SF, only=_by_job),
    Fault("job_stopped", "told", "job_aborted", {"processed": 1}, SF, only=_by_job),
    Fault("job_stuck", "told", "job_stuck", vendors=SF, only=_by_job),
    # Single records.
    Fault("records_refused", "told", "refuse_records", {"count": LOST}),
    Fault("records_dropped", "hidden", "drop_records", {"count": LOST}),
    Fault(
        "two_records_of_one_key",
        "told",
        vendors=SF,
        act=_add_double,
        mend=_remove_double,
        only=lambda site: site.vendor == "salesforce" and bool(site.created),
    ),
    # An admin changes the set-up between plan and send.
    Fault("field_deleted", "told", act=_on_object("field_deleted", "text"), mend=_restore,
          only=_has_fields),
    Fault("field_read_only", "told", vendors=SF | HS | WH, mend=_restore, only=_has_fields,
          act=_on_object("field_read_only", "text")),
    Fault("option_removed", "told", vendors=SF | HS | WH, mend=_restore, only=_has_fields,
          act=_on_object("picklist_value_removed", "picklist")),
)  # fmt: skip
