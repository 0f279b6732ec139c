"""A hostile value arrives unchanged, or its record stays with a reason in the ledger.

From a warehouse column through plan, signature and delivery to what the vendor's own API
tells. A value that was rounded, cut or trimmed on the way is worse than one that is missing.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
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
ROWS = sum(len(case.values) for case in CASES)
# What an admin would have to make of each kind of field: the vendor's type, and its limits.
KINDS: dict[str, dict[str, dict[str, Any]]] = {
    "salesforce": {
        "text": {"type": "textarea", "length": 131_072},
        "number": {"type": "double", "precision": 18, "scale": 2},
        "moment": {"type": "datetime"},
        "day": {"type": "date"},
        "flag": {"type": "boolean"},
    },
    "hubspot": {
        "text": {"type": "string"},
        "number": {"type": "number", "control": "number"},
        "moment": {"type": "datetime", "control": "date"},
        "day": {"type": "date", "control": "date"},
        "flag": {"type": "bool", "control": "booleancheckbox"},
    },
}


def field_name(vendor: str, at: int) -> str:
    return f"Hostile_{at}__c" if vendor == "salesforce" else f"hostile_{at}"


@cache
def roomy_org() -> Org:
    """Give both vendors one field of its own for each case."""
    org = dict(load_org(find_vendors()))
    for vendor in VENDORS:
        spec = org[vendor].objects[0]
        added = [
            FieldSpec(name=field_name(vendor, at), label=f"Hostile {at}", **KINDS[vendor][c.field])
            for at, c in enumerate(CASES)
        ]
        wider = spec.model_copy(update={"fields": (*spec.fields, *added)})
        wider.__dict__.pop("_by_name", None)
        org[vendor] = org[vendor].model_copy(update={"objects": (wider,)})
    return org


def fill(place: Place, vendor: str) -> list[tuple[str, str, Case, Any]]:
    """Put one value into each row: key, field, case and what the source holds there."""
    scored = (NOW - timedelta(hours=1)).replace(tzinfo=None)
    columns = ", ".join(f'"{case.column}" {case.kind}' for case in CASES)
    place.sql(f"create or replace table mart (id varchar, scored_at timestamp, {columns})")
    rows: list[list[Any]] = []
    told = []
    for at, case in enumerate(CASES):
        for value in case.values:
            key = f"K{len(rows) + 1}"
            before, after = [None] * at, [None] * (len(CASES) - at - 1)
            rows.append([key, scored, *before, value, *after])
            told.append((key, field_name(vendor, at), case, value))
    marks = ", ".join(["?"] * (len(CASES) + 2))
    place.sql_each("insert into mart values (" + marks + ")", rows)
    place.sql_each(
        "insert into identity values (?, ?, ?, 'billing_id', false)",
        [[f"K{n}", record_id(vendor, n), f"K{n}"] for n in range(1, ROWS + 1)],
    )
    return told


def test_a_hostile_value_arrives_unchanged_or_stays_with_a_reason(
    opening: Opening, vendor: str
) -> None:
    with opening({vendor: {n: f"K{n}" for n in range(1, ROWS + 1)}}, org=roomy_org()) as place:
        told = fill(place, vendor)
        fields = {
            field_name(vendor, at): {"from": case.column, "on_edit": "overwrite"}
            for at, case in enumerate(CASES)
        }
        contract = place.contract(body(vendor, mapping(vendor, fields=fields)))
        found = place.plan(contract)
        assert found.plan is not None
        assert found.plan.parts[0].rows == ROWS
        report = place.send(contract)
        assert add_up(report)
        with place.runtime() as runtime:
            outcomes = runtime.ledger.deliveries.outcomes(found.plan.id, vendor)
            read = reconcile(contract, vendor, runtime, clock=place.clock)
        assert read.counts == {"agrees": report.totals.accepted}
        stayed = {one.key: one for one in outcomes if one.state != "accepted"}
        assert all(map(has_reason, stayed.values()))
        stored = {name: place.box.stored(vendor, name) for name in fields}
        wrong = []
        for key, name, case, value in told:
            there = stored[name][record_id(vendor, int(key[1:]))]
            is_empty = there in (None, "") or (there is False and key in stayed)
            fits = is_empty if key in stayed else case.same(case.source(value), there)
            wrong += [] if fits else [(key, name, case.kind, str(value)[:40], str(there)[:40])]
        assert wrong == []
        assert 0 < len(stayed) < ROWS


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
        place.add_keys({key: record_id(vendor, number) for number, key in keys.items()})
        bands = [[f"for {number}", key] for number, key in keys.items()]
        place.sql_each("update mart set band = ? where id = ?", bands)
        contract = place.contract(body(vendor, mapping(vendor, behavior=behavior)))
        assert place.run(contract).totals.accepted == len(keys)
        stored = place.box.stored(vendor, TEXT_FIELDS[vendor])
        expected = {record_id(vendor, n): f"for {n}" for n in keys}
        assert {one: value for one, value in stored.items() if value} == expected
        assert len(stored) == len(keys) + len(strangers)
        assert place.run(contract).rows == 0


def test_a_key_that_no_record_can_have_writes_nothing_wrong(place: Place, vendor: str) -> None:
    """Neither does it keep the others from being planned and sent."""
    impossible = ("k" * 300, "k" * 20_000, "nul\0", "   ")
    place.add_keys({key: f"not-there-{at}" for at, key in enumerate(impossible)})
    place.add(vendor, [1, 2])
    contract = place.contract(body(vendor, mapping(vendor, behavior="upsert")))
    report = place.run(contract)
    assert add_up(report)
    stored = place.box.stored(vendor, TEXT_FIELDS[vendor])
    assert stored[record_id(vendor, 1)] == stored[record_id(vendor, 2)] == "low"
    keys = set(place.box.stored(vendor, KEYS[vendor]).values())
    assert keys <= {*impossible, *(f"K{n}" for n in range(1, 10))}


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
