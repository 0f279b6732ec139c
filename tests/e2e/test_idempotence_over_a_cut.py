"""Whatever happens to a request, the destination ends as after an undisturbed run.

Connections are cut before and after the write was applied, answers are throttled, replaced by
a page or cut short. A record's outcome may be unknown; it is never assumed and never doubled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from company import audience_dict
from e2e_box import KEYS, TEXT_FIELDS, record_id
from e2e_place import EVERY_CHANGE, add_up, body, mapping

from activation_pipeline.errors import RetryableError
from activation_pipeline.reconcile import reconcile

if TYPE_CHECKING:
    from e2e_place import Place

    from activation_pipeline.contract import Contract
    from activation_pipeline.report import Report

WRITES = "composite/sobjects|batch/(upsert|create|update)|memberships"
OLD, NEW = range(1, 8), range(8, 13)
# What happens to a write from the second batch on; more times than a client has patience for.
CASES = [
    ("salesforce", "cut_before", {"times": 9}),
    ("salesforce", "cut_after", {"times": 9}),
    ("salesforce", "request_limit", {"times": 9}),
    ("salesforce", "truncated_json", {}),
    ("hubspot", "cut_after", {}),
    ("hubspot", "rate_limited", {"times": 9}),
    ("hubspot", "html_error", {"status": 500, "times": 9}),
    ("hubspot", "drop_records", {"count": 2}),
]


def new_records() -> dict[str, str]:
    """Candidates whose record is not there yet."""
    return {f"N{number}": f"not-there-{number}" for number in NEW}


def the_contract(place: Place, vendor: str, behavior: str) -> Contract:
    fields: dict[str, Any] = {TEXT_FIELDS[vendor]: {"from": "band", "on_edit": "overwrite"}}
    if vendor == "salesforce":  # an account cannot be made without its name
        fields["Name"] = {"from": "band", "on_edit": "overwrite"}
    return place.contract(body(vendor, mapping(vendor, behavior=behavior, fields=fields)))


def state(place: Place, vendor: str) -> list[tuple[Any, Any]]:
    """List every record's key and text, repeats included."""
    keys = place.box.stored(vendor, KEYS[vendor])
    texts = place.box.stored(vendor, TEXT_FIELDS[vendor])
    return sorted((keys[one] or "", texts[one] or "") for one in keys)


def send_disturbed(place: Place, contract: Contract) -> Report | None:
    """Deliver while something goes wrong; None where the delivery stopped with an error."""
    try:
        return place.send(contract)
    except RetryableError:
        return None


def identities_catch_up(place: Place, vendor: str) -> None:
    """Let the warehouse learn the ids of the records that were created."""
    ids = place.box.stored(vendor, KEYS[vendor]).items()
    place.sql_each("update identity set destination_id = ? where key = ?", ids)


@pytest.mark.parametrize(("vendor", "kind", "options"), CASES, indirect=["vendor"])
def test_a_disturbed_delivery_ends_like_an_undisturbed_one(
    place: Place, vendor: str, kind: str, options: dict[str, Any]
) -> None:
    place.batch_size = 4
    place.add(vendor, OLD)
    place.add_keys(new_records())
    contract = the_contract(place, vendor, "upsert")
    place.plan(contract)
    place.box.fault(vendor, kind, path_regex=WRITES, after=1, **options)
    report = send_disturbed(place, contract)
    assert report is None or add_up(report)
    assert report is None or report.outcome == "delivered" or report.totals.unknown

    place.box.own("DELETE", "faults")
    again = place.send(contract)
    assert add_up(again)
    assert again.totals.rejected == again.totals.held == 0
    identities_catch_up(place, vendor)
    assert add_up(place.run(contract))
    expected = [(f"K{n}", "low") for n in OLD] + [("K8", ""), ("K9", "")]
    assert state(place, vendor) == sorted(expected + [(f"N{n}", "low") for n in NEW])
    settled = place.plan(contract).plan
    assert settled is not None
    assert settled.parts[0].rows == 0


def test_what_may_only_be_created_is_not_created_twice(place: Place, vendor: str) -> None:
    """A repeat of a create that was applied makes a second contact with the same name."""
    place.batch_size = 4
    place.add_keys(new_records())
    contract = the_contract(place, vendor, "create_only")
    place.plan(contract)
    place.box.fault(vendor, "cut_after", path_regex=WRITES)
    report = place.send(contract)
    assert add_up(report)
    assert report.totals.accepted == 5  # four of them are known only from reading back
    assert place.send(contract).totals == report.totals
    identities_catch_up(place, vendor)
    place.run(contract)
    found = [key for key, _ in state(place, vendor) if str(key).startswith("N")]
    assert found == sorted(f"N{n}" for n in NEW)


@pytest.mark.parametrize("vendor", ["salesforce"], indirect=True)
def test_a_record_that_was_lost_under_an_accepted_is_found_by_reading_back(
    place: Place, vendor: str
) -> None:
    """Salesforce answers in order and by place: an untrue success shows in no answer of it."""
    place.add(vendor, OLD)
    contract = place.contract(body(vendor))
    place.plan(contract)
    place.box.fault(vendor, "drop_records", path_regex=WRITES, count=2)
    assert place.send(contract).outcome == "delivered"
    with place.runtime() as runtime:
        found = reconcile(contract, vendor, runtime, clock=place.clock)
    assert found.counts == {"agrees": 5, "differs": 2}


@pytest.mark.parametrize("vendor", ["hubspot"], indirect=True)
@pytest.mark.parametrize("kind", ["cut_after", "html_error"])
def test_a_lists_members_are_the_same_after_a_disturbed_delivery(
    place: Place, vendor: str, kind: str
) -> None:
    place.batch_size = 3
    mapped = audience_dict()["destinations"]["crm"]
    contract = place.contract(audience_dict(destinations={"hubspot": mapped}, gates=EVERY_CHANGE))
    place.add(vendor, OLD)
    place.run(contract)
    place.opt_out(1, 2)
    place.add(vendor, [8, 9])
    place.plan(contract)
    place.box.fault(vendor, kind, path_regex="memberships/", times=5)
    send_disturbed(place, contract)
    place.box.own("DELETE", "faults")
    assert add_up(place.send(contract))
    place.run(contract)
    assert place.box.members() == {record_id(vendor, n) for n in (3, 4, 5, 6, 7, 8, 9)}
    assert place.run(contract).rows == 0
