"""No exported cell is ever a formula, and no text is lost on the way into a CSV file."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from activation_pipeline.export import FORMULA_STARTS, spreadsheet_safe

if TYPE_CHECKING:
    from pathlib import Path

texts = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12),
    st.builds(
        str.__add__, st.sampled_from(FORMULA_STARTS), st.text("=+-@\t\r\n\",;'a", max_size=4)
    ),
)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(texts, min_size=1, max_size=8))
def test_no_cell_is_a_formula_and_every_text_survives(values: list[str]) -> None:
    query = exp.select(spreadsheet_safe(exp.column("v"))).from_("given").sql("duckdb")
    with duckdb.connect() as connection:
        connection.execute("create table given (n integer, v varchar)")
        connection.executemany("insert into given values (?, ?)", list(enumerate(values)))
        cells = [row[0] for row in connection.execute(f"{query} order by n").fetchall()]
    assert not any(cell.startswith(tuple(FORMULA_STARTS)) for cell in cells)
    for value, cell in zip(values, cells, strict=True):
        assert cell == (f"'{value}" if value.startswith(tuple(FORMULA_STARTS)) else value)


def test_a_written_cell_reads_back_whole(tmp_path: Path) -> None:
    """A quote, a separator or a line end inside a cell must not open another cell."""
    values = ['a";=cmd()', "a,b", "a\nb", "a\r\n=b", 'say "x"', "-1", "'=x", "", "\t=1"]
    path = tmp_path / "out.csv"
    query = exp.select(spreadsheet_safe(exp.column("v"))).from_("given").sql("duckdb")
    with duckdb.connect() as connection:
        connection.execute("create table given (n integer, v varchar)")
        connection.executemany("insert into given values (?, ?)", list(enumerate(values)))
        connection.execute(
            f"COPY ({query} order by n) TO '{path}' (FORMAT csv, HEADER false, FORCE_QUOTE *)"
        )
    text = path.read_bytes().decode("utf-8")
    found = [row[0] for row in csv.reader(io.StringIO(text, newline=""))]
    starts = tuple(FORMULA_STARTS)
    assert found == [f"'{value}" if value.startswith(starts) else value for value in values]
