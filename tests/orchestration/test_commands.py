"""Dagster's own commands take this repository as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yards import REPOSITORY

if TYPE_CHECKING:
    from yards import Yard

COMMANDS = (
    ("dagster", "definitions", "validate", "-w", "workspace.yaml"),
    ("dg", "check", "defs"),
    ("dg", "list", "defs", "--json"),
)


def test_the_definitions_are_valid_and_can_be_listed(yard: Yard) -> None:
    """All three at once: most of their time is spent importing."""
    started = [
        subprocess.Popen(
            [str(Path(sys.executable).with_name(name)), *arguments],
            cwd=REPOSITORY,
            env=os.environ | yard.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, *arguments in COMMANDS
    ]
    told = [process.communicate(timeout=120)[0] for process in started]
    for process, text in zip(started, told, strict=True):
        assert process.returncode == 0, text[-3000:]
    # `dg` lets a developer's own .env win over the process, so the contract may be another.
    assert "sync_salesforce" in told[-1]
