"""What starting up costs: the core pulls in neither Dagster nor what only a delivery needs."""

from __future__ import annotations

import subprocess
import sys

CORE = ("prepare", "deliver", "reconcile", "approve", "loading", "settings")
HEAVY = ("dagster", "dagster_dbt", "dagster_duckdb", "pandas", "pandera", "requests")
_ASK = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(f"activation_pipeline.{name}")
print(*sys.modules)
"""


def test_the_core_starts_without_dagster_and_pandas() -> None:
    """A refusal has to come in a second, also where Dagster is not installed."""
    command = [sys.executable, "-c", _ASK, *CORE]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    loaded = set(answer.stdout.split())
    assert {f"activation_pipeline.{name}" for name in CORE} <= loaded
    assert loaded.isdisjoint(HEAVY)
