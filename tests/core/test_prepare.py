"""From the warehouse to a judged plan: faults of destinations, caps, feeds, two systems at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from company import Company, MemoryDestination, contract_dict
from desk import build, go, plan, received, result, send, sign, stock

from activation_pipeline.destinations import MappingFault
from activation_pipeline.errors import ActivationError, PermanentError, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import Target

EVERYTHING = [{"change_volume": {"add": 1.0, "update": 1.0, "clear": 1.0, "since_review": 1.0}}]


@dataclass
class Unfit(MemoryDestination):
    """A destination that finds fault with the mapping, or gives no answer at all."""

    faults: Sequence[MappingFault] = ()
    error: ActivationError | None = None

    def check(self, target: Target) -> tuple[MappingFault, ...]:  # type: ignore[override] # faults
        assert target.object == "Account"
        if self.error is not None:
            raise self.error
        return tuple(self.faults)


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        (
            Unfit(faults=[MappingFault("Band__c", "is not writable")]),
            "crm: Band__c: is not writable",
        ),
        (Unfit(error=PermanentError("crm: no permission")), "crm: crm: no permission"),
    ],
)
def test_a_destination_that_cannot_take_the_mapping_blocks_the_plan(
    company: Company, destination: Unfit, told: str
) -> None:
    company.destination = destination
    stock(company, "A")
    found = result(plan(company, build(company)), "destination_ready")
    assert (found.stops, found.message) == (True, told)


def mapped(company: Company, **field: Any) -> Contract:
    body = contract_dict()["destinations"]["crm"]
    body["fields"]["Band__c"] |= field
    return build(company, destinations={"crm": body}, gates=EVERYTHING)


@pytest.mark.parametrize(
    ("on_null", "operations", "after"),
    [("preserve", {}, "low"), ("clear", {"clear": 1}, None), ("flag", {}, "low")],
)
def test_an_empty_value_keeps_clears_or_waits_as_the_contract_says(
    company: Company, on_null: str, operations: dict[str, int], after: str | None
) -> None:
    stock(company, "AB")
    contract = mapped(company, on_null=on_null)
    go(company, contract)
    company.sql("update mart set band = null where id = 'A'")
    found = plan(company, contract)
    assert found.plan is not None
    assert found.plan.part("crm").operations == operations
    waiting = {"review": 1} if on_null == "flag" else {}
    assert {k: n for k, n in found.measures["dispositions"].items() if k != "eligible"} == waiting
    send(company, contract)
    assert company.destination.records["R-A"] == {"Band__c": after}


def test_a_field_that_was_never_filled_is_not_written_empty_unless_it_clears(
    company: Company,
) -> None:
    stock(company, "A")
    company.sql("update mart set band = null")
    assert go(company, mapped(company, on_null="preserve")).rows == 0
    assert go(company, mapped(company, on_null="clear")).rows == 1
    assert company.destination.records == {"R-A": {"Band__c": None}}


def test_a_new_date_alone_is_a_refresh_and_no_update(company: Company) -> None:
    stock(company, "AB")
    body = contract_dict()["destinations"]["crm"]
    body["fields"]["Scored__c"] = {"from": "scored_at", "on_edit": "overwrite"}
    contract = build(
        company, destinations={"crm": body}, gates=[{"change_volume": {"update": 0.5}}]
    )
    go(company, contract)
    company.sql(
        "update mart set scored_at = scored_at + interval 1 minute",
        "update mart set band = 'high' where id = 'B'",
    )
    found = plan(company, contract)
    assert found.plan is not None
    assert found.plan.part("crm").operations == {"refresh": 1, "update": 1}
    assert found.decision == "launch"


def test_a_share_of_the_eligible_is_let_in_and_no_more_by_and_by(company: Company) -> None:
    stock(company, "ABCDEFGHIJ")
    launch = {"decision": "launch_with_caveats", "caveats": {"share": 0.25}}
    contract = build(company, launch=launch)
    for _ in range(2):
        go(company, contract)
    assert received(company) == ["A", "B"]
    found = plan(company, contract)
    assert found.plan is not None
    assert found.plan.part("crm").withheld == {"caveat": 8}
    company.sql("update mart set band = 'high'")
    assert go(company, contract).rows == 2, "who is in is kept up to date"


def test_only_the_low_risk_fields_of_the_caveats_are_written(company: Company) -> None:
    stock(company, "A")
    body = contract_dict()["destinations"]["crm"]
    body["fields"]["Scored__c"] = {"from": "scored_at", "on_edit": "overwrite"}
    launch = {"decision": "launch_with_caveats", "caveats": {"fields": ["Band__c"]}}
    go(company, build(company, destinations={"crm": body}, launch=launch))
    assert company.destination.records == {"R-A": {"Band__c": "low"}}


def two_systems(company: Company) -> Contract:
    one = contract_dict()["destinations"]["crm"]
    body = {"crm": one, "mail": {**one, "fields": {"Band__c": {"from": "mail_band"}}}}
    return build(
        company,
        destinations=body,
        gates=[{"null_rate": {"field": "Band__c", "at_most": 0.4}}],
        matching={"identity": {"crm": "identity", "mail": "identity"}, "rules": ["billing_id"]},
    )


def test_one_decision_goes_to_two_systems_or_to_none(company: Company) -> None:
    stock(company, "AB")
    company.sql("alter table mart add column mail_band varchar", "update mart set mail_band = 'x'")
    contract = two_systems(company)
    found = sign(company, contract, plan(company, contract))
    assert found.plan is not None
    assert [part.destination for part in found.plan.parts] == ["crm", "mail"]
    assert send(company, contract, "crm").plan == send(company, contract, "mail").plan
    assert received(company) == ["A", "B", "A", "B"]


def test_a_field_of_the_same_name_in_two_systems_is_empty_where_either_is(
    company: Company,
) -> None:
    """The second system's values must not hide that the first one's are missing."""
    stock(company, "AB")
    company.sql("alter table mart add column mail_band varchar", "update mart set mail_band = 'x'")
    company.sql("update mart set band = null")
    found = result(plan(company, two_systems(company)), "null_rate")
    assert (found.passed, found.message) == (False, "Band__c: all 2 are empty")


def test_a_holdout_is_held_out_and_an_undrawn_key_is_no_candidate(company: Company) -> None:
    stock(company, "ABC")
    company.sql("insert into holdout_h values ('A', 0.04), ('B', 0.05)")
    lists = contract_dict()["suppression"]["models"]
    holdout = {"models": lists, "holdout": {"share": 0.05, "name": "h"}}
    found = plan(company, build(company, suppression=holdout))
    assert found.measures["dispositions"] == {"eligible": 1, "holdout": 1, "invalid": 1}
    assert found.measures["reasons"] == {"holdout_h": 1, "no_holdout_draw": 1}


def test_an_event_beyond_all_calendars_is_in_the_future_and_blocks(company: Company) -> None:
    stock(company, "AB")
    for moment in ("timestamp '10000-01-01'", "timestamp 'infinity'"):
        company.sql("update mart set scored_at = " + moment + " where id = 'A'")
        found = plan(company, build(company))
        assert found.measures["dispositions"] == {"eligible": 1, "invalid": 1}
        assert result(found, "freshness").stops
        assert "in the future" in result(found, "freshness").message


def test_an_empty_source_blocks_and_plans_nothing(company: Company) -> None:
    found = plan(company, build(company))
    assert found.plan is not None
    assert found.plan.part("crm").rows == 0
    assert {"freshness", "grain_unique"} <= {r.gate for r in found.results if r.stops}
    assert found.measures["dispositions"] == {}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("drop table suppress_a", "suppress_a"),
        ("alter table mart drop column band", "band"),
        ("alter table identity drop column destination_id", "destination_id"),
    ],
)
def test_a_model_that_is_gone_or_lost_a_column_is_named_and_nothing_is_planned(
    company: Company, change: str, told: str
) -> None:
    stock(company, "A")
    contract = build(company)
    company.sql(change)
    with pytest.raises(WarehouseError, match=told):
        plan(company, contract)
    with company.runtime() as runtime:
        stored = runtime.ledger.newest(contract.name)
    assert stored is not None
    assert (stored.plan, stored.decision, told in stored.message) == (None, "pause", True)


def test_a_column_that_changed_its_type_is_compared_in_its_new_one(company: Company) -> None:
    stock(company, "AB", band="7")
    contract = mapped(company)
    go(company, contract)
    company.sql("alter table mart alter band type integer")
    assert plan(company, contract).decision == "launch"
    assert send(company, contract).rows == 0
    company.sql("update mart set band = 8 where id = 'A'")
    go(company, contract)
    assert company.destination.records["R-A"] == {"Band__c": 8}


def test_a_field_that_joins_the_mapping_is_written_once(company: Company) -> None:
    stock(company, "A")
    go(company, mapped(company))
    body = contract_dict()["destinations"]["crm"]
    body["fields"]["Key__c"] = {"from": "id", "on_edit": "overwrite"}
    contract = build(company, destinations={"crm": body}, gates=EVERYTHING)
    go(company, contract)
    assert company.destination.records == {"R-A": {"Band__c": "low", "Key__c": "A"}}
    assert plan(company, contract).decision == "launch"
    assert send(company, contract).rows == 0


def test_a_list_is_read_key_by_key_however_often_it_names_one(company: Company) -> None:
    """A join that multiplies would send the same person twice."""
    stock(company, "AB")
    company.sql("insert into suppress_a select 'A', 'reason ' || n, null from range(5) t(n)")
    found = plan(company, build(company))
    assert found.measures["dispositions"] == {"eligible": 1, "suppressed": 1}
    assert found.measures["lists"]["suppress_a"] == {"rows": 5, "null_keys": 0}


def test_an_empty_or_missing_key_on_a_list_blocks_and_suppresses_nobody_else(
    company: Company,
) -> None:
    stock(company, "AB")
    company.sql("insert into suppress_a values (null, 'x', null), ('', 'x', null)")
    found = plan(company, build(company))
    assert found.measures["dispositions"] == {"eligible": 2}
    assert "suppress_a has 2 rows without a key" in result(found, "suppression_ready").message


def test_all_gate_results_and_the_message_carry_counts_and_no_value(company: Company) -> None:
    company.sql(
        "insert into mart values ('A', 'very-private', timestamp '2026-11-20 08:00')",
        "insert into suppress_a values (null, 'very-private', null)",
    )
    found = plan(company, build(company))
    assert "very-private" not in repr(found)
