"""``activation approve``: a role's word, into the contract's file or on one plan.

Without a plan, the approval is a line of the YAML file, for review in Git: the file is
replaced whole or not at all, and only after the new text was checked as a contract.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from activation_pipeline.approval import Terms, lapses, terms_of
from activation_pipeline.approve import approval_line, sign_plan, subject_now, with_approval
from activation_pipeline.cli import evaluation as looks
from activation_pipeline.cli import opening, output
from activation_pipeline.errors import (
    ConfigurationError,
    ContractError,
    PermanentError,
    RetryableError,
)
from activation_pipeline.loading import load
from activation_pipeline.people import check_speaker
from activation_pipeline.steps import next_steps

if TYPE_CHECKING:
    from datetime import date

    from activation_pipeline.contract import Contract
    from activation_pipeline.settings import Settings


@dataclass(frozen=True)
class Word:
    """Who speaks, in which role, on what; ``accounts`` are given as ``destination=account``."""

    role: str
    by: str
    plan: str | None
    gate: str | None
    reason: str | None
    accounts: tuple[str, ...] = ()


def run(name: str, word: Word, *, as_json: bool) -> None:
    """Approve a contract, or sign one plan past its failing gates."""
    if word.plan is None and (word.gate or word.reason):
        raise typer.BadParameter("--gate and --reason are about one plan; name it with --plan")
    if word.plan is not None and word.accounts:
        raise typer.BadParameter("--account is about the contract; leave --plan out")
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
    now = opening.now()
    with opening.runtime(found) as runtime:
        check_speaker(word.role, word.by, runtime.people, clause="approved")
        try:
            subject = subject_now(contract, runtime, now=now, accounts=_accounts(word))
        except (ConfigurationError, RetryableError, PermanentError) as error:
            # Whoever approves need not have the destination's secrets.
            hint = "or name each account that you approve: --account DESTINATION=ACCOUNT"
            raise type(error)(f"{error}; {hint}") from None
    line = approval_line(contract, subject, role=word.role, by=word.by, on=now.date())
    path = found.contracts / f"{contract.name}.yaml"
    terms = Terms((word.role,), terms_of(contract).valid_for)
    already = not lapses(contract, subject, terms, {}, now=now)
    if not already:
        text = path.read_bytes().decode("utf-8")
        _replace(path, with_approval(text, line), found, today=now.date())
    where, mark = opening.shown(path), subject.fingerprint
    if as_json:
        output.show_json(
            {
                "contract": contract.name,
                "role": word.role,
                **asdict(subject),
                "file": where,
                "written": not already,
            }
        )
        return
    if already:
        output.show(
            [f"{where}: {word.role} has approved fingerprint {mark} already; nothing written"]
        )
        return
    accounts = ", ".join(f"{name}: {each}" for name, each in subject.destinations.items())
    output.show(
        [
            f"{where}: {word.role} approves fingerprint {mark}, definition {subject.definition}",
            f"  for {accounts}",
            "next: commit this file and have it reviewed; then",
            f"  activation plan {contract.name}",
        ]
    )


def _accounts(word: Word) -> dict[str, str]:
    pairs = [each.partition("=") for each in word.accounts]
    if any(not name or not account for name, _, account in pairs):
        raise typer.BadParameter("--account: write destination=account, as approved shows it")
    return {name: account for name, _, account in pairs}


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
