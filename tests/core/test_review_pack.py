"""The review pack of real plans: counts that add up, a sample that stays, values that stay in."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from company import audience_dict, contract_dict, make_contract
from desk import build, go, plan, send, stock

from activation_pipeline.contract import Contract
from activation_pipeline.errors import ConfigurationError, RefusedError
from activation_pipeline.pausing import pause
from activation_pipeline.review import Pack, pack
from activation_pipeline.review.rendering import html, markdown
from activation_pipeline.review.sampling import shares

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.review.document import Sampled

IN = ["A-1", "A-2", "A-3", "A-4", "A-5", "A-6"]
SUPPRESSION = {
    "models": {"suppress_a": {"owner": "cs_ops"}, "suppress_b": {"owner": "revops"}},
    "review": {"review_a": "sales_ops"},
}


def packed(company: Company, contract: Contract, **options: Any) -> Pack:
    """The pack, without the warehouse: whatever opens it, fails."""
    with company.runtime() as runtime:
        closed = replace(runtime, open_warehouse=lambda: (_ for _ in ()).throw(AssertionError))
        return pack(contract, closed, now=company.now, **options)


def keys(sample: tuple[Sampled, ...]) -> dict[str, list[str]]:
    """The sampled keys by what they stand for."""
    found: dict[str, list[str]] = {}
    for one in sample:
        found.setdefault(one.stratum, []).append(one.key)
    return found


def everybody(company: Company) -> None:
    """Six who may go, and one for each other fate."""
    stock(company, IN)
    stock(company, ["S-1", "S-2", "W-1"])
    company.add("O-1", age_h=30)
    company.add("N-1", record=None)
    company.add("B-1", band=None)
    company.sql(
        "insert into suppress_a values ('S-1', 'asked to be left alone', null)",
        "insert into suppress_b values ('S-1', 'x', null), ('S-2', 'a secret', null)",
        "insert into review_a values ('W-1', 'large', null)",
    )


def capped(company: Company) -> Contract:
    """A contract with every kind of list, that holds records without a band, and sends four."""
    fields = {"Band__c": {"from": "band", "on_null": "flag", "on_edit": "overwrite"}}
    crm = contract_dict()["destinations"]["crm"] | {"fields": fields}
    return build(
        company,
        suppression=SUPPRESSION,
        destinations={"crm": crm},
        launch={"decision": "launch_with_caveats", "caveats": {"at_most": 4}},
    )


def test_the_waterfall_adds_up_and_every_reason_is_sampled(company: Company) -> None:
    everybody(company)
    contract = capped(company)
    plan(company, contract)
    made = packed(company, contract)

    assert made.waterfall is not None
    first, *out, last = made.waterfall.falls
    left = first.count
    for fall in out:
        left -= fall.count
        assert fall.left == left
    assert (first.count, left, last.count) == (12, 6, 6)
    counted = {fall.reason: (fall.count, fall.named, fall.owner) for fall in out}
    assert counted == {
        "stale": (1, 1, "analytics_engineering"),
        "unmatched:crm": (1, 1, "analytics_engineering"),
        "suppress_a": (1, 1, "cs_ops"),
        "suppress_b": (1, 2, "revops"),
        "review_a": (1, 1, "sales_ops"),
        "null:Band__c": (1, 1, "cs_director"),
    }
    flow = made.waterfall.flows[0]
    assert flow.eligible == {"add": 4, "held back: caveat": 2}
    assert sum(flow.eligible.values()) == last.count

    found = keys(made.sample)
    assert {"add", "held back: caveat", *counted} == set(found)
    assert found["suppress_b"] == ["S-2"]
    assert made.verdict == "pause"
    assert {gate.word for gate in made.gates} == {"passed", "stops"}
    asked = " ".join(question.text for question in made.questions)
    assert "1 waits for a person (review_a)" in asked
    assert "crm: 2 eligible held back" in asked


def test_the_sample_is_the_same_when_shown_again_in_either_form(company: Company) -> None:
    stock(company, [f"A-{number:03}" for number in range(60)])
    contract = build(company, gates=[{"sample_review": {"records": 8, "by": "cs_ops"}}])
    plan(company, contract)
    first, again = packed(company, contract), packed(company, contract, show_values=True)
    shown = [one.key for one in first.sample]
    assert [one.key for one in again.sample] == shown
    assert len(set(shown)) == 8
    assert shown != sorted(f"A-{number:03}" for number in range(8))
    for text in (markdown(again), html(again)):
        assert sorted(shown, key=text.index) == shown
    company.now += timedelta(minutes=5)
    plan(company, contract)
    assert [one.key for one in packed(company, contract).sample] == shown
    assert [blank.role for blank in first.blanks] == ["cs_director", "cs_ops"]


def test_a_sampled_change_shows_what_stands_there_and_what_will(company: Company) -> None:
    stock(company, ["A-1", "A-2", "A-3"])
    contract = build(company)
    assert go(company, contract).totals.accepted == 3
    company.destination.records["R-A-2"]["Band__c"] = "by hand"
    company.sql("update mart set band = 'high' where id in ('A-1', 'A-2')")
    plan(company, contract)

    shown = {one.key: one for one in packed(company, contract, show_values=True).sample}
    assert shown["A-3"].effects == ()
    changes = {key: shown[key].effects[0].fields[0] for key in ("A-1", "A-2")}
    assert [(c.before, c.after, c.edited) for c in changes.values()] == [
        ("low", "high", False),
        ("by hand", "high", True),
    ]
    found = keys(packed(company, contract).sample)
    assert {what: sorted(those) for what, those in found.items()} == {
        "unchanged": ["A-3"],
        "update": ["A-1", "A-2"],
    }


def test_values_are_in_no_pack_that_does_not_ask_for_them(company: Company) -> None:
    stock(company, ["A-1", "dana@example.com"], band="a secret band")
    stock(company, ["S-1"])
    company.sql("insert into suppress_a values ('S-1', 'a secret reason', null)")
    contract = build(company)
    plan(company, contract)
    without = packed(company, contract)
    assert not without.shows_values
    for text in (markdown(without), html(without), str(asdict(without))):
        assert "secret" not in text
        assert "dana@" not in text
    asked = packed(company, contract, show_values=True)
    assert asked.shows_values
    for text in (markdown(asked), html(asked)):
        assert "a secret band" in text
        assert "a secret reason" in text
        assert "dana@example.com" in text


def test_an_audience_shows_who_joins_and_who_leaves(company: Company) -> None:
    stock(company, ["A-1", "A-2", "A-3", "A-4"])
    contract = make_contract(audience_dict(), definition=company.definition())
    assert go(company, contract).totals.accepted == 4
    company.sql(
        "delete from mart where id = 'A-1'",
        "insert into suppress_a values ('A-2', 'open escalation', null)",
    )
    company.add("A-5")
    plan(company, contract)
    made = packed(company, contract)
    assert made.waterfall is not None
    flow = made.waterfall.flows[0]
    assert (flow.eligible, flow.leaving) == ({"add": 1, "unchanged": 2}, {"remove": 2})
    acts = {one.key: [effect.what for effect in one.effects] for one in made.sample}
    assert acts == {"A-1": ["remove"], "A-2": ["remove"], "A-5": ["add"], "A-3": [], "A-4": []}
    assert keys(made.sample)["no longer a candidate"] == ["A-1"]
    assert made.mapping[0].what == "list, list 1001"
    for text in (markdown(made), html(made)):
        assert "no longer a candidate" in text


def test_a_decision_in_two_systems_is_one_sample(company: Company) -> None:
    stock(company, ["A-1", "A-2"])
    crm = contract_dict()["destinations"]["crm"]
    both = {"crm": crm, "second": crm | {"kind": "crm", "fields": {"Other__c": {"from": "band"}}}}
    contract = build(company, destinations=both)
    plan(company, contract)
    made = packed(company, contract)
    assert made.waterfall is not None
    assert [flow.eligible for flow in made.waterfall.flows] == [{"add": 2}, {"add": 2}]
    places = [[effect.destination for effect in one.effects] for one in made.sample]
    assert places == [["crm", "second"], ["crm", "second"]]
    assert [place.destination for place in made.mapping] == ["crm", "second"]


def test_context_for_an_assistant_shows_its_reason_and_its_items(company: Company) -> None:
    stock(company, ["A-1", "A-2"])
    fields = {
        "suggestion": {"from": "band", "allowed": ["low", "high"], "on_null": "flag"},
        "reason_code": {"from": "band", "role": "meta", "on_null": "flag"},
    }
    store = contract_dict()["destinations"]["crm"] | {
        "kind": "webhook",
        "behavior": "mirror",
        "fields": fields,
    }
    contract = build(
        company,
        workflow=contract_dict()["workflow"] | {"kind": "ai_context"},
        destinations={"store": store},
        freshness=contract_dict()["freshness"] | {"on_expiry": "remove"},
    )
    plan(company, contract)
    made = packed(company, contract, show_values=True)
    columns = {each.field: each for each in made.mapping[0].columns}
    assert columns["reason_code"].is_meta
    assert (columns["suggestion"].allowed, columns["suggestion"].on_expiry) == (
        "low, high",
        "remove",
    )
    effects = [one.effects[0] for one in made.sample]
    assert [(each.destination, each.what, each.filled) for each in effects] == [
        ("store", "add", 2),
        ("store", "add", 2),
    ]
    assert [each.name for each in made.conditions if each.name == "ai_context"] == ["ai_context"]
    for text in (markdown(made), html(made)):
        assert "Context for an assistant, of high risk" in text


def test_an_older_plan_can_be_looked_at_and_says_so(company: Company) -> None:
    stock(company, ["A-1"])
    contract = build(company)
    first = plan(company, contract)
    stock(company, ["A-2"])
    second = plan(company, contract)
    assert first.plan is not None
    assert second.plan is not None
    older = packed(company, contract, plan=first.plan.id)
    assert (older.plan, len(older.sample)) == (first.plan.id, 1)
    assert any("not the newest" in remark for remark in older.remarks)
    newest = packed(company, contract, plan=second.plan.id)
    assert newest == packed(company, contract)
    assert newest.remarks == ()
    with pytest.raises(ConfigurationError, match="no plan 0000"):
        packed(company, contract, plan="0000")


def test_a_plan_of_nobody_has_an_empty_waterfall_and_no_sample(company: Company) -> None:
    contract = build(company)
    plan(company, contract)
    made = packed(company, contract)
    assert made.waterfall is not None
    assert [(fall.kind, fall.count) for fall in made.waterfall.falls] == [
        ("all", 0),
        ("out", 0),
        ("out", 0),
        ("left", 0),
    ]
    assert made.sample == ()
    assert "= eligible" in html(made)


def test_a_contract_that_changed_since_its_plan_is_told(company: Company) -> None:
    stock(company, ["A-1"])
    plan(company, build(company))
    workflow = contract_dict()["workflow"] | {"risk": "low"}
    made = packed(company, build(company, workflow=workflow))
    assert any("has changed since plan" in remark for remark in made.remarks)
    assert "of low risk" in " ".join(made.answers[0].lines)
    assert [blank.recorded for blank in made.blanks] == ["approval of 2026-11-01 holds"]
    edited = Contract.model_validate(
        build(company).model_dump(mode="json", by_alias=True) | {"version": 2}
    )
    assert packed(company, edited).blanks[0].recorded == "approval of 2026-11-01 no longer holds"


def test_a_pause_is_told_at_the_top_without_addresses(company: Company) -> None:
    contract = build(company)
    with company.runtime() as runtime:
        words = {"by": "dana@example.com", "reason": "wrong bands", "until": None}
        pause(contract.name, "crm", runtime, **words, now=company.now, contract=contract)
    told = packed(company, contract).remarks
    assert len(told) == 1
    assert told[0].startswith("crm is paused since 2026-11-20 09:00 UTC by (an address)")


def test_shared_addresses_and_the_holdout_have_their_owners(company: Company) -> None:
    stock(company, ["A-1", "A-2", "H-1"])
    company.sql(
        "insert into holdout_h select id, case id when 'H-1' then 0.0 else 0.9 end from mart",
        "update identity set is_role_based_email = true where key = 'A-2'",
    )
    body = audience_dict(
        matching=audience_dict()["matching"] | {"role_based_email": "exclude"},
        suppression=contract_dict()["suppression"] | {"holdout": {"share": 0.1, "name": "h"}},
    )
    contract = make_contract(body, definition=company.definition())
    plan(company, contract)
    made = packed(company, contract)
    assert made.waterfall is not None
    out = {
        fall.reason: (fall.title, fall.owner) for fall in made.waterfall.falls if fall.count == 1
    }
    assert out == {
        "role_based_email:crm": ("suppressed: role_based_email:crm", "salesforce_admin"),
        "holdout_h": ("holdout_h", "cs_director"),
        "": ("eligible", "cs_director"),
    }


def test_a_snapshot_that_is_not_what_was_gated_is_not_shown(company: Company) -> None:
    stock(company, ["A-1"])
    contract = build(company)
    made = plan(company, contract).plan
    assert made is not None
    with company.runtime() as runtime:
        path = runtime.snapshots.part(contract.name, made.id, "crm")
    rows = f"select * replace ('B-1' as key) from read_parquet('{path}')"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({rows}) to '{path}' (format parquet)")
    with pytest.raises(RefusedError, match="not what was gated"):
        packed(company, contract)


def test_without_a_plan_the_pack_says_what_is_missing(company: Company) -> None:
    contract = build(company, suppression=SUPPRESSION)
    made = packed(company, contract)
    assert (made.plan, made.verdict, made.waterfall, made.sample) == (None, None, None, ())
    assert made.no_plan == "none was made yet"
    lines = " ".join(made.answers[3].lines)
    assert "suppress_a (cs_ops), suppress_b (revops)" in lines
    assert "review_a (sales_ops)" in lines
    assert [step.command for step in made.steps] == [f"activation plan {contract.name}"]
    for text in (markdown(made), html(made)):
        assert "No plan" in text


def test_the_pack_after_a_delivery_asks_for_nothing_more(company: Company) -> None:
    stock(company, ["A-1"])
    contract = build(company)
    go(company, contract)
    send(company, contract)
    made = packed(company, contract)
    assert made.steps == ()
    assert made.verdict == "launch"
    assert [(gate.gate, gate.signer) for gate in made.gates if gate.word == "signed"] == [
        ("change_volume", "cs_director")
    ]
    assert made.blanks[0].recorded == "approval of 2026-11-01 holds; change_volume signed"


@pytest.mark.parametrize(
    ("included", "excluded", "records", "drawn"),
    [
        ({"add": 100}, {"a": 50, "b": 1}, 20, ({"add": 10}, {"a": 9, "b": 1})),
        ({"add": 3}, {}, 20, ({"add": 3}, {})),
        ({"add": 100}, {"a": 1}, 20, ({"add": 19}, {"a": 1})),
        ({"add": 2}, {"a": 100}, 20, ({"add": 2}, {"a": 18})),
        ({"add": 50, "clear": 1, "unchanged": 50}, {"a": 50}, 8,
         ({"add": 2, "clear": 1, "unchanged": 1}, {"a": 4})),
        ({"add": 9}, dict.fromkeys("abcdef", 9), 4, ({"add": 2}, dict.fromkeys("abcdef", 1))),
        ({}, {}, 20, ({}, {})),
        ({}, {"a": 0}, 20, ({}, {})),
    ],
)  # fmt: skip
def test_a_sample_gives_every_reason_its_turn(
    included: dict[str, int],
    excluded: dict[str, int],
    records: int,
    drawn: tuple[dict[str, int], dict[str, int]],
) -> None:
    assert shares(included, excluded, records) == drawn
