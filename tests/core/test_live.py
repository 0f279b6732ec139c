"""When a destination's value is ours, and when somebody else's edit stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from company import MemoryDestination
from desk import build, go, plan, send, stock

from activation_pipeline.destinations import LiveRecord
from activation_pipeline.live import agrees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import Address, Target

EVERYTHING = [{"change_volume": {"add": 1.0, "update": 1.0}}]
MOMENT = datetime(2026, 11, 20, 8, 0, 0, 123_000, tzinfo=UTC).replace(tzinfo=None)
SAME = [
    (None, None), (None, ""), ("", None),
    ("low", "low"), ("=cmd()", "=cmd()"),
    (True, True), (True, "true"), (False, "FALSE"),
    (1, 1), (1, "1"), (1, 1.0), (1.5, "1.50"), (Decimal("1.10"), 1.1), (2**53 + 1, str(2**53 + 1)),
    (0.1, 0.1), (1e300, "1E+300"),
    (MOMENT, "2026-11-20T08:00:00.123+0000"), (MOMENT, "2026-11-20T08:00:00.123Z"),
    (MOMENT, 1_795_161_600_123), (MOMENT, "1795161600123"),
    (MOMENT, MOMENT), (MOMENT.replace(tzinfo=UTC), "2026-11-20T10:00:00.123+02:00"),
    (MOMENT.replace(microsecond=123_456), "2026-11-20T08:00:00.123Z"),
    (MOMENT.astimezone(timezone(timedelta(hours=2))), MOMENT.astimezone(UTC).isoformat()),
    (MOMENT.date(), "2026-11-20"),
]  # fmt: skip
OTHER = [
    ("low", "Low"), ("low", "low "), ("low", None), (None, "low"), ("1", "1.0"),
    (True, 1), (True, "yes"), (True, False), (False, None),
    (0, None), (0, ""), (1, 2), (1, "one"), (2**53 + 1, 2**53), (0.1, 0.100001),
    (MOMENT, "2026-11-20T08:00:00.124Z"), (MOMENT, "yesterday"), (MOMENT, None),
    (MOMENT, "9" * 30), (MOMENT, "2026-13-01"), (MOMENT, True),
    (MOMENT.date(), "2026-11-21"),
]  # fmt: skip


@pytest.mark.parametrize(("ours", "live"), SAME, ids=str)
def test_a_value_in_the_vendors_spelling_is_still_ours(ours: Any, live: Any) -> None:
    assert agrees(ours, live)


@pytest.mark.parametrize(("ours", "live"), OTHER, ids=str)
def test_another_value_is_never_taken_for_ours(ours: Any, live: Any) -> None:
    """A person's edit that passes for our own value would be overwritten."""
    assert not agrees(ours, live)


@dataclass
class Edited(MemoryDestination):
    """A destination that tells when people edited, and may find none or several records."""

    edited_at: dict[str, datetime] = field(default_factory=dict)
    found: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        records = super().read(target, addresses, fields)
        return tuple(
            LiveRecord(
                r.key,
                ids := self.found.get(r.key, r.ids),
                r.values if len(ids) == 1 else {},
                self.edited_at,
            )
            for r in records
        )


def delivered(company: Company, on_edit: str, behavior: str = "update_only") -> Contract:
    """A contract that delivered band low to A and B; the source now says high."""
    company.destination = Edited()
    stock(company, "AB")
    contract = with_policy(company, on_edit, behavior)
    go(company, contract)
    company.sql("update mart set band = 'high'")
    company.destination.received.clear()
    return contract


def with_policy(company: Company, on_edit: str, behavior: str = "update_only") -> Contract:
    body = build(company).destinations["crm"].model_dump(by_alias=True)
    body["behavior"] = behavior
    body["fields"]["Band__c"]["on_edit"] = on_edit
    return build(company, destinations={"crm": body}, gates=EVERYTHING)


def test_an_edit_stands_as_long_as_the_contract_says(company: Company) -> None:
    policies = {
        "Overwrite": ("overwrite", 1, "high"),
        "Keep": ("keep", 9999, "by hand"),
        "At_the_limit": ("keep 24h", 24, "by hand"),
        "Beyond": ("keep 24h", 25, "high"),
        "Nobody_knows_when": ("keep 24h", None, "by hand"),
    }
    company.destination = Edited()
    stock(company, "AB")
    body = build(company).destinations["crm"].model_dump(by_alias=True)
    body["fields"] = {name: {"from": "band", "on_edit": p[0]} for name, p in policies.items()}
    clear = {"on_expiry": {"Keep": "clear"}}
    freshness = build(company).freshness.model_dump(mode="json") | clear
    contract = build(company, destinations={"crm": body}, freshness=freshness, gates=EVERYTHING)
    go(company, contract)
    company.sql("update mart set band = 'high'")
    company.destination.edited_at = {
        name: company.now - timedelta(hours=hours)
        for name, (_, hours, _) in policies.items()
        if hours is not None
    }
    company.destination.records["R-A"] = dict.fromkeys(policies, "by hand")
    go(company, contract)
    assert company.destination.records["R-A"] == {n: p[2] for n, p in policies.items()}
    assert set(company.destination.records["R-B"].values()) == {"high"}


@pytest.mark.parametrize(("on_edit", "reason"), [("keep", "edit_kept"), ("flag", "edited:Band__c")])
def test_a_record_that_keeps_everything_is_withheld_and_says_why(
    company: Company, on_edit: str, reason: str
) -> None:
    contract = delivered(company, on_edit)
    company.destination.records["R-A"]["Band__c"] = "by hand"
    found = plan(company, contract)
    assert found.plan is not None
    assert found.plan.part("crm").withheld == {reason: 1}
    send(company, contract)
    assert company.destination.records == {
        "R-A": {"Band__c": "by hand"},
        "R-B": {"Band__c": "high"},
    }


def test_somebody_who_typed_our_new_value_is_not_asked_to_keep_it(company: Company) -> None:
    contract = delivered(company, "flag")
    company.destination.records["R-A"]["Band__c"] = "high"
    found = plan(company, contract)
    assert found.plan is not None
    assert (found.plan.part("crm").rows, found.plan.part("crm").withheld) == (2, {})


NONE, TWO, OTHER_ONE = (), ("R-A", "R-A2"), ("R-A2",)


@pytest.mark.parametrize(
    ("behavior", "found", "withheld"),
    [
        ("update_only", [NONE, TWO, OTHER_ONE], ["not_in", "ambiguous_in", "other_record_in"]),
        ("upsert", [NONE, TWO], [None, "ambiguous_in"]),
        ("create_only", [NONE, ("R-C",)], [None, "already_in"]),
    ],
)
def test_a_record_that_is_not_there_exactly_once_is_written_only_where_that_is_meant(
    company: Company, behavior: str, found: list[tuple[str, ...]], withheld: list[str | None]
) -> None:
    """Two records for one account: updating one of them at random is worse than none."""
    keys = "BCD"[: len(found)]
    company.destination = Edited(found=dict(zip(keys, found, strict=True)))
    stock(company, keys)
    made = plan(company, with_policy(company, "overwrite", behavior))
    assert made.plan is not None
    part = made.plan.part("crm")
    assert part.withheld == {f"{why}_destination": 1 for why in withheld if why}
    assert part.rows == withheld.count(None)
