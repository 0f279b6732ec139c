"""The README's commands, run as a newcomer would: in a fresh copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]
BIN = Path(sys.executable).parent


def blocks(text: str) -> list[str]:
    return [
        line.split("#")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line.strip()
    ]


def test_every_make_target_that_the_docs_name_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    pattern = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
    named = {name for page in PAGES for name in pattern.findall(page.read_text(encoding="utf-8"))}
    assert {"run", "test"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_of_the_docs_is_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


@cache
def help_of(command: str) -> subprocess.CompletedProcess[str]:
    """Ask the installed command once for all pages that name it."""
    return subprocess.run(
        [str(BIN / "activation"), command, "--help"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_activation_command_of_the_docs_is_one(page: Path) -> None:
    commands = [c for c in blocks(page.read_text(encoding="utf-8")) if "activation " in c]
    for command in commands:
        words = command.split("activation ", 1)[1].split()
        shown = help_of(words[0])
        assert shown.returncode == 0, command
        for option in re.findall(r"--[a-z]+", command):
            assert option in shown.stdout, command


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of what Git tracks, without an installation or state of its own."""
    folder = tmp_path_factory.mktemp("copy") / "a stranger's folder"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    yield folder
    shutil.rmtree(folder)


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    ours = ("ACTIVATION_", "SALESFORCE_", "HUBSPOT_", "BRAZE_", "WEBHOOK_", "DAGSTER_", "DBT_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return subprocess.run(
        [sys.executable, "scripts/demo", "run"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def row(table: str, label: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"│ {label} "))
    return [cell.strip() for cell in line.strip("│").split("│")[1:]]


@pytest.mark.demo
def test_the_demo_waits_for_signatures_delivers_and_then_writes_nothing(copy: Path) -> None:
    first = run_demo(copy)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "no baseline" in first.stdout
    assert "signed here as demo_cs_director" in first.stdout
    planned = [int(cell.split()[0]) for cell in row(first.stdout, "planned")]
    assert planned == [int(cell) for cell in row(first.stdout, "accepted")]
    assert min(planned) >= 40
    assert planned[-1] == 50  # renewal_risk_review launches with at most 50
    assert set(row(first.stdout, "rejected")) == {"0"}
    again = run_demo(copy)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "write requests that the sandbox received: 0" in again.stdout
    assert "@" not in re.sub(r"\S*://\S*", "", first.stdout + again.stdout)
