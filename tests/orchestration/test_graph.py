"""The graph that is built from a folder of contracts, the shipped ones and broken ones."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from conftest import REPOSITORY, SCORE, SYNC
from tiny_company import NAME, write_contract

from activation_pipeline import gates, judgement
from activation_pipeline.definitions import build_defs
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.loading import load_all

if TYPE_CHECKING:
    from conftest import Yard

SHIPPED = sorted(path.stem for path in (REPOSITORY / "contracts").glob("*.yaml"))


@pytest.fixture(scope="module")
def shipped(company: Yard) -> dg.Definitions:
    """The shipped contracts, beside the tiny dbt project: its models are simply not theirs."""
    folder = company.folder.parent / "shipped"
    shutil.copytree(REPOSITORY / "contracts", folder)
    return build_defs(environment=company.environment | {"ACTIVATION_CONTRACTS": str(folder)})


def asset_keys(defs: dg.Definitions) -> set[str]:
    graph = defs.resolve_asset_graph()
    return {key.to_user_string() for key in graph.get_all_asset_keys()}


def test_every_shipped_contract_has_its_group(company: Yard) -> None:
    """Models are left out of the question: a contract is read without a manifest here."""
    today = company.defs.resolve_job_def(NAME) and __import__("datetime").date(2026, 11, 22)
    for name, contract in load_all(REPOSITORY / "contracts", today=today).items():
        assert not isinstance(contract, Exception), contract
        assert contract.name == name
