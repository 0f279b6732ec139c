"""One tiny company for all Dagster tests: built once by dbt, then copied for each test.

Everything lies in memory where the system has such a folder: Dagster's own storage waits for
the disk at every event.
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import pytest
import requests
from tiny_company import NAME, write_contract, write_project, write_records

from activation_pipeline import approve
from activation_pipeline.definitions import build_defs
from activation_pipeline.loading import load
from activation_pipeline.runtime import open_runtime
from activation_pipeline.sandbox import running_sandbox
from activation_pipeline.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.runtime import Runtime

REPOSITORY = Path(__file__).parents[2]
SYNC = dg.AssetKey([NAME, "sync_salesforce"])
SCORE = dg.AssetKey([NAME, "score"])


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


@dataclass
class Yard:
    """One test's copy of the company: folders, Dagster instance, definitions, sandbox."""

    folder: Path
    environment: dict[str, str]
    instance: dg.DagsterInstance
    defs: dg.Definitions
    sandbox: str

    def runtime(self) -> Runtime:
        return open_runtime(read_settings(self.environment))

    def sign(self) -> None:
        """Give every signature that the newest plan lacks and that anybody may give."""
        now = datetime.now(UTC)
        contract = load(self.folder / "contracts" / f"{NAME}.yaml", today=now.date())
        runtime = self.runtime()
        try:
            newest = runtime.ledger.newest(NAME)
            for role in sorted({r.signer for r in newest.results if r.stops and r.signer}):
                approve.sign_plan(
                    contract, runtime, plan=newest.plan.id, gate=None, role=role,
                    by="test_role", reason="first plan", now=now,
                )  # fmt: skip
        finally:
            runtime.close()

    def stopped_by(self) -> list[str]:
        """Name the gates that stop the newest plan."""
        runtime = self.runtime()
        try:
            return [r.gate for r in runtime.ledger.newest(NAME).results if r.stops]
        finally:
            runtime.close()

    def job(self) -> dg.JobDefinition:
        return self.defs.resolve_job_def(NAME)

    def run(self, **selection: Any) -> dg.ExecuteInProcessResult:
        """Run assets alone, as Dagster's page does, or the whole job."""
        job = self.job()
        if selection:
            job = self.defs.resolve_implicit_global_asset_job_def().get_subset(**selection)
        return job.execute_in_process(instance=self.instance, raise_on_error=False)

    def sent(self) -> int:
        """Count the records in every write that the sandbox received, accepted or not."""
        answer = requests.get(f"{self.sandbox}/_sandbox/requests", timeout=10)
        total = 0
        for request in answer.json()["requests"]:
            path = request["path"]
            if request["method"] == "GET" or "oauth" in path or "query" in path:
                continue
            body = json.loads(base64.b64decode(request["body_base64"]) or b"{}")
            is_read = request["method"] == "POST" and "ids" in body
            total += 0 if is_read else len(body.get("records", [body]))
        return total


def approve_contract(file: Path, runtime: Runtime) -> None:
    """Write the workflow owner's approval into the contract's file."""
    today = datetime.now(UTC).date()
    contract = load(file, today=today)
    line = approve.approval_line(
        contract,
        definition=approve.definition_now(contract, runtime),
        role=contract.owners.workflow,
        by="test_role",
        on=today,
    )
    file.write_text(approve.with_approval(file.read_text(encoding="utf-8"), line), "utf-8")


def dbt_vars(*, age: timedelta) -> str:
    """Write dbt's variables so that the newest row is so old, and at most an hour older.

    Equal for an hour, because dbt parses all of a project anew when a variable changes.
    """
    scored = datetime.now(UTC) - age
    return json.dumps({"scored_at": f"{scored:%Y-%m-%d %H:00:00}"})


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    place = Path("/dev/shm")  # noqa: S108 - a private folder below it
    folder = Path(tempfile.mkdtemp(prefix="activation-", dir=place if place.is_dir() else None))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


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
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", folder / "dagster_home")
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
    with pytest.MonkeyPatch.context() as process:
        for name, value in environment.items():
            process.setenv(name, value)
        defs = build_defs()
        with dg.DagsterInstance.from_config(str(folder / "dagster_home")) as instance:
            yard = Yard(folder, environment, instance, defs, sandbox)
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
    with pytest.MonkeyPatch.context() as process:
        for name, value in own.items():
            process.setenv(name, value)
        environment = company.environment | own
        yield Yard(folder, environment, company.instance, company.defs, company.sandbox)
    shutil.rmtree(folder, ignore_errors=True)


def make_stale(yard: Yard) -> None:
    """Let three days pass over the warehouse: nothing has fed it since."""
    with duckdb.connect(yard.environment["ACTIVATION_WAREHOUSE"]) as connection:
        connection.execute("update mart_tiny set scored_at = scored_at - interval 3 day")
