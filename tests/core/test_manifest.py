"""Names of a contract in dbt's manifest, and the hash of the logic behind them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from activation_pipeline.errors import WarehouseError
from activation_pipeline.manifest import Manifest, read_manifest


def node(kind: str, name: str, **changes: Any) -> dict[str, Any]:
    """One entry of a manifest, in schema ``marts`` of database ``wh``."""
    usual = {
        "resource_type": kind,
        "name": name,
        "package_name": "shop",
        "database": "wh",
        "schema": "marts",
        "alias": name,
        "raw_code": f"-- {name}\nselect *\nfrom raw",
        "depends_on": {"nodes": [], "macros": []},
        "columns": {},
    }
    return usual | changes


MACRO = {"package_name": "shop", "macro_sql": "{% macro m() %}1{% endmacro %}", "depends_on": {}}
DOCUMENT: dict[str, Any] = {
    "metadata": {"project_name": "shop", "adapter_type": "duckdb"},
    "nodes": {
        "model.shop.mart": node(
            "model", "mart",
            depends_on={"nodes": ["model.shop.staging"], "macros": ["macro.shop.m"]},
            columns={"id": {"data_type": "varchar"}, "band": {}},
            contract={"enforced": True},
        ),
        "model.shop.staging": node("model", "staging", depends_on={"macros": ["macro.dbt.cast"]}),
        "seed.shop.codes": node("seed", "codes", raw_code=""),
        "snapshot.shop.history": node("snapshot", "history", schema="snapshots"),
        "model.shop.renamed": node("model", "renamed", alias="other_name", database=None),
        "model.other.mart": node("model", "mart", package_name="other", schema="theirs"),
        "model.other.theirs": node("model", "theirs", package_name="other"),
        "test.shop.accepted": node(
            "test", "accepted", attached_node="model.shop.mart",
            test_metadata={
                "name": "accepted_values",
                "kwargs": {"column_name": "band", "arguments": {"values": ["low", 1]}},
            },
        ),
        "test.shop.old": node(
            "test", "old", attached_node="model.shop.staging",
            test_metadata={
                "name": "accepted_values", "kwargs": {"column_name": "b", "values": ["x"]}
            },
        ),
        "test.shop.unique": node(
            "test", "unique", attached_node="model.shop.mart",
            test_metadata={"name": "unique", "kwargs": {"column_name": "id"}},
        ),
    },
    "sources": {
        "source.shop.crm.accounts": {
            "resource_type": "source", "source_name": "crm", "name": "accounts",
            "database": "wh", "schema": "raw", "identifier": "ACCOUNTS_V2",
        },
    },
    "macros": {
        "macro.shop.m": MACRO,
        "macro.dbt.cast": MACRO | {"package_name": "dbt"},
        "macro.dbt_duckdb.load": MACRO | {"package_name": "dbt_duckdb"},
    },
}  # fmt: skip
MANIFEST = read_manifest(DOCUMENT)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mart", ("wh", "marts", "mart")),
        ("codes", ("wh", "marts", "codes")),
        ("history", ("wh", "snapshots", "history")),
        ("crm.accounts", ("wh", "raw", "ACCOUNTS_V2")),
        ("renamed", ("marts", "other_name")),
        ("theirs", ("wh", "marts", "theirs")),
        ("raw.events", ("raw", "events")),
        ("wh.raw.events", ("wh", "raw", "events")),
    ],
)
def test_a_name_is_a_model_a_seed_a_snapshot_a_source_or_a_plain_relation(
    name: str, parts: tuple[str, ...]
) -> None:
    assert MANIFEST.resolve(name).parts == parts


@pytest.mark.parametrize("name", ["events", "a.b.c.d", ".events", "raw.", "accepted", ""])
def test_a_name_that_is_none_of_these_says_what_to_do(name: str) -> None:
    with pytest.raises(WarehouseError, match=r"run dbt parse, or write schema\.table"):
        MANIFEST.resolve(name)


def test_a_name_in_two_packages_is_the_root_projects_whatever_the_order() -> None:
    turned = DOCUMENT | {"nodes": dict(reversed(DOCUMENT["nodes"].items()))}
    for document in (DOCUMENT, turned):
        assert read_manifest(document).names["mart"] == "model.shop.mart"


def test_columns_accepted_values_and_the_enforced_contract_are_read() -> None:
    found = MANIFEST.relation("mart")
    assert found is not None
    assert (found.columns, found.enforced) == ({"id": "varchar", "band": ""}, True)
    assert found.allowed == {"band": frozenset({"low", "1"})}
    older = MANIFEST.relation("staging")
    assert older is not None
    assert (older.allowed, older.enforced) == ({"b": frozenset({"x"})}, False)
    assert MANIFEST.relation("nothing") is None


def test_an_empty_manifest_still_takes_plain_relations() -> None:
    empty = read_manifest({})
    assert empty.resolve("raw.events").node is None
    assert empty.definition(["raw.events"]) == empty.definition([])


def changed(*path: str, to: Any) -> Manifest:
    """The manifest after one edit in the project."""
    document = deepcopy(DOCUMENT)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return read_manifest(document)


LOGIC = {
    "its own SQL": changed("nodes", "model.shop.mart", "raw_code", to="select 1"),
    "an ancestor's SQL": changed("nodes", "model.shop.staging", "raw_code", to="select 1"),
    "a macro's text": changed(
        "macros", "macro.shop.m", "macro_sql", to="{% macro m() %}2{% end %}"
    ),
    "another ancestor": changed(
        "nodes", "model.shop.staging", "depends_on", to={"nodes": ["model.other.theirs"]}
    ),
}
SAME = {
    "indentation": changed(
        "nodes", "model.shop.mart", "raw_code", to="-- mart\n  select *\nfrom raw"
    ),
    "white space behind lines": changed(
        "nodes", "model.shop.mart", "raw_code", to="\n-- mart\nselect *  \nfrom raw\n\n"
    ),
    "windows line ends": changed(
        "nodes", "model.shop.mart", "raw_code", to="-- mart\r\nselect *\r\nfrom raw\r\n"
    ),
    "dbt's own macros": changed("macros", "macro.dbt.cast", "macro_sql", to="other"),
    "the adapter's macros": changed("macros", "macro.dbt_duckdb.load", "macro_sql", to="other"),
    "a seed's data": changed("nodes", "seed.shop.codes", "checksum", to={"checksum": "f00"}),
    "a model that is no ancestor": changed("nodes", "model.shop.renamed", "raw_code", to="x"),
    "descriptions": changed("nodes", "model.shop.mart", "description", to="better"),
    "a compiled path": changed("nodes", "model.shop.mart", "compiled_path", to="/elsewhere"),
}


@pytest.mark.parametrize("edit", LOGIC)
def test_the_definition_changes_with_the_logic(edit: str) -> None:
    """Else what somebody approved is not what runs."""
    assert LOGIC[edit].definition(["mart"]) != MANIFEST.definition(["mart"])


@pytest.mark.parametrize("edit", SAME)
def test_the_definition_stays_with_what_is_no_logic_of_the_contracts(edit: str) -> None:
    assert SAME[edit].definition(["mart", "codes"]) == MANIFEST.definition(["mart", "codes"])


def test_the_definition_does_not_depend_on_the_order_of_names() -> None:
    names = ["mart", "history", "renamed"]
    assert MANIFEST.definition(names) == MANIFEST.definition(names[::-1])
    assert MANIFEST.definition(names) != MANIFEST.definition(names[:2])


def test_models_that_depend_on_each_other_in_a_circle_end() -> None:
    circle = {"nodes": ["model.shop.mart"], "macros": []}
    assert changed("nodes", "model.shop.staging", "depends_on", to=circle).definition(["mart"])
