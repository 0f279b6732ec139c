"""The ``activation`` command as a process of its own, on a place's installation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from e2e_place import accounts

from activation_pipeline.contract import Contract, fingerprint
from activation_pipeline.manifest import read_manifest
from activation_pipeline.sources import model_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from e2e_place import Place

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
_COMMAND = Path(sys.executable).with_name("activation")


@dataclass
class Commands:
    """Runs commands whose settings lead to a place; the place's clock must be the real one."""

    place: Place
    by: str = "a test"

    @property
    def folder(self) -> Path:
        return self.place.company.folder

    def write_contract(self, given: Mapping[str, Any]) -> Contract:
        """Write a contract's file, approved by its workflow's owner, and the dbt manifest."""
        today = datetime.now(UTC).date()
        review = {"first_review": (today + timedelta(days=30)).isoformat()}
        whole = {**given, "monitoring": {**given["monitoring"], **review}}
        contract = Contract.model_validate(whole)
        manifest = self.place.company.manifest
        approval = {
            "role": contract.owners.workflow,
            "by": self.by,
            "on": today.isoformat(),
            "fingerprint": fingerprint(contract),
            "definition": read_manifest(manifest).definition(model_names(contract)),
            "destinations": accounts(contract),
        }
        whole["launch"] = {**whole["launch"], "approvals": [approval]}
        approved = Contract.model_validate(whole)
        name = whole.pop("name")
        target = self.folder / "dbt" / "target"
        target.mkdir(parents=True, exist_ok=True)
        (target / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        file = self.folder / "contracts" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
        return approved

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **inherited,
            "ACTIVATION_HOME": str(self.folder / "home"),
            "ACTIVATION_CONTRACTS": str(self.folder / "contracts"),
            "ACTIVATION_DBT_PROJECT": str(self.folder / "dbt"),
            "ACTIVATION_WAREHOUSE": str(self.place.company.path),
            **self.place.environment,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [_COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command to its end: exit code, standard output, standard error."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err
