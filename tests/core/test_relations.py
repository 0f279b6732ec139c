"""Other people's tables, and other people's names, through the whole way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from company import audience_dict, contract_dict, make_contract
from desk import go, plan, received, stock

from activation_pipeline.contract import Contract
from activation_pipeline.manifest import read_manifest
from activation_pipeline.population import SEPARATOR
from activation_pipeline.sources import model_names

if TYPE_CHECKING:
    from company import Company

VIEW = "create view analytics.mart_view as select * from main.mart"
COPY = "create table {} as select * from main.mart"
ELSEWHERE = {
    "a view": (VIEW, "mart_view", "model", {"schema": "analytics"}),
    "an incremental model": (
        COPY.format("analytics.mart_incremental"),
        "mart_incremental",
        "model",
        {"schema": "analytics"},
    ),
    "a snapshot": (
        COPY.format("snapshots.mart_history"),
        "mart_history",
        "snapshot",
        {"schema": "snapshots"},
    ),
    "a source": (
        COPY.format('raw."ACCOUNTS v2"'),
        "crm.accounts",
        "source",
        {"schema": "raw", "identifier": "ACCOUNTS v2"},
    ),
    "a plain table": (COPY.format("raw.plain"), "raw.plain", None, {}),
    "a plain table of a database": (COPY.format("raw.plain"), "warehouse.raw.plain", None, {}),
}
HOSTILE = (
    "x; drop table mart -- (all)",
    "dotted.name:with:colons, %s {0} ? $1 @x",
    "Ünï'cödé ''quotes'' ключ 鍵 \u200f🔑",
    "select" * 21 + "it",
)


def approved(company: Company, body: dict[str, Any]) -> Contract:
    names = model_names(Contract.model_validate(body))
    definition = read_manifest(company.manifest).definition(names)
    return make_contract(body, definition=definition)


def put(company: Company, kind: str, name: str, **place: str) -> None:
    """Enter a relation into the manifest as dbt writes it."""
    entry = dict(company.manifest["nodes"]["model.t.mart"], name=name, alias=name, **place)
    if kind == "source":
        entry |= {"resource_type": "source", "source_name": "crm"}
        company.manifest.setdefault("sources", {})[f"source.t.crm.{name}"] = entry
        return
    company.manifest["nodes"][f"{kind}.t.{name}"] = entry | {"resource_type": kind}


def test_whatever_it_is_and_in_whatever_schema_it_can_be_a_source(company: Company) -> None:
    stock(company, "AB")
    company.sql(*(f"create schema {name}" for name in ("analytics", "snapshots", "raw")))
    company.sql(*dict.fromkeys(made for made, _, _, _ in ELSEWHERE.values()))
    for what, (_, source, kind, place) in ELSEWHERE.items():
        if kind is not None:
            put(company, kind, source.removeprefix("crm."), **place)
        body = contract_dict(source={"model": source, "systems": ["billing"]})
        found = plan(company, approved(company, body))
        assert found.plan is not None
        assert found.plan.part("crm").operations == {"add": 2}, what
        assert {r.gate for r in found.results if r.stops} == {"change_volume"}, what


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_tables_columns_and_fields_are_called_they_are_names(
    company: Company, name: str
) -> None:
    """A name that is read as SQL could drop a table or let a suppressed person through."""
    stock(company, "ABC")
    columns = {old: old[0] + name[1:] for old in ("id", "band", "scored_at")}
    listing = name[:-1] + "!"
    company.sql(
        f"alter table mart rename to {quoted(name)}",
        *(
            f"alter table {quoted(name)} rename {old} to {quoted(new)}"
            for old, new in columns.items()
        ),
        f"create table {quoted(listing)} as select 'B' as key, 'why' as reason",
    )
    put(company, "model", name)
    put(company, "model", listing)
    body = contract_dict(
        entity={"grain": "account", "key": columns["id"], "one_row_per": "customer"},
        source={"model": name, "systems": ["billing"]},
        suppression={"models": {listing: {"owner": "cs_ops"}}},
        gates=[
            {"null_rate": {"field": name, "at_most": 0.5}},
            {"suppression_count": {"at_most": 0.5}},
        ],
    )
    body["destinations"]["crm"]["fields"] = {name: {"from": columns["band"], "on_null": "flag"}}
    body["freshness"] |= {"column": columns["scored_at"], "on_expiry": {name: "clear"}}
    contract = approved(company, body)
    first = plan(company, contract)
    assert first.measures["suppressed"] == {listing: 1}
    assert {r.gate for r in first.results if r.stops} == {"change_volume", "suppression_count"}
    assert go(company, contract).totals.accepted == 2
    assert company.destination.records == {"R-A": {name: "low"}, "R-C": {name: "low"}}


def test_a_name_cannot_contain_what_parts_the_reasons() -> None:
    body = contract_dict(source={"model": f"a{SEPARATOR}b", "systems": ["billing"]})
    with pytest.raises(ValueError, match="should match pattern"):
        Contract.model_validate(body)


@pytest.mark.parametrize("name", ['say "x"', "tick`", "tab\t", "new\nline", "nul\0", "", "n" * 129])
def test_a_name_that_cannot_be_quoted_everywhere_is_refused(name: str) -> None:
    body = contract_dict(source={"model": name, "systems": ["billing"]})
    with pytest.raises(ValueError, match=r"source\.model"):
        Contract.model_validate(body)


def test_keys_of_any_type_are_compared_as_text(company: Company) -> None:
    stock(company, ["1", "2"])
    company.sql(
        "alter table mart alter id type bigint", "create table l as select 2 as key, 'x' as reason"
    )
    put(company, "model", "l")
    contract = approved(company, contract_dict(suppression={"models": {"l": {"owner": "cs_ops"}}}))
    go(company, contract)
    assert received(company) == ["1"]


def test_a_key_that_comes_twice_is_seen_whatever_else_leaves_it_out(company: Company) -> None:
    """A filter that hides one of two equal keys lets the other one through."""
    stock(company, "AB")
    company.sql(
        "insert into mart select id, 'odd', scored_at - interval 9 day from mart where id = 'A'"
    )
    contract = approved(company, contract_dict())
    found = plan(company, contract)
    assert found.measures["dispositions"] == {"eligible": 1, "invalid": 2}
    assert "grain_unique" in {r.gate for r in found.results if r.stops}


def test_a_list_loses_only_the_members_that_we_added(company: Company) -> None:
    stock(company, "AB")
    company.destination.members = {"somebody else's"}
    body = audience_dict(gates=[{"change_volume": {"remove": 1.0}}])
    contract = approved(company, body)
    go(company, contract)
    company.sql("delete from mart where id = 'A'")
    go(company, contract)
    assert company.destination.members == {"R-B", "somebody else's"}
