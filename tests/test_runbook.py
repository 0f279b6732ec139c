"""The runbook has a section for every clause, true to the gates, with commands that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from activation_pipeline import runbook
from activation_pipeline.cli import app
from activation_pipeline.contract.safeguards import PauseRules
from activation_pipeline.errors import ActivationError, RefusedError
from activation_pipeline.gates import GATES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / runbook.PAGE).read_text(encoding="utf-8")
LABELS = ("Means", "Out there", "Look", "Mend", "Who", "Never")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))


@cache
def modules() -> tuple[ast.Module, ...]:
    files = sorted((ROOT / "activation_pipeline").rglob("*.py"))
    return tuple(ast.parse(file.read_text(encoding="utf-8")) for file in files)


def constants() -> dict[str, str]:
    """Every text that a module gives a name to: NOT_PAUSED and the like."""
    return {
        target.id: node.value.value
        for module in modules()
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def written_clauses() -> set[str]:
    """Every clause that the code spells out where it refuses or tells a state."""
    named, found = constants(), set()
    for module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.keyword):
                names = [node.arg]
            elif isinstance(node, ast.Assign):
                names = [ast.unparse(target) for target in node.targets]
            else:
                continue
            for part in ast.walk(node.value) if "clause" in names else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    found.add(part.value)
                elif isinstance(part, ast.Name) and part.id in named:
                    found.add(named[part.id])
    # A sentence about a clause is kept under this name, too.
    return {each for each in found if re.fullmatch("[a-z_]+", each)}


def clauses() -> set[str]:
    errors = {vars(kind).get("section", "plan") for kind in ActivationError.__subclasses__()}
    rules = set(PauseRules.model_fields)
    return set(GATES) | written_clauses() | rules | errors | set(runbook.STATES)


def fields(section: str) -> dict[str, str]:
    found = re.findall(r"^- \*\*([^*]+)\*\*: (.+?)(?=^- |\Z)", section, re.MULTILINE | re.DOTALL)
    return {label: " ".join(text.split()) for label, text in found}


def test_every_clause_has_a_section_and_every_section_a_clause() -> None:
    known = clauses()
    assert {"plan", "one_sender", "ledger", "launch", "not_paused"} <= written_clauses()
    assert sorted(known - set(SECTIONS)) == [], "clauses without a section"
    assert sorted(set(SECTIONS) - known) == [], "sections without a clause"


@pytest.mark.parametrize("clause", SECTIONS)
def test_a_section_answers_what_whoever_is_on_call_asks(clause: str) -> None:
    assert tuple(fields(SECTIONS[clause])) == LABELS


@pytest.mark.parametrize("name", GATES)
def test_a_section_says_truly_whose_a_gate_is_and_whether_it_may_be_signed(name: str) -> None:
    known = GATES[name]
    who = fields(SECTIONS[name])["Who"]
    assert f"`owners.{known.owner}`" in who
    assert ("nobody may sign" in who.lower()) != known.may_be_signed
    assert ("may sign" in who.lower().replace("nobody may sign", "")) == known.may_be_signed


def commands() -> list[str]:
    """Every quoted command, in a line or in a block."""
    inline = re.findall(r"`(activation [^`]+)`", PAGE)
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return sorted({" ".join(each.split()) for each in (*inline, *filter(None, lines))})


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_runbook_is_one(command: str) -> None:
    _, name, *_ = command.split()
    shown = CliRunner().invoke(app, [name, "--help"])
    assert shown.exit_code == 0, command
    required = re.findall(r"(--[a-z-]+) .*(?:\n +[^-\n].*)*?\[required\]", shown.stdout)
    assert [each for each in required if each not in command] == []
    for option in re.findall(r"--[a-z-]+", command):
        assert re.search(rf"{option}\b", shown.stdout), command


def test_links_within_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(#([^)]+)\)", PAGE)
    assert links
    assert set(links) <= set(SECTIONS)


def test_an_error_leads_to_its_section_here_or_where_the_installation_serves_it() -> None:
    error = RefusedError("no", clause="not_paused")
    assert error.runbook == "docs/runbook.md#not_paused"
    address = "https://wiki.example.com/activation"
    assert runbook.link(error.section, address) == f"{address}#not_paused"
