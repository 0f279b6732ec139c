"""One installation for each test: contract, dbt manifest, warehouse, Salesforce stand-in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest
import requests
from company import Company
from installation import KEYS, installed, record_id, write_records

from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from installation import Installation


@pytest.fixture(scope="session")
def _vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("vendor")
    write_records(folder / "records")
    with running_sandbox(folder / "home", records=folder / "records") as running:
        yield running.url


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse whose six accounts all resolve, and the dbt manifest of its models."""
    folder = tmp_path_factory.mktemp("built")
    company = Company(folder, now=datetime.now(UTC))
    with duckdb.connect(str(company.path)) as warehouse:
        for key in KEYS:
            scored = (company.now - timedelta(hours=1)).replace(tzinfo=None)
            warehouse.execute("insert into mart values (?, 'low', ?)", [key, scored])
            row = [key, record_id(key), key]
            warehouse.execute("insert into identity values (?, ?, ?, 'billing_id', false)", row)
    target = folder / "dbt" / "target"
    target.mkdir(parents=True)
    (target / "manifest.json").write_text(json.dumps(company.manifest), encoding="utf-8")
    (folder / "contracts").mkdir()
    return folder


@pytest.fixture
def place(
    tmp_path: Path, built: Path, _vendor: str, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    monkeypatch.chdir(tmp_path)  # the folder of the tests may have an .env of its own
    requests.post(f"{_vendor}/_sandbox/reset", timeout=10).raise_for_status()
    return installed(tmp_path, built, _vendor)
