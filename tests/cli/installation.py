"""An installation in a folder of its own, as commands find it through their settings."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import requests
import yaml
from company import ENGINES, contract_dict
from typer.testing import CliRunner

from activation_pipeline.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

NAME = "renewal_risk"
KEYS = ("A-1", "A-2", "A-3", "A-4", "A-5", "A-6")


def record_id(key: str) -> str:
    return f"00100000000000{key[-1]}AAA"


def write_records(folder: Path) -> None:
    folder.mkdir(parents=True)
    rows = [f"{record_id(key)},Company {key},{key}" for key in KEYS]
    text = "\n".join(["Id,Name,Billing_Customer_ID__c", *rows, ""])
    (folder / "salesforce_account.csv").write_text(text, encoding="utf-8")


def body(**changes: Any) -> dict[str, Any]:
    """The tiny company's contract, written to Salesforce."""
    fields = {"Churn_Risk_Band__c": {"from": "band", "on_edit": "overwrite"}}
    given = contract_dict(
        destinations={
            "salesforce": {
                "object": "Account",
                "key": "Billing_Customer_ID__c",
                "behavior": "update_only",
                "fields": fields,
                "read_by": ["weekly planning"],
                "edited_by": "nobody",
            }
        },
        freshness=contract_dict()["freshness"] | {"on_expiry": {"Churn_Risk_Band__c": "clear"}},
        matching={"identity": "identity", "rules": ["billing_id"]},
    )
    review = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    given["monitoring"] = given["monitoring"] | {"first_review": review}
    del given["name"]
    return given | changes


@dataclass
class Installation:
    """Everything that a command finds through its settings."""

    folder: Path
    environment: dict[str, str]
    vendor: str

    def write(self, name: str = NAME, text: str | None = None, **changes: Any) -> Path:
        path = self.folder / "contracts" / f"{name}.yaml"
        # Through JSON, so that a part that is there twice is written out twice.
        given = json.loads(json.dumps(body(**changes)))
        written = text or yaml.safe_dump(given, sort_keys=False)
        path.write_text(written, encoding="utf-8")
        return path

    def sql(self, *statements: str) -> None:
        with ENGINES.warehouse(self.folder / "warehouse.duckdb", read_only=False) as warehouse:
            for statement in statements:
                warehouse.execute(statement)

    def run(self, *arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments), env=self.environment)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def report(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout)
        return found

    def launched(self) -> str:
        """Approve and sign whatever stops the plan; give its id."""
        self.run("approve", NAME, "--as", "cs_director", "--by", "a test")
        plan: str = self.report("plan", NAME)["plan"]
        word = ("--as", "cs_director", "--by", "a test", "--reason", "first plan")
        assert self.run("approve", NAME, "--plan", plan, *word).exit_code == 0
        return plan

    def writes(self) -> int:
        """Count the write requests that the stand-in received."""
        found = requests.get(f"{self.vendor}/_sandbox/requests", timeout=10).json()["requests"]
        return sum(each["method"] in {"PATCH", "POST"} and "/oauth2/" not in each["path"]
                   for each in found)  # fmt: skip


def installed(folder: Path, built: Path, url: str) -> Installation:
    """Lay out one installation of its own, with one contract."""
    shutil.copytree(built, folder, dirs_exist_ok=True)
    environment = {
        "ACTIVATION_HOME": str(folder / "home"),
        "ACTIVATION_CONTRACTS": str(folder / "contracts"),
        "ACTIVATION_DBT_PROJECT": str(folder / "dbt"),
        "ACTIVATION_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "ACTIVATION_LEDGER": "",
        "DBT_TARGET_PATH": "target",
        "SALESFORCE_BASE_URL": f"{url}/salesforce",
        "SALESFORCE_CLIENT_ID": "sandbox-client",
        "SALESFORCE_CLIENT_SECRET": "sandbox-secret",
    }
    place = Installation(folder, environment, url)
    place.write()
    return place
