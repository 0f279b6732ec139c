"""Contracts read any table, view, increment, snapshot, seed or source of a project as it is.

The project is somebody else's: it is built by dbt once, in two schemas beside a third that dbt
does not make, and not one file of it is changed for us.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from company import NOW
from e2e_box import TEXT_FIELDS, record_id
from e2e_commands import Commands
from e2e_place import add_up, body
from other_project import KINDS, RECORDS, UNSUBSCRIBED, build, name_of, newest_file, warehouse

from activation_pipeline.loading import check
from activation_pipeline.manifest import read_manifest
from activation_pipeline.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Opening
    from e2e_place import Place


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("theirs") / "project"
    build(folder, now=NOW)
    return folder


@pytest.fixture
def theirs(opening: Opening, project: Path) -> Iterator[Place]:
    """A place whose warehouse and manifest are the other project's."""
    with opening({"hubspot": {n: f"K{n}" for n in range(1, RECORDS + 1)}}) as place:
        place.company.path = warehouse(project)
        place.company.manifest = json.loads((project / "target" / "manifest.json").read_bytes())
        yield place


def reading(source: str, identity: str, unsubscribed: str) -> dict[str, Any]:
    """A contract that reads its three parts from relations of these names."""
    given = body("hubspot")
    given["entity"] = given["entity"] | {"key": "key"}
    return given | {
        "source": {"model": source, "systems": ["theirs"]},
        "matching": {"identity": identity, "rules": ["billing_id"]},
        "suppression": {"models": {unsubscribed: {"owner": "cs_ops"}}},
    }


def reached(place: Place) -> set[str]:
    stored = place.box.stored("hubspot", TEXT_FIELDS["hubspot"])
    return {record for record, value in stored.items() if value}


@pytest.mark.parametrize("turn", range(len(KINDS)), ids=KINDS)
def test_each_part_of_a_contract_may_be_any_kind_of_relation(
    theirs: Place, project: Path, turn: int
) -> None:
    source, identity, unsubscribed = (KINDS[(turn + shift) % len(KINDS)] for shift in (0, 1, 2))
    before = newest_file(project)
    contract = theirs.contract(
        reading(name_of("people", source), name_of("ids", identity), name_of("gone", unsubscribed))
    )
    report = theirs.run(contract)
    assert add_up(report)
    left_out = UNSUBSCRIBED[unsubscribed].removeprefix("K")
    expected = {record_id("hubspot", n) for n in range(1, RECORDS + 1)}
    assert reached(theirs) == expected - {record_id("hubspot", int(left_out))}
    assert newest_file(project) == before


def test_a_relation_that_dbt_does_not_know_is_read_by_schema_and_table(theirs: Place) -> None:
    contract = theirs.contract(
        reading("raw data.people_source", "core_marketing.ids_view", "raw data.gone_source")
    )
    assert theirs.run(contract).totals.accepted == RECORDS - 1


def test_a_change_of_their_models_logic_is_seen_before_it_is_sent(
    theirs: Place, project: Path
) -> None:
    """Their next deployment may change who is in the list; nobody here approved that."""
    contract = theirs.contract(
        reading(name_of("people", "view"), name_of("ids", "table"), name_of("gone", "snapshot"))
    )
    theirs.plan(contract)
    changed = json.loads((project / "target" / "manifest.json").read_bytes())
    changed["nodes"]["snapshot.theirs.gone_snapshot"]["raw_code"] = "select 1"
    theirs.company.manifest = changed
    with pytest.raises(Exception, match="models' logic changed"):
        theirs.send(contract)
    assert reached(theirs) == set()


def test_the_loader_knows_every_kind_of_relation_and_misses_what_is_not_there(
    theirs: Place, folder: Path
) -> None:
    commands, today = Commands(theirs), datetime.now(UTC).date()
    manifest = read_manifest(theirs.company.manifest)

    def problems(*relations: str) -> list[str]:
        name = commands.write_contract(reading(*relations)).name
        file = folder / "place" / "contracts" / f"{name}.yaml"
        return [problem.path for problem in check(file, today=today, manifest=manifest).problems]

    for kind in KINDS:
        assert problems(*(name_of(part, kind) for part in ("people", "ids", "gone"))) == []
    assert problems("people_vew", "ids_view", "gone_view") == ["source.model"]


def test_their_warehouse_is_only_read(theirs: Place, project: Path) -> None:
    del theirs
    with open_warehouse(warehouse(project)) as connection:
        schemas = connection.execute("select distinct table_schema from information_schema.tables")
        found = {row[0] for row in schemas.fetchall()}
    assert found == {"core", "core_marketing", "raw data"}
