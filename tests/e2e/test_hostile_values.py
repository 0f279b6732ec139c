"""A hostile value arrives unchanged, or its record stays with a reason in the ledger.

From a warehouse column through plan, signature and delivery to what the vendor's own API
tells. A value that was rounded, cut or trimmed on the way is worse than one that is missing.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW
from e2e_box import KEYS, OBJECTS, TEXT_FIELDS, record_id
from e2e_place import add_up, body, mapping
from hostile_values import CASES, Case

from activation_pipeline.contract import MappedField
from activation_pipeline.destinations import OutgoingRecord, Target
from activation_pipeline.loading import check_all
from activation_pipeline.reconcile import reconcile
from activation_pipeline.sandbox import find_vendors, load_org
from activation_pipeline.sandbox.catalogue import FieldSpec

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Opening
    from e2e_place import Place

    from activation_pipeline.ledger.deliveries import RecordOutcome
    from activation_pipeline.sandbox import Org

VENDORS = ("salesforce", "hubspot")
FIELDS = {
    "salesforce": {
        "text": "Long_Text__c",
        "number": "Annual_Recurring_Revenue__c",
        "moment": "Risk_Last_Refreshed_At__c",
        "day": "A_Day__c",
        "flag": "A_Flag__c",
    },
    "hubspot": {
        "text": "follow_up_reason",
        "number": "product_seats",
        "moment": "follow_up_refreshed_at",
        "day": "contract_renewal_date",
        "flag": "is_product_admin",
    },
}


def roomy_org() -> Org:
    """Add to Salesforce the kinds of fields that the demo does without."""
    org = dict(load_org(find_vendors()))
    account = org["salesforce"].find("Account")
    assert account is not None
    added = (
        FieldSpec(name="Long_Text__c", label="Long text", type="textarea", length=131_072),
        FieldSpec(name="A_Day__c", label="A day", type="date"),
        FieldSpec(name="A_Flag__c", label="A flag", type="boolean"),
    )
    wider = account.model_copy(update={"fields": (*account.fields, *added)})
    wider.__dict__.pop("_by_name", None)
    org["salesforce"] = org["salesforce"].model_copy(update={"objects": (wider,)})
    return org


def fill(place: Place, vendor: str, case: Case) -> dict[str, Any]:
    """Put every value of a case into the mart; give what the source holds, by key."""
    scored = (NOW - timedelta(hours=1)).replace(tzinfo=None)
    quoted = '"' + case.column + '"'
    place.company.sql(
        f"create or replace table mart (id varchar, {quoted} {case.kind}, scored_at timestamp)"
    )
    place.sql_each(
        "insert into mart values (?, ?, ?)",
        [[f"K{n}", value, scored] for n, value in enumerate(case.values, start=1)],
    )
    place.sql_each(
        "insert into identity values (?, ?, ?, 'billing_id', false)",
        [[f"K{n}", record_id(vendor, n), f"K{n}"] for n in range(1, len(case.values) + 1)],
    )
    return {f"K{n}": value for n, value in enumerate(case.values, start=1)}


def as_source(case: Case, value: Any) -> Any:
    """Read a moment or a day as Python does; None where Python has no such moment."""
    if case.field not in {"moment", "day"}:
        return value
    try:
        kind = datetime if case.field == "moment" else date
        return kind.fromisoformat(value)
    except ValueError:
        return None


@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.field}")
def test_a_hostile_value_arrives_unchanged_or_stays_with_a_reason(
    opening: Opening, vendor: str, case: Case
) -> None:
    keys = {n: f"K{n}" for n in range(1, len(case.values) + 1)}
    with opening({vendor: keys}, org=roomy_org()) as place:
        source = fill(place, vendor, case)
        field = FIELDS[vendor][case.field]
        mapped = mapping(vendor, fields={field: {"from": case.column, "on_edit": "overwrite"}})
        contract = place.contract(body(vendor, mapped))
        found = place.plan(contract)
        assert found.plan is not None
        report = place.send(contract)
        assert add_up(report)
        stored = place.box.stored(vendor, field)
        with place.runtime() as runtime:
            outcomes = runtime.ledger.deliveries.outcomes(found.plan.id, vendor)
            read = reconcile(contract, vendor, runtime, clock=place.clock)
        stayed = {one.key: one for one in outcomes if one.state != "accepted"}
        for number, key in keys.items():
            value, there = source[key], stored[record_id(vendor, number)]
            if key in stayed:
                assert has_reason(stayed[key])
                assert there in (None, "", False)
            else:
                assert case.same(as_source(case, value), there), (key, value, there)
        assert set(read.counts) <= {"agrees"}
        assert read.records == report.totals.accepted


def has_reason(outcome: RecordOutcome) -> bool:
    return outcome.state in {"held", "rejected"} and bool(outcome.code and outcome.message)


HOSTILE_KEYS = (
    "it's",
    'say "it"',
    "a/b/c",
    "../../etc",
    "two words",
    " leading",
    "a,b;c",
    "back\\slash",
    "100%25",
    "?q=1&r=2#f",
    "'; DROP TABLE identity; --",
    "' OR Name != '",
    "{0} ${x} {{ y }}",
    "\u202egnp",
    "\U0001f98a",
    "\u00e9",
    "e\u0301",
    "tab\tkey",
    "line\nkey",
    "k" * 64,
    "null",
    "0",
)


@pytest.mark.parametrize("vendor", VENDORS, indirect=True)
@pytest.mark.parametrize("behavior", ["update_only", "upsert"])
def test_a_hostile_external_id_leads_to_its_own_record_and_to_no_other(
    opening: Opening, vendor: str, behavior: str
) -> None:
    keys = dict(enumerate(HOSTILE_KEYS, start=1))
    strangers = {n: f"stranger {n}" for n in range(101, 104)}
    with opening({vendor: keys | strangers}) as place:
        for number, key in keys.items():
            place.add_keys({key: record_id(vendor, number)}, band=f"for {number}")
        contract = place.contract(body(vendor, mapping(vendor, behavior=behavior)))
        assert place.run(contract).totals.accepted == len(keys)
        stored = place.box.stored(vendor, TEXT_FIELDS[vendor])
        expected = {record_id(vendor, n): f"for {n}" for n in keys}
        assert {one: value for one, value in stored.items() if value} == expected
        assert len(stored) == len(keys) + len(strangers)
        assert place.run(contract).rows == 0


@pytest.mark.parametrize("key", ["k" * 65, "k" * 20_000, "nul\0", "   "], ids=len)
def test_a_key_that_the_vendor_cannot_have_writes_nothing_wrong(
    place: Place, vendor: str, key: str
) -> None:
    place.add_keys({key: "not-there"}, band="low")
    place.add(vendor, [2])
    contract = place.contract(body(vendor, mapping(vendor, behavior="upsert")))
    report = place.run(contract)
    assert add_up(report)
    stored = place.box.stored(vendor, KEYS[vendor])
    assert len(stored) == 9 or key in stored.values()


@pytest.mark.parametrize("text", ["\ud800", "half \udfff of a pair", "\udc80\ud800"])
def test_half_a_surrogate_pair_is_held_back_by_the_client(
    place: Place, vendor: str, text: str
) -> None:
    """No warehouse hands it out, but a program that calls the client may."""
    field = TEXT_FIELDS[vendor]
    fields = {field: MappedField.model_validate({"from": "band"})}
    target = Target(OBJECTS[vendor], KEYS[vendor], None, "upsert", fields)
    records = [
        OutgoingRecord("bad value", record_id(vendor, 1), "K1", "update", {field: text}),
        OutgoingRecord("bad key", record_id(vendor, 2), text, "update", {field: "fine"}),
        OutgoingRecord("good", record_id(vendor, 3), "K3", "update", {field: "fine"}),
    ]
    client = place.connect(vendor)
    outcome = client.send(target, records)
    client.close()
    assert [(one.key, one.state) for one in outcome.faults] == [
        ("bad value", "rejected"),
        ("bad key", "rejected"),
    ]
    stored = place.box.stored(vendor, field)
    assert {one for one, value in stored.items() if value} == {record_id(vendor, 3)}


@pytest.mark.parametrize(
    "name",
    ["two words", "it's", "drop table; --", "-rf", "\u202egnp", "\u00fcber", "UPPER", "a" * 64,
     "line\nbreak", "a.b", "1st", "$(id)", "%s"],
)  # fmt: skip
def test_a_hostile_contract_name_is_refused_by_the_loader(folder: Path, name: str) -> None:
    (folder / f"{name}.yaml").write_text("version: 1\n", encoding="utf-8")
    (checked,) = check_all(folder, today=NOW.date()).values()
    assert checked.contract is None
    assert "file_name" in [problem.code for problem in checked.errors]
    assert all(str(problem).isprintable() for problem in checked.errors)
