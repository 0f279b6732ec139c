"""The table at the end: a column per contract and destination, a row per figure."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table
from surroundings import console

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime

WIDTH = 11  # characters of a cell, where six columns of figures stand beside the labels


def show(contracts: list[Contract], runtime: Runtime) -> bool:
    """Print a column per contract and destination; say whether everything planned arrived."""
    columns, arrived = [], True
    for contract in contracts:
        evaluation = runtime.ledger.newest(contract.name)
        for destination in contract.destinations:
            plan = evaluation.plan if evaluation else None
            totals = runtime.ledger.deliveries.totals(plan.id, destination) if plan else None
            columns.append((contract.name, destination, evaluation, totals))
            arrived &= bool(plan and totals) and outcome(plan, destination, totals)
    table = Table(Column(no_wrap=True))
    for name, where, _, _ in columns:
        table.add_column(broken(f"{name}\n-> {where}"), overflow="fold")
    for label, *cells in zip(*(table_column(*column, columns) for column in columns), strict=True):
        table.add_row(label[0], *(broken(cell[1]) for cell in (label, *cells)))
    Console(file=sys.__stdout__, width=max(console.width, 132), highlight=False).print(table)
    return arrived


def broken(text: str) -> str:
    """Break long names behind an underscore, so that no word is broken in the middle."""
    lines: list[str] = []
    for line in text.splitlines():
        lines.append("")
        for part in re.findall(r"[^_ ]*[_ ]?", line):
            if lines[-1] and len(lines[-1]) + len(part.rstrip()) > WIDTH:
                lines.append("")
            lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def outcome(plan: Any, destination: str, totals: Any) -> bool:
    """Say whether every planned record was accepted or held back for a reason."""
    return bool(totals.accepted + totals.held == plan.part(destination).rows)


def table_column(
    _name: str, destination: str, evaluation: Any, totals: Any, every: list[Any]
) -> list[tuple[str, str]]:
    """List one contract's and destination's figures: the row's label and the cell."""
    plan = evaluation.plan if evaluation else None
    if plan is None:
        return [("plan", evaluation.message if evaluation else "none")]
    measures, part = evaluation.measures, plan.part(destination)
    rules = sorted(
        {rule for _, _, e, _ in every if e and e.plan for rule in e.measures["suppressed"]}
    )
    found = measures["dispositions"]
    names = ("stale", "invalid", "colliding", "holdout", "review")
    failed = [r for r in evaluation.results if not r.passed]
    signed = "\n".join(
        f"{r.gate}, signed by {r.overridden_by}" if r.overridden_by else r.gate for r in failed
    )
    caveat = part.withheld.get("caveat", 0)
    return [
        ("candidates", str(measures["candidates"])),
        ("eligible", str(found.get("eligible", 0))),
        ("suppressed", str(found.get("suppressed", 0))),
        *((f"  {rule}", str(measures["suppressed"].get(rule, "."))) for rule in rules),
        ("unmatched", str(found.get("unmatched", 0))),
        ("ambiguous", str(found.get("ambiguous", 0))),
        *((name, str(found.get(name, 0))) for name in names),
        ("planned", f"{part.rows}" + (f" ({caveat} wait: caveat)" if caveat else "")),
        ("accepted", str(totals.accepted)),
        ("rejected", str(totals.rejected + totals.unknown)),
        ("decision", evaluation.decision.replace("_", " ")),
        ("failed gates", signed or "none"),
    ]
