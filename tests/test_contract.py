"""The contract's models, fingerprint and schema, and the contracts that are shipped."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from activation_pipeline.contract import Contract, fingerprint
from activation_pipeline.loading import json_schema, load, load_all
from activation_pipeline.loading.document import read_document
from activation_pipeline.notation import parse_duration, shown, written_duration

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
SHIPPED = sorted((ROOT / "contracts").glob("*.yaml"))
SCHEMA = ROOT / "activation_pipeline" / "contract.schema.json"
ORG = ROOT / "activation_pipeline" / "sandbox" / "org"
BAD = Path(__file__).parent / "bad_contracts"
TODAY = date(2026, 11, 21)
# As it is before anybody approves it.
GOOD = re.sub(
    r"  approvals:\n(    - .*\n)+",
    "  approvals: []\n",
    (ROOT / "contracts" / "renewal_risk_review.yaml").read_text(encoding="utf-8"),
)
# What a schema cannot say: rules between values, dates, and what YAML itself forbids.
SHAPE_CODES = {"unknown_key", "not_one_of", "wrong_type", "not_a_ratio", "not_a_duration",
               "bad_name", "unknown_gate", "gate_is_one_key", "too_short", "not_a_fingerprint",
               "always_stops"}  # fmt: skip


@pytest.fixture
def contract() -> Contract:
    return load(ROOT / "contracts" / "renewal_risk_review.yaml", today=TODAY)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, str], Contract]:
    def load_changed(old: str, new: str) -> Contract:
        assert old in GOOD
        path = tmp_path / "renewal_risk_review.yaml"
        path.write_text(GOOD.replace(old, new), encoding="utf-8")
        return load(path, today=TODAY)

    return load_changed


def as_written(path: Path) -> object:
    document = read_document(path.read_text(encoding="utf-8"))
    assert document.root is not None
    return document.root.plain()


def defects_of_shape() -> list[str]:
    """Name the bad contracts that have a problem which the schema can know of."""
    expected = {path.stem: path.read_text(encoding="utf-8") for path in BAD.glob("*.expected")}
    found = {
        name: {line.split()[1] for line in text.splitlines()} for name, text in expected.items()
    }
    return sorted(name for name, codes in found.items() if codes & SHAPE_CODES)


APPROVAL = (
    "approvals:\n    - {role: cs_director, by: demo_cs_director, on: 2026-11-20,"
    " fingerprint: 0123456789abcdef}"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stale_after: 30h", "stale_after: 1800m"),
        ("expire_after: 7d", "expire_after: 1w"),
        ("version: 1\n", "version: 1   # a comment\n\n"),
        ("at_least: 0.98", "at_least: 0.980"),
        ("  latency: batch\n", ""),
        ("{owner: cs_ops}", '{"owner": "cs_ops"}'),
        ("approvals: []", APPROVAL),
        ("  kind: score\n  risk: high\n", "  risk: high\n  kind: score\n"),
        ("{from: reason_code, ", "{from: reason_code, role: value, "),
    ],
)
def test_writing_the_same_otherwise_keeps_the_fingerprint(
    old: str, new: str, contract: Contract, changed: Callable[[str, str], Contract]
) -> None:
    """An approval would be lost for a comment."""
    assert fingerprint(changed(old, new)) == fingerprint(contract)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1", "version: 2"),
        ("stale_after: 30h", "stale_after: 29h"),
        ("at_least: 0.98", "at_least: 0.97"),
        ("on_null: flag", "on_null: clear"),
        ("rules: [billing_customer_id]", "rules: [billing_customer_id, erp_id]"),
        ("decision: launch_with_caveats\n  caveats: {at_most: 50}", "decision: pause"),
        ("caveats: {at_most: 50}", "caveats: {at_most: 51}"),
        ("null_rate: {field: Risk_Reason_Code__c, at_most: 0.02}",
         "null_rate: {field: Risk_Reason_Code__c, at_most: 0.02, warn: true}"),
        ("{owner: revops}", "{owner: sales_ops}"),
    ],
)  # fmt: skip
def test_meaning_something_else_changes_the_fingerprint(
    old: str, new: str, contract: Contract, changed: Callable[[str, str], Contract]
) -> None:
    """An approval must not hold for what nobody approved."""
    assert fingerprint(changed(old, new)) != fingerprint(contract)


def test_a_contract_survives_being_stored(contract: Contract) -> None:
    stored = json.loads(contract.model_dump_json(by_alias=True))
    again = Contract.model_validate(stored)
    assert again == contract
    assert fingerprint(again) == fingerprint(contract)


def test_a_contract_is_made_of_python_values_too(contract: Contract) -> None:
    assert Contract.model_validate(contract.model_dump(by_alias=True)) == contract


def test_a_contract_cannot_be_changed(contract: Contract) -> None:
    with pytest.raises(ValidationError):
        contract.version = 2  # type: ignore[misc]  # the point of the test


@given(minutes=st.integers(min_value=1, max_value=999_999))
def test_a_duration_is_written_as_it_is_read(minutes: int) -> None:
    duration = timedelta(minutes=minutes)
    assert parse_duration(written_duration(duration)) == duration
    assert parse_duration(duration) == duration


def test_a_value_is_shown_short_printable_and_without_addresses() -> None:
    assert shown("ask dana@example.com\n\u202e") == "ask (an address)\\n\\u202e"
    assert len(shown("x" * 1000)) == 60
    assert shown({"a": [1, None]}) == '{"a": [1, null]}'


@pytest.mark.parametrize(
    ("gates", "specs"),
    [
        (["approved"], [("approved", {}, False)]),
        (
            [{"match_rate": {"at_least": 0.5, "warn": True}}],
            [("match_rate", {"at_least": 0.5}, True)],
        ),
        ([{"not_paused": None}], [("not_paused", {}, False)]),
        ([{"match_rate": 0.5}], [("match_rate", {"": 0.5}, False)]),
    ],
)
def test_a_gate_is_one_key_with_its_limits(
    gates: list[object], specs: list[tuple[str, dict[str, Any], bool]], contract: Contract
) -> None:
    stored = contract.model_dump(mode="json", by_alias=True) | {"gates": gates}
    found = Contract.model_validate(stored).gates
    assert [(spec.name, spec.params, spec.warn) for spec in found] == specs


@pytest.mark.parametrize("gate", [{}, {"a": {}, "b": {}}, 7, [], {"name": 3}, {"x": {"warn": 1}}])
def test_what_is_no_gate_is_refused(gate: object, contract: Contract) -> None:
    stored = contract.model_dump(mode="json", by_alias=True) | {"gates": [gate]}
    with pytest.raises(ValidationError):
        Contract.model_validate(stored)


@pytest.mark.parametrize(
    "day",
    [
        20261215,
        0,
        "2026-12-15T00:00:00",
        "15.12.2026",
        "2026-02-30",
        datetime(2026, 12, 15, tzinfo=UTC),
        None,
        True,
    ],
)
def test_only_a_day_is_a_day(day: object, contract: Contract) -> None:
    """A number is not taken for seconds since 1970."""
    stored = contract.model_dump(mode="json", by_alias=True)
    stored["monitoring"]["first_review"] = day
    with pytest.raises(ValidationError):
        Contract.model_validate(stored)


@pytest.mark.parametrize(
    "window", ["0h", "-1d", "1.5h", "1y", "24", "", "24H", "1d ", 24, None, "\u0661h"]
)
def test_only_a_number_and_a_unit_is_a_duration(window: object, contract: Contract) -> None:
    stored = contract.model_dump(mode="json", by_alias=True)
    stored["workflow"]["decision_window"] = window
    with pytest.raises(ValidationError):
        Contract.model_validate(stored)


def test_a_contract_names_its_parts(contract: Contract) -> None:
    found = load_all(ROOT / "contracts", today=TODAY)
    kinds = {name: one.asset_kind for name, one in found.items() if isinstance(one, Contract)}
    assert kinds == {
        "expansion_education": "audience",
        "next_best_action_context": "context",
        "product_qualified_follow_up": "score",
        "renewal_risk_review": "score",
    }
    assert {"cs_director", "cs_ops", "revops", "salesforce_admin"} <= contract.roles
    assert contract.suppression.holdout is not None
    assert contract.suppression.holdout.model == "holdout_renewal_2026"
    assert contract.matching.identity_for("salesforce") == "int_identity_account"


def test_identity_may_differ_by_destination() -> None:
    """One decision for two systems is one plan: each system has its own way to the record."""
    both = load(ROOT / "contracts" / "product_qualified_follow_up.yaml", today=TODAY)
    assert both.matching.identity_for("hubspot") == "int_identity_follow_up_contact"
    assert both.matching.identity_for("salesforce") == "int_identity_follow_up_account"


def test_every_role_that_signs_a_gate_is_a_role() -> None:
    audience = load(ROOT / "contracts" / "expansion_education.yaml", today=TODAY)
    signers = {role for spec in audience.gates for role in spec.signers}
    assert signers == {"lifecycle_marketing", "hubspot_admin", "braze_admin"}
    assert signers <= audience.roles


def test_the_committed_schema_is_current() -> None:
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    assert SCHEMA.read_text(encoding="utf-8") == text, "write json_schema() to the file again"


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_contract_is_right_for_loader_and_editor(path: Path) -> None:
    assert load(path, today=TODAY).name == path.stem
    jsonschema.validate(as_written(path), json_schema())
    first_line = path.read_text(encoding="utf-8").partition("\n")[0]
    assert (path.parent / first_line.rpartition("=")[2]).resolve() == SCHEMA.resolve()


@pytest.mark.parametrize("defect", defects_of_shape())
def test_an_editor_sees_each_defect_of_shape(defect: str) -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    assert not validator.is_valid(as_written(BAD / f"{defect}.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_contract_fits_on_two_pages(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_sandbox_has_every_field_that_a_shipped_contract_writes(path: Path) -> None:
    for name, destination in load(path, today=TODAY).destinations.items():
        vendor = destination.kind or name
        org = json.loads((ORG / f"{vendor}.json").read_text(encoding="utf-8"))
        known = next(one for one in org["objects"] if one["name"] == destination.object)
        fields = {field["name"]: field for field in known["fields"]}
        assert destination.key in fields
        assert set(destination.fields) <= set(fields)
        for field, mapped in destination.fields.items():
            options = fields[field].get("options") or fields[field].get("values") or ()
            values = {o["value"] if isinstance(o, dict) else o for o in options}
            assert not values or set(mapped.allowed or values) <= values
        if destination.list is not None:
            # Braze has no lists: an audience there is an attribute.
            assert destination.list in {one["id"] for one in org.get("lists", ())} | set(fields)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_demo_project_has_every_model_that_a_shipped_contract_names(path: Path) -> None:
    contract = load(path, today=TODAY)
    holdout = contract.suppression.holdout
    named = {
        contract.source.model,
        contract.source.feeds_model,
        *(contract.matching.identity_for(name) for name in contract.destinations),
        *contract.suppression.models,
        *contract.suppression.review,
        holdout and holdout.model,
    }
    models = {found.stem for found in (ROOT / "dbt_project" / "models").rglob("*.sql")}
    assert named - {None} <= models
