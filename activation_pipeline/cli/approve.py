"""``activation approve``: a role's word, into the contract's file or on one plan.

Without a plan, the approval is a line of the YAML file, for review in Git: the file is
replaced whole or not at all, and only after the new text was checked as a contract.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from activation_pipeline.approve import (
    approval_line,
    definition_now,
    sign_plan,
    with_approval,
)
from activation_pipeline.cli import evaluation as looks
from activation_pipeline.cli import opening, output
from activation_pipeline.contract import fingerprint
from activation_pipeline.errors import ContractError
from activation_pipeline.loading import load
from activation_pipeline.steps import next_steps

if TYPE_CHECKING:
    from datetime import date

    from activation_pipeline.contract import Contract
    from activation_pipeline.settings import Settings


@dataclass(frozen=True)
class Word:
    """Who speaks, in which role, on what."""

    role: str
    by: str
    plan: str | None
    gate: str | None
    reason: str | None


def run(name: str, word: Word, *, as_json: bool) -> None:
    """Approve a contract, or sign one plan past its failing gates."""
    if word.plan is None and (word.gate or word.reason):
        raise typer.BadParameter("--gate and --reason are about one plan; name it with --plan")
    if word.plan is not None and not word.reason:
        raise typer.BadParameter("--reason: say why this plan may go; it is kept for good")
    found = opening.settings()
    contract = opening.contract(found, name)
    if word.plan is None:
        _approve_contract(contract, found, word, as_json=as_json)
    else:
        _sign(contract, found, word, plan=word.plan, as_json=as_json)


def _sign(contract: Contract, found: Settings, word: Word, *, plan: str, as_json: bool) -> None:
    with opening.runtime(found) as runtime:
        evaluation = sign_plan(
            contract,
            runtime,
            plan=plan,
            gate=word.gate,
            role=word.role,
            by=word.by,
            reason=word.reason or "",
            now=opening.now(),
        )
        pauses = runtime.ledger.pauses(contract.name, now=opening.now())
    steps = next_steps(contract, evaluation, pauses)
    if as_json:
        output.show_json(looks.document(evaluation, steps))
        return
    signed = [r.gate for r in evaluation.results if r.overridden_by == word.role]
    output.show(
        [
            f"{contract.name}: plan {plan}: {', '.join(signed)} signed by {word.role}",
            *looks.decision_lines(evaluation),
            *looks.step_lines(steps),
        ]
    )


def _approve_contract(contract: Contract, found: Settings, word: Word, *, as_json: bool) -> None:
    with opening.runtime(found) as runtime:
        definition = definition_now(contract, runtime)
    today = opening.now().date()
    path = found.contracts / f"{contract.name}.yaml"
    mark = fingerprint(contract)
    line = approval_line(contract, definition=definition, role=word.role, by=word.by, on=today)
    already = any(
        (approval.role, approval.fingerprint, approval.definition) == (word.role, mark, definition)
        for approval in contract.launch.approvals
    )
    if not already:
        text = path.read_bytes().decode("utf-8")
        _replace(path, with_approval(text, line), found, today=today)
    if as_json:
        output.show_json(
            {
                "contract": contract.name,
                "role": word.role,
                "fingerprint": mark,
                "definition": definition,
                "file": opening.shown(path),
                "written": not already,
            }
        )
        return
    where = opening.shown(path)
    if already:
        output.show(
            [f"{where}: {word.role} has approved fingerprint {mark} already; nothing written"]
        )
        return
    output.show(
        [
            f"{where}: {word.role} approves fingerprint {mark}, definition {definition}",
            "next: commit this file and have it reviewed; then",
            f"  activation plan {contract.name}",
        ]
    )


def _replace(path: Path, text: str, found: Settings, *, today: date) -> None:
    """Put the new text in place in one step, once it is known to be a valid contract."""
    data = text.encode("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_bytes(data)
        try:
            load(trial, today=today, manifest=opening.manifest(found))
        except ContractError as error:
            where = opening.shown(path).as_posix()
            raise ContractError(replace(p, file=where) for p in error.problems) from None
    # Hidden, so that whoever reads the folder meanwhile does not take it for a contract.
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(data)
        beside.chmod(path.stat().st_mode & 0o777)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
