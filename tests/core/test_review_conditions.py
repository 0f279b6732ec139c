"""When a launch review says pause: each reason, by what a contract or its plan shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from company import MODELS, NOW, contract_dict, manifest_of

from activation_pipeline.contract import Contract
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.evidence import GateResult
from activation_pipeline.manifest import Manifest, read_manifest
from activation_pipeline.review.conditions import CONDITIONS, Seen, conditions
from activation_pipeline.review.lineage import Lineage, read_lineage

if TYPE_CHECKING:
    from collections.abc import Callable

GATES = [{"match_rate": {"at_least": 0.98}}]
CONTEXT: dict[str, Any] = {
    "object": "item",
    "kind": "webhook",
    "key": "k",
    "behavior": "mirror",
    "fields": {"suggestion": {"from": "band"}, "reason_code": {"from": "band", "role": "meta"}},
    "read_by": ["assistant"],
    "edited_by": "nobody",
}


def contract_of(**sections: Any) -> Contract:
    return Contract.model_validate(contract_dict(**{"gates": GATES, **sections}))


def seen(contract: Contract | None = None, **changes: Any) -> Seen:
    """What gives no reason to pause, but for ``changes``."""
    usual = Seen(contract or contract_of(), {}, Lineage(), is_reviewed=False, now=NOW)
    return replace(usual, **changes)


def failed(gate: str, *, signed: str | None = None) -> dict[str, GateResult]:
    result = GateResult(
        gate, passed=False, blocking=True, observed=1.0, limit=0.0,
        message=f"{gate} has found something", owner="cs_director", overridden_by=signed,
    )  # fmt: skip
    return {gate: result}


def section(name: str, **changes: Any) -> dict[str, Any]:
    return {name: contract_dict()[name] | changes}


def context(**changes: Any) -> Contract:
    return contract_of(
        **section("workflow", kind="ai_context"),
        destinations={"store": {**CONTEXT, **changes}},
        **section("freshness", on_expiry="remove"),
    )


REASONS: list[tuple[str, Callable[[], Seen], str]] = [
    ("matching", lambda: seen(results=failed("match_rate")), "has found something"),
    (
        "matching",
        lambda: seen(results=failed("match_rate", signed="cs_director")),
        "(signed by cs_director)",
    ),
    ("matching", lambda: seen(contract_of(gates=["freshness"])), "no match_rate gate"),
    (
        "matching",
        lambda: seen(contract_of(**section("matching", rules=["email_domain"]))),
        "email_domain: no exact",
    ),
    ("matching", lambda: seen(lineage=Lineage(untested=("identity",))), "identity: the matching"),
    (
        "field_owner",
        lambda: seen(contract_of(**section("owners", destination_field="analytics_engineering"))),
        "analytics_engineering",
    ),
    (
        "field_owner",
        lambda: seen(contract_of(**section("owners", destination_field="data_platform"))),
        "data_platform",
    ),
    ("lineage", lambda: seen(lineage=Lineage(unread="no manifest; run dbt")), "run dbt"),
    ("lineage", lambda: seen(lineage=Lineage(unknown=("crm.mart",))), "crm.mart: not built"),
    ("lineage", lambda: seen(lineage=Lineage(rootless=("mart",))), "mart: dbt knows nothing"),
    ("lineage", lambda: seen(lineage=Lineage(untested=("mart",))), "mart: without any test"),
    ("lineage", lambda: seen(lineage=Lineage(key_is_tested=False)), "mart.id: not tested"),
    (
        "scattered_suppression",
        lambda: seen(lineage=Lineage(foreign=("crm.do_not_call",))),
        "crm.do_not_call",
    ),
    (
        "pause_rule",
        lambda: seen(contract_of(**section("monitoring", pause_when={}))),
        "sets no limit",
    ),
    (
        "pause_rule",
        lambda: seen(contract_of(**section("monitoring", restarted_by="data_team"))),
        "data_team restarts it",
    ),
    (
        "ai_context",
        lambda: seen(context(fields={"suggestion": {"from": "band"}})),
        "store: no reason code",
    ),
    ("ai_context", lambda: seen(context()), "suppression.review is empty"),
    ("grain", lambda: seen(results=failed("grain_unique")), "has found something"),
    ("suppression", lambda: seen(results=failed("suppression_ready")), "has found something"),
    ("suppression", lambda: seen(results=failed("no_suppressed_record")), "has found something"),
    ("freshness", lambda: seen(results=failed("freshness")), "has found something"),
    (
        "freshness",
        lambda: seen(contract_of(**section("freshness", stale_after="3d"))),
        "stale after 3d, and worthless after 1d",
    ),
    (
        "complaints",
        lambda: seen(contract_of(**section("monitoring", pause_when={"failed_runs": 2}))),
        "neither rejected_above nor drift_above",
    ),
    (
        "first_review",
        lambda: seen(now=NOW + timedelta(days=26)),
        "due on 2026-12-15",
    ),
]


def test_a_sound_contract_shows_no_reason_to_pause() -> None:
    assert conditions(seen()) == ()


@pytest.mark.parametrize(("name", "spoilt", "found"), REASONS)
def test_each_reason_to_pause_is_found(name: str, spoilt: Callable[[], Seen], found: str) -> None:
    mine = [each for each in conditions(spoilt()) if each.name == name]
    assert len(mine) == 1
    assert found in mine[0].found
    assert mine[0].move


def test_every_reason_has_a_case() -> None:
    assert {name for name, _, _ in REASONS} == {known.name for known in CONDITIONS}


def test_a_first_review_is_missed_only_after_its_day() -> None:
    due = NOW.replace(month=12, day=15)
    late = due + timedelta(days=1)
    assert conditions(seen(now=due)) == ()
    assert [each.name for each in conditions(seen(now=late))] == ["first_review"]
    assert conditions(seen(now=late, is_reviewed=True)) == ()


def manifest(**changes: dict[str, Any]) -> Manifest:
    """The tiny company's models, each made of something and tested, but for ``changes``."""
    document = manifest_of(MODELS)
    for name in MODELS:
        node = document["nodes"][f"model.t.{name}"]
        node["depends_on"]["nodes"] = ["source.t.raw.raw"]
        document["nodes"][f"test.t.unique_{name}"] = {
            "resource_type": "test",
            "name": f"unique_{name}_id",
            "attached_node": f"model.t.{name}",
            "test_metadata": {"name": "unique", "kwargs": {"column_name": "id"}},
        }
    return read_manifest(document | {"nodes": document["nodes"] | changes})


def test_models_that_are_known_made_and_tested_are_sound() -> None:
    assert read_lineage(contract_of(), manifest) == Lineage()


def test_a_list_that_dbt_does_not_build_is_foreign() -> None:
    rules = {"models": {"crm.do_not_call": {"owner": "revops"}}}
    found = read_lineage(contract_of(suppression=rules), manifest)
    assert (found.foreign, found.unknown) == (("crm.do_not_call",), ("crm.do_not_call",))


def test_a_model_without_tests_or_parents_is_named() -> None:
    found = read_lineage(contract_of(), lambda: read_manifest(manifest_of(MODELS)))
    used = ("mart", "identity", "suppress_a", "suppress_b")
    assert (found.untested, found.rootless, found.key_is_tested) == (used, used, False)


def test_a_constraint_of_the_key_is_a_test_of_it() -> None:
    node = manifest_of(MODELS)["nodes"]["model.t.mart"]
    node["columns"] = {"id": {"constraints": [{"type": "primary_key"}]}}
    node["depends_on"]["nodes"] = ["source.t.raw.raw"]
    other = {"model.t.mart": node, "test.t.unique_mart": {"resource_type": "test"}}
    assert read_lineage(contract_of(), lambda: manifest(**other)) == Lineage()


def test_a_manifest_that_cannot_be_read_is_a_reason_itself() -> None:
    def none_there() -> Manifest:
        raise ConfigurationError("manifest.json: not found; run dbt parse")

    found = conditions(seen(lineage=read_lineage(contract_of(), none_there)))
    assert [(each.name, each.found) for each in found] == [
        ("lineage", "manifest.json: not found; run dbt parse")
    ]
