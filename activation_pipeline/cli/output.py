"""How a report looks: one JSON document, tables on a terminal, plain aligned text in a pipe.

The text of a pipe is stable and has no colour codes. Whatever cannot be printed is escaped,
so that a value from a warehouse never steers somebody's terminal.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Grid:
    """A small table: a title, column names, rows of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def show_json(document: Mapping[str, Any]) -> None:
    """Write one JSON document to standard output."""
    typer.echo(json.dumps(_plain(document), indent=2))


def show(parts: Iterable[str | Grid]) -> None:
    """Write lines and tables to standard output, one after the other."""
    for part in parts:
        if isinstance(part, str):
            typer.echo(printable(part))
        elif part.rows:
            _show_grid(part)


def note(message: str) -> None:
    """Write a remark to standard error, so that standard output holds the report alone."""
    typer.echo(printable(message), err=True)


def printable(text: str) -> str:
    """Escape what a terminal would obey instead of show; line ends stay."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def cell(value: object) -> str:
    """Write one value in one line; nothing is written as a dash."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, float):
        return f"{value:g}"
    return printable(str(value).replace("\n", "\\n"))


def counts(found: Mapping[str, int]) -> str:
    """Write counts by name in one line."""
    return ", ".join(f"{name} {count:,}" for name, count in found.items()) or "none"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no NaN and no infinity
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _show_grid(grid: Grid) -> None:
    if sys.stdout.isatty():
        _show_rich(grid)
        return
    rows = [tuple(grid.columns), *(tuple(map(cell, row)) for row in grid.rows)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(grid.columns))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    typer.echo("\n".join([f"\n{grid.title}", *(line.rstrip() for line in lines)]))


def _show_rich(grid: Grid) -> None:
    # Only a terminal needs it, and importing it takes as long as a short command does.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    table = Table(title=grid.title, title_justify="left", title_style="bold")
    for name in grid.columns:
        table.add_column(name, overflow="fold")
    for row in grid.rows:
        # As Text, so that square brackets in a value are not taken for styling.
        table.add_row(*(Text(cell(value)) for value in row))
    Console().print(table)
