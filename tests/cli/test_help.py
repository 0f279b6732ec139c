"""The first contact: help that answers, quickly, and a page that lists the settings."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from activation_pipeline.cli import app
from activation_pipeline.cli.output import cell, printable

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "validate", "plan", "review", "approve", "sync", "status", "explain", "export",
    "export-ledger", "sandbox", "board", "verify", "pause", "resume", "rollback", "freeze",
    "expire", "pause-rules", "reviewed", "watch",
)  # fmt: skip


def test_the_commands_are_these() -> None:
    listed = CliRunner().invoke(app, ["--help"]).stdout.partition("Commands:")[2]
    assert tuple(re.findall(r"^  ([\w-]+)  +\S", listed, re.MULTILINE)) == COMMANDS
    assert "..." not in listed


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(name: str) -> None:
    text = CliRunner().invoke(app, [name, "--help"]).stdout
    assert f"Example: activation {name}" in text
    assert "--json" in text


def test_importing_the_command_line_stays_light() -> None:
    """A status at three in the morning must not wait for an orchestrator to be imported."""
    heavy = "{'dagster', 'pandas', 'pandera', 'duckdb', 'sqlalchemy', 'rich'}"
    program = f"import sys, activation_pipeline.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_what_a_warehouse_holds_never_steers_a_terminal() -> None:
    assert printable("a\x1b[31mred\x07") == "a\\x1b[31mred\\x07"
    assert cell("two\nlines") == "two\\nlines"
    assert "\u202e" not in cell("\u202etxt.exe")


def test_the_settings_page_lists_exactly_what_the_code_reads() -> None:
    name = re.compile(r"(ACTIVATION|SALESFORCE|HUBSPOT|BRAZE|WEBHOOK|DBT)_[A-Z0-9_]+")
    read: set[str] = set()
    for path in (ROOT / "activation_pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                read.update([node.value] if name.fullmatch(node.value) else [])
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z0-9_]+)(?:<ROLE>)?`", page, re.MULTILINE)) == read
