"""One test's copy of the tiny company, and what may be done with it."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb
import requests
from tiny_company import NAME

from activation_pipeline import approve, pausing
from activation_pipeline.definitions import build_defs
from activation_pipeline.loading import load
from activation_pipeline.runtime import open_runtime
from activation_pipeline.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.runtime import Runtime

REPOSITORY = Path(__file__).parents[2]
SYNC = dg.AssetKey([NAME, "sync_salesforce"])
SCORE = dg.AssetKey([NAME, "score"])


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

    @contextmanager
    def restarted(self) -> Iterator[Yard]:
        """Give the same company to a new Dagster that knows nothing of earlier runs."""
        defs = build_defs(environment=self.environment)
        with dg.DagsterInstance.ephemeral() as instance:
            yield replace(self, instance=instance, defs=defs)

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

    def pause(self, reason: str) -> None:
        """Pause the contract as a terminal does: in the ledger, unknown to Dagster."""
        now = datetime.now(UTC)
        runtime = self.runtime()
        try:
            pausing.pause(
                NAME, None, runtime, by="test_terminal", reason=reason, until=None, now=now
            )
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
    subject = approve.subject_now(contract, runtime, now=datetime.now(UTC))
    role = contract.owners.workflow
    line = approve.approval_line(contract, subject, role=role, by="test_role", on=today)
    file.write_text(approve.with_approval(file.read_text(encoding="utf-8"), line), "utf-8")


def dbt_vars(*, age: timedelta) -> str:
    """Write dbt's variables so that the newest row is so old, and at most an hour older.

    Equal for an hour, because dbt parses all of a project anew when a variable changes.
    """
    scored = datetime.now(UTC) - age
    return json.dumps({"scored_at": f"{scored:%Y-%m-%d %H:00:00}"})


def make_stale(yard: Yard) -> None:
    """Let three days pass over the warehouse: nothing has fed it since."""
    with duckdb.connect(yard.environment["ACTIVATION_WAREHOUSE"]) as connection:
        connection.execute("update mart_tiny set scored_at = scored_at - interval 3 day")
