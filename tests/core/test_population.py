"""Random companies against an oracle in plain Python: who may be contacted, and why not."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from company import ENGINES, MODELS, NOW, contract_dict, make_contract
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from activation_pipeline.expressions import Relations
from activation_pipeline.population import SEPARATOR, population_query

KEYS = [*"abcdefgh", "", "ключ", "=cmd()"]
RECORDS = ["r1", "r2", "r3", "r4", "r5", "r6"]
TABLES = {
    "mart": "id varchar, band varchar, scored_at timestamp",
    "identity": "key varchar, destination_id varchar, destination_key varchar, rule varchar, "
    "is_role_based_email boolean",
    "suppress_a": "key varchar, reason varchar",
    "suppress_b": "key varchar, reason varchar",
    "review_a": "key varchar, reason varchar",
    "holdout_h": "key varchar, draw double",
}

keys = st.sampled_from(KEYS)
ages = st.sampled_from([-1, 0, 23, 24, 25, 400, None])
candidates = st.lists(
    st.tuples(st.one_of(keys, st.none()), st.sampled_from(["low", "high", "odd", None]), ages),
    max_size=12,
)
matches = st.lists(
    st.tuples(
        keys,
        st.one_of(st.sampled_from(RECORDS), st.none()),
        st.sampled_from(["billing_id", "tax_id", "fuzzy"]),
        st.one_of(st.booleans(), st.none()),
    ),
    max_size=16,
)
lists = st.lists(st.tuples(st.one_of(keys, st.none()), st.sampled_from(["why", None])), max_size=6)
draws = st.dictionaries(keys, st.sampled_from([0.0, 0.04, 0.05, 0.5, 0.99]), max_size=11)

BODY = contract_dict(
    matching={
        "identity": "identity",
        "rules": ["billing_id", "tax_id"],
        "role_based_email": "exclude",
    },
    suppression={
        "models": {"suppress_a": {"owner": "x"}, "suppress_b": {"owner": "x"}},
        "review": {"review_a": "y"},
        "holdout": {"share": 0.05, "name": "h"},
    },
)
BODY["destinations"]["crm"]["fields"]["Band__c"] |= {"allowed": ["low", "high"], "on_null": "flag"}
CONTRACT = make_contract(BODY)


def relations() -> Relations:
    tables = {name: exp.to_table(name) for name in MODELS}
    return Relations(source=tables["mart"], models=tables)


def best_matches(rows: list[Any]) -> dict[str, list[Any]]:
    """The oracle's own reading of "accepted rules, in order of precedence"."""
    found: dict[str, list[Any]] = {}
    for key in {row[0] for row in rows}:
        for rule in ("billing_id", "tax_id"):
            chosen = [
                row for row in rows if row[0] == key and row[2] == rule and row[1] is not None
            ]
            if chosen:
                found[key] = chosen
                break
    return found


def expected(
    rows: Any, identity: Any, first: Any, second: Any, review: Any, draw: Any
) -> list[str]:
    """Say each candidate's disposition, one by one, in words as close to the contract as can be."""
    times = Counter(key for key, _, _ in rows)
    matched = best_matches(identity)
    records = {key: {m[1] for m in found} for key, found in matched.items()}
    aimed = Counter(
        next(iter(records[key])) for key, _, _ in rows if len(records.get(key, ())) == 1
    )
    suppressed = {key for key, _ in (*first, *second)}
    waiting = {key for key, _ in review}

    def judge(key: str | None, band: str | None, age: int | None) -> str:
        ids = records.get(key, set()) if key else set()
        known = [m[3] for m in matched.get(key, ())] if key else []
        undated = age is None or age < 0
        in_order = {
            "invalid": not key or times[key] > 1 or undated or key not in draw or band == "odd",
            "stale": not undated and age > 24,
            "unmatched": not ids,
            "ambiguous": len(ids) > 1,
            "colliding": len(ids) == 1 and aimed[next(iter(ids))] > 1,
            "suppressed": any(flag is not False for flag in known) or key in suppressed,
            "holdout": draw.get(key, 1) < 0.05,
            "review": key in waiting or band is None,
        }
        return next((name for name, applies in in_order.items() if applies), "eligible")

    return [judge(*row) for row in rows]


def run(rows: Any, identity: Any, first: Any, second: Any, review: Any, draw: Any) -> list[Any]:
    content: dict[str, list[tuple[Any, ...]]] = {
        "mart": [
            (k, b, None if a is None else (NOW - timedelta(hours=a)).replace(tzinfo=None))
            for k, b, a in rows
        ],
        "identity": [(k, r, None, rule, flag) for k, r, rule, flag in identity],
        "suppress_a": first,
        "suppress_b": second,
        "review_a": review,
        "holdout_h": list(draw.items()),
    }
    with ENGINES.opened() as connection:
        for name, columns in TABLES.items():
            connection.execute(f"create temp table {name} ({columns})")
            if content[name]:
                marks = ", ".join("?" * len(content[name][0]))
                connection.executemany(f"insert into {name} values ({marks})", content[name])
        query = population_query(CONTRACT, relations(), now=NOW).sql("duckdb")
        cursor = connection.execute(query)
        names = [each[0] for each in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@settings(max_examples=150, deadline=None)
@given(candidates, matches, lists, lists, lists, draws)
def test_every_candidate_gets_the_one_disposition_that_the_contract_names(
    rows: Any, identity: Any, first: Any, second: Any, review: Any, draw: Any
) -> None:
    """A wrong disposition is a wrong customer contacted, or a right one lost without a trace."""
    found = run(rows, identity, first, second, review, draw)
    assert len(found) == len(rows)
    got = Counter((row["key"], row["disposition"]) for row in found)
    wanted = Counter(
        (key, disposition)
        for (key, _, _), disposition in zip(
            rows, expected(rows, identity, first, second, review, draw), strict=True
        )
    )
    assert got == wanted
    for row in found:
        reasons = [reason for reason in row["reasons"].split(SEPARATOR) if reason]
        assert (row["disposition"] == "eligible") == (not reasons)


def test_all_reasons_are_kept_beside_the_first_one() -> None:
    identity = [("a", "r1", "tax_id", None)]
    found = run([("a", "odd", 25)], identity, [("a", "churned")], [], [("a", "big")], {"a": 0.0})
    assert found[0]["disposition"] == "invalid"
    assert set(found[0]["reasons"].split(SEPARATOR)) == {
        "not_allowed:Band__c",
        "stale",
        "role_based_email:crm",
        "suppress_a",
        "holdout_h",
        "review_a",
    }
    assert found[0]["details"] == "churned; big"


def test_a_candidate_is_stale_one_second_after_the_limit_and_not_at_it() -> None:
    for seconds, disposition in ((0, "eligible"), (1, "stale")):
        at = NOW + timedelta(seconds=seconds)
        with ENGINES.opened() as connection:
            for name, columns in TABLES.items():
                connection.execute(f"create temp table {name} ({columns})")
            scored = (NOW - timedelta(hours=24)).replace(tzinfo=None)
            connection.execute("insert into mart values ('a', 'low', ?)", [scored])
            connection.execute("insert into identity values ('a', 'r', null, 'tax_id', false)")
            connection.execute("insert into holdout_h values ('a', 0.5)")
            query = population_query(CONTRACT, relations(), now=at).sql("duckdb")
            assert connection.execute(f"select disposition from ({query})").fetchall() == [
                (disposition,)
            ]
