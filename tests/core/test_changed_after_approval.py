"""Whatever changes after an approval stops the plan, and says what, old -> new, and who signs."""

from __future__ import annotations

import copy
import json
import re
import shutil
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import Company, contract_dict, manifest_of
from desk import build, plan, received, send, sign, stock

from activation_pipeline.contract import Contract
from activation_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[["Place"], object]

SIGNS = "cs_director has to sign: activation approve renewal_risk --as cs_director"
MART, STAGING, LABEL = "model.t.mart", "model.t.staging", "macro.t.label"


def manifest() -> dict[str, Any]:
    """The tiny company's project, in which the source has an ancestor and that calls a macro."""
    found = manifest_of(["mart", "identity", "suppress_a", "suppress_b", "feeds", "staging"])
    found["nodes"][MART]["depends_on"]["nodes"] = [STAGING]
    found["nodes"][STAGING]["depends_on"]["macros"] = [LABEL]
    found["macros"][LABEL] = {
        "name": "label",
        "package_name": "t",
        "macro_sql": "{% macro label() %}'at risk'{% endmacro %}",
        "depends_on": {"macros": []},
    }
    return found


@dataclass
class Place:
    """One copy of the company with its approved, signed, unsent plan; ``body`` is the contract."""

    company: Company
    body: dict[str, Any]
    plan: str
    approvals: list[dict[str, Any]] = field(default_factory=list)

    @property
    def contract(self) -> Contract:
        launch = self.body["launch"] | {"approvals": self.approvals}
        return Contract.model_validate(self.body | {"launch": launch})

    @property
    def node(self) -> dict[str, Any]:
        nodes: dict[str, Any] = self.company.manifest["nodes"]
        return nodes

    @property
    def part(self) -> Path:
        return next((self.company.folder / "home").glob(f"**/{self.plan}/crm.parquet"))


GATES = ["freshness", {"match_rate": {"at_least": 0.5}}]
BODY = contract_dict(gates=GATES)


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A company with a plan that is approved and signed, to be copied."""
    company = Company(tmp_path_factory.mktemp("approved"))
    company.manifest = manifest()
    stock(company, "ABCD")
    contract = build(company, gates=GATES)
    signed = sign(company, contract, plan(company, contract))
    assert signed.decision == "launch"
    assert signed.plan is not None
    lines = contract.model_dump(mode="json")["launch"]["approvals"]
    return Place(company, BODY, signed.plan.id, lines)


@pytest.fixture
def place(approved: Place, company: Company) -> Place:
    shutil.copytree(approved.company.folder, company.folder, dirs_exist_ok=True)
    company.manifest = manifest()
    return Place(company, copy.deepcopy(BODY), approved.plan, copy.deepcopy(approved.approvals))


def means(section: str, *path: str, to: Any) -> Change:
    """Change one value of the contract."""

    def change(place: Place) -> None:
        at = place.body[section] = copy.deepcopy(place.body[section])
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = to

    return change


def runs(unique_id: str, text: str) -> Change:
    """Change the text of one model or macro."""

    def change(place: Place) -> None:
        found = place.company.manifest
        name = "macro_sql" if unique_id in found["macros"] else "raw_code"
        (found["macros"].get(unique_id) or found["nodes"][unique_id])[name] = text

    return change


def says(**values: Any) -> Change:
    """Change the approval's line."""
    return lambda place: place.approvals[0].update(values)


def without_a_list(place: Place) -> None:
    place.body["suppression"] = {"models": {"suppress_a": {"owner": "cs_ops"}}}


def looser(place: Place) -> None:
    place.body["gates"] = ["freshness", {"match_rate": {"at_least": 0.4}}]


def without_a_gate(place: Place) -> None:
    place.body["gates"] = ["freshness"]


def incremental(place: Place) -> None:
    place.node[MART]["config"] = {"materialized": "incremental", "unique_key": "id"}


def in_production(place: Place) -> None:
    place.company.destination.identity = "acme.my.salesforce.com"


def nobody(place: Place) -> None:
    place.approvals.clear()


FIELD = ("destinations", "crm", "fields", "Band__c")
MEANING = {
    "mapping": (means(*FIELD, "from", to="id"), "crm.fields.Band__c.from: band -> id"),
    "allowed": (means(*FIELD, "allowed", to=["low"]), 'Band__c.allowed: not set -> ["low"]'),
    "on null": (means(*FIELD, "on_null", to="clear"), "Band__c.on_null: preserve -> clear"),
    "on edit": (means(*FIELD, "on_edit", to="keep"), "Band__c.on_edit: overwrite -> keep"),
    "expiry": (means("freshness", "expire_after", to="14d"), "freshness.expire_after: 7d -> 14d"),
    "a list removed": (
        without_a_list,
        "suppression.models.suppress_b.owner: cs_ops -> not set",
    ),
    "a limit loosened": (looser, "gates.match_rate.at_least: 0.5 -> 0.4"),
    "a gate removed": (without_a_gate, "gates.match_rate: named -> not set"),
    "restarter": (
        means("monitoring", "restarted_by", to="cs_ops"),
        "monitoring.restarted_by: cs_director -> cs_ops",
    ),
    "launch": (means("launch", "decision", to="pause"), "launch.decision: launch -> pause"),
}
LOGIC = {
    "the source's SQL": (runs(MART, "select 1"), "model mart changed"),
    "an ancestor's SQL": (runs(STAGING, "select 1"), "model staging changed"),
    "a macro": (runs(LABEL, "{% macro label() %}'lost'{% endmacro %}"), "macro label changed"),
    "a suppression list's SQL": (runs("model.t.suppress_a", "x"), "model suppress_a changed"),
    "the identity's SQL": (runs("model.t.identity", "x"), "model identity changed"),
    "how the source is built": (incremental, "model mart changed"),
}
WORD = {
    "sandbox to production": (in_production, "memory.*acme.my.salesforce.com"),
    "no line": (nobody, "launch.approvals is empty"),
    "another role's line": (says(role="cs_ops"), "no word of this role, only of cs_ops"),
    "a line of tomorrow": (says(on="2026-11-21"), "dated 2026-11-21, which is in the future"),
    "an old line": (says(on="2025-11-19"), "of 2025-11-19 is 366 days old, at most 365d"),
    "a line for another account": (says(destinations={"crm": "test"}), "crm: test -> memory"),
    "a line for no account": (says(destinations={}), "crm: none was approved -> memory"),
    "a line without logic": (says(definition=None), "none is approved"),
}
WAYS = {**MEANING, **LOGIC, **WORD}


def refused(place: Place) -> str:
    """Try to send, and give the reason why nothing went."""
    with pytest.raises(RefusedError) as caught:
        send(place.company, place.contract)
    assert received(place.company) == []
    return str(caught.value)


def test_what_was_approved_and_signed_is_sent(place: Place) -> None:
    """Else the ways below could be stopped by something else."""
    assert send(place.company, place.contract).totals.accepted == 4


@pytest.mark.parametrize("way", WAYS)
def test_a_change_after_the_approval_stops_the_plan_and_says_old_new_and_who_signs(
    place: Place, way: str
) -> None:
    change, told = WAYS[way]
    change(place)
    message = refused(place)
    assert re.search(told.replace("[", r"\["), message), message
    assert SIGNS in message
    again = plan(place.company, place.contract)
    stops = "; ".join(each.message for each in again.results if each.stops)
    assert again.decision == "pause"
    assert re.search(told.replace("[", r"\["), stops), stops
    assert SIGNS in stops
    refused(place)


def test_another_owner_has_to_sign_himself(place: Place) -> None:
    means("owners", "workflow", to="sales_director")(place)
    assert "owners.workflow: cs_director -> sales_director" in refused(place)
    again = plan(place.company, place.contract)
    stops = "; ".join(each.message for each in again.results if each.stops)
    assert "not approved by sales_director (launch.approvals has no word of this role" in stops
    assert "owners.workflow: cs_director -> sales_director" in stops


def test_an_approval_grows_too_old_between_plan_and_send(place: Place) -> None:
    """The same approval, a year old, still holds on the day of the plan: see below."""
    place.approvals[0]["on"] = "2025-11-20"
    place.company.now += timedelta(hours=15, minutes=1)
    assert place.company.now.date() == date(2026, 11, 21)
    assert "of 2025-11-20 is 366 days old, at most 365d" in refused(place)


def test_a_changed_snapshot_of_the_plan_is_not_sent(place: Place) -> None:
    place.part.write_bytes(place.part.read_bytes() + b"x")
    assert "snapshot" in refused(place)


def test_a_plan_swapped_for_another_one_is_not_sent(place: Place) -> None:
    stock(place.company, "EFGH")
    other = plan(place.company, place.contract)
    assert other.plan is not None
    swapped = Place(place.company, place.body, other.plan.id)
    swapped.part.write_bytes(place.part.read_bytes())
    sign(place.company, place.contract, other)
    assert "snapshot" in refused(place)


def reordered(place: Place) -> None:
    place.body = json.loads(json.dumps(place.body, sort_keys=True))
    place.body["gates"] = place.body["gates"][::-1]


def described(place: Place) -> None:
    mart = place.node[MART]
    mart |= {"description": "better", "alias": "mart", "config": {"tags": ["daily"]}}


def tested(place: Place) -> None:
    place.node["test.t.unique"] = {"resource_type": "test", "name": "unique", "raw_code": "x"}


SAME = {
    "a comment in a model": runs(MART, "-- why\nselect * -- all\nfrom raw_mart /* so */"),
    "indentation": runs(MART, "select *\n\n    from raw_mart\n"),
    "a comment in a macro": runs(LABEL, "{# why #}\n{% macro label() %}'at risk'{% endmacro %}"),
    "the order of keys and gates": reordered,
    "a description and a tag": described,
    "a test": tested,
    "a second, older approval": lambda place: place.approvals.insert(
        0, place.approvals[0] | {"on": "2024-11-01", "fingerprint": "0" * 16}
    ),
    "an approval of a year ago": says(on="2025-11-20"),
}


@pytest.mark.parametrize("way", SAME)
def test_what_changes_no_meaning_needs_no_new_approval(place: Place, way: str) -> None:
    SAME[way](place)
    assert send(place.company, place.contract).totals.accepted == 4
