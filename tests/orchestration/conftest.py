"""One tiny company for all Dagster tests: built once by dbt, then copied for each test."""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import requests
from tiny_company import NAME, write_contract, write_project, write_records
from yards import REPOSITORY, Yard, approve_contract, dbt_vars

from activation_pipeline.definitions import build_defs
from activation_pipeline.sandbox import running_sandbox

# Dagster mirrors the output of a step through a process that it may wait for a minute for, where a
# test runs it in a thread beside other processes.
NO_LOGS = """
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""

if TYPE_CHECKING:
    from collections.abc import Iterator


# Dagster's and sqlglot's own business; every other warning stays an error.
_THEIRS = (
    r"ignore:(Init|Asset|AssetCheck)\w+Context\.\w+ is deprecated",
    "ignore:Parameter `include_sources` of function `AssetSelection.all`",
    "ignore:sqlglotrs is deprecated:DeprecationWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.dagster)
            for pattern in _THEIRS:
                item.add_marker(pytest.mark.filterwarnings(pattern))


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("orchestration")


@pytest.fixture(scope="session")
def sandbox(memory: Path) -> Iterator[str]:
    write_records(memory / "records")
    with running_sandbox(memory / "sandbox", records=memory / "records") as running:
        yield running.url


@pytest.fixture(scope="session")
def company(memory: Path, sandbox: str) -> Iterator[Yard]:
    """Build the company once: dbt, an approved contract, a signed plan over fresh data."""
    folder = memory / "company"
    write_project(folder / "dbt_project")
    write_contract(folder / "contracts")
    (folder / "dagster_home").mkdir()
    settings = (REPOSITORY / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    (folder / "dagster_home" / "dagster.yaml").write_text(settings + NO_LOGS, encoding="utf-8")
    environment = {
        "ACTIVATION_HOME": str(folder / "home"),
        "ACTIVATION_CONTRACTS": str(folder / "contracts"),
        "ACTIVATION_DBT_PROJECT": str(folder / "dbt_project"),
        "ACTIVATION_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "ACTIVATION_DBT_VARS": dbt_vars(age=timedelta(hours=1)),
        "SALESFORCE_BASE_URL": f"{sandbox}/salesforce",
        "SALESFORCE_CLIENT_ID": "sandbox-client",
        "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
        "DAGSTER_HOME": str(folder / "dagster_home"),
        "DBT_TARGET_PATH": str(folder / "target"),
        # A developer's own .env may name another project's profiles.
        "DBT_PROFILES_DIR": str(folder / "dbt_project"),
    }
    with dg.DagsterInstance.from_config(str(folder / "dagster_home")) as instance:
        # Only while it is built: tests of other folders run in this process, too.
        with pytest.MonkeyPatch.context() as process:
            for name, value in environment.items():
                process.setenv(name, value)
            yard = Yard(folder, environment, instance, build_defs(), sandbox)
            runtime = yard.runtime()
            approve_contract(folder / "contracts" / f"{NAME}.yaml", runtime)
            runtime.close()
            yard.run()
            shutil.copytree(folder / "home", folder / "unsigned")
            yard.sign()
        yield yard


@pytest.fixture
def yard(company: Yard) -> Iterator[Yard]:
    """Give a test its own ledger, warehouse and sandbox state, as after the first signed plan."""
    folder = Path(tempfile.mkdtemp(prefix="yard-", dir=company.folder.parent))
    shutil.copytree(company.folder / "home", folder / "home")
    shutil.copytree(company.folder / "contracts", folder / "contracts")
    shutil.copy(company.folder / "warehouse.duckdb", folder / "warehouse.duckdb")
    own = {
        "ACTIVATION_HOME": str(folder / "home"),
        "ACTIVATION_CONTRACTS": str(folder / "contracts"),
        "ACTIVATION_WAREHOUSE": str(folder / "warehouse.duckdb"),
    }
    requests.post(f"{company.sandbox}/_sandbox/reset", timeout=10).raise_for_status()
    environment = company.environment | own
    with pytest.MonkeyPatch.context() as process:
        for name, value in environment.items():
            process.setenv(name, value)
        yield Yard(folder, environment, company.instance, company.defs, company.sandbox)
    shutil.rmtree(folder, ignore_errors=True)
