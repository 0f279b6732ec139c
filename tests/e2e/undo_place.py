"""What tests of undoing do with a place: deliver typed values over what stood, then undo."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from e2e_place import body, mapping

from activation_pipeline.rollback import Request, rollback

if TYPE_CHECKING:
    from e2e_place import Place

    from activation_pipeline.contract import Contract
    from activation_pipeline.rollback.report import RolledBack

WHY = Request(by="a test", reason="wrong bands", incident_class="destination_logic")
# A column of the warehouse, its type and the value of each candidate.
COLUMNS = {
    "amount": ("decimal(12, 2)", "1234.5"),
    "seats": ("integer", "7"),
    "is_admin": ("boolean", "true"),
    "renews_on": ("date", "date '2027-01-31'"),
    "told_at": ("timestamp", "timestamp '2026-11-20 07:15:30.250'"),
    "summary": ("varchar", "'first line' || chr(10) || 'second, \"line\"'"),
}
FIELDS = {
    "salesforce": {
        "Churn_Risk_Band__c": "band",
        "Annual_Recurring_Revenue__c": "amount",
        "Risk_Last_Refreshed_At__c": "told_at",
        "Sales_Follow_Up_Reason__c": "summary",
    },
    "hubspot": {
        "follow_up_reason": "band",
        "product_seats": "seats",
        "is_product_admin": "is_admin",
        "contract_renewal_date": "renews_on",
        "follow_up_refreshed_at": "told_at",
        "follow_up_account": "summary",
    },
}
# What stood there before us.
BEFORE: dict[str, dict[str, object]] = {
    "salesforce": {
        "Churn_Risk_Band__c": "medium",
        "Annual_Recurring_Revenue__c": 99.25,
        "Risk_Last_Refreshed_At__c": "2026-10-01T12:00:00.000+0000",
        "Sales_Follow_Up_Reason__c": "seen by hand\nand again\n\ttwice",
    },
    "hubspot": {
        "follow_up_reason": "by hand: a, b; c",
        "product_seats": "12",
        "is_product_admin": "false",
        "contract_renewal_date": "2026-12-24",
        "follow_up_refreshed_at": "2026-10-01T12:00:00.000Z",
        "follow_up_account": "seen by hand\nand again\n\ttwice",
    },
}


def typed(place: Place, vendor: str, **changes: Any) -> Contract:
    """A contract that writes a value of every type; the warehouse has them."""
    added = "alter table mart add column if not exists {} {} default {}"
    place.sql("; ".join(added.format(name, *column) for name, column in COLUMNS.items()))
    fields = {
        name: {"from": source, "on_edit": "overwrite"} for name, source in FIELDS[vendor].items()
    }
    return place.contract(body(vendor, mapping(vendor, fields=fields), **changes))


def undo(place: Place, contract: Contract, **changes: Any) -> RolledBack:
    (destination,) = contract.destinations
    with place.runtime() as runtime:
        asked = replace(WHY, **changes)
        return rollback(contract, destination, runtime, asked, clock=place.clock)


def standing(place: Place, vendor: str) -> dict[str, dict[str, Any]]:
    """Read every mapped field of every record, in the vendor's own form; empty is empty."""
    found: dict[str, dict[str, Any]] = {}
    for name in FIELDS[vendor]:
        for identifier, value in place.box.stored(vendor, name).items():
            found.setdefault(identifier, {})[name] = None if value == "" else value
    return found
