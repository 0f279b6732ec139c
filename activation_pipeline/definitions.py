"""The one assembly of everything that Dagster shows and runs, from the contracts folder.

``build_defs`` is called by Dagster through ``defs``, by tests and by programs that run jobs in
their own process. Nothing is read at import. Loading reads the contracts and the dbt manifest;
secrets, ledger and warehouse are opened when a step starts.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.errors import ConfigurationError
from activation_pipeline.loading import check_all
from activation_pipeline.manifest import read_manifest
from activation_pipeline.orchestration.alerting import alert_definitions
from activation_pipeline.orchestration.board import board_definitions
from activation_pipeline.orchestration.contracts import (
    contract_definitions,
    contract_keys,
    model_keys,
    with_upstream,
)
from activation_pipeline.orchestration.dbt import (
    asset_keys,
    dbt_models,
    dbt_resource,
    open_project,
)
from activation_pipeline.orchestration.expiries import expiry_definitions
from activation_pipeline.orchestration.incidents import incident_jobs
from activation_pipeline.orchestration.ledger import ledger_definitions
from activation_pipeline.orchestration.malformed import malformed_definitions
from activation_pipeline.orchestration.naming import EVERY_CONTRACT
from activation_pipeline.orchestration.pause_mirror import pause_mirror
from activation_pipeline.orchestration.pause_rules import rule_definitions
from activation_pipeline.orchestration.pauses import pause_jobs
from activation_pipeline.orchestration.resources import process_environment, resources_from
from activation_pipeline.settings import CONTRACTS, DBT_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.loading import Checked


def utc_now() -> datetime:
    """Tell the time, UTC."""
    return datetime.now(UTC)


def build_defs(
    *,
    environment: Mapping[str, str] | None = None,
    clock: Callable[[], datetime] = utc_now,
    with_dbt: bool = True,
) -> dg.Definitions:
    """Make the definitions of every contract, of dbt's models, and of the on-call jobs.

    Jobs: one per contract, of its name; ``every_contract``; ``pause_contract``,
    ``resume_contract``, ``rollback_contract``, ``freeze_contract`` and ``expire_contract``;
    ``restore_previous``; ``export_ledger``. A file that is no contract becomes a red asset with a
    job of its name.

    Args:
        environment: where the contracts and the dbt project are; None: the process's own, with
            ``.env`` of the working directory.
        clock: tells the time, UTC.
        with_dbt: False leaves dbt's models to definitions that have them already; merge both.

    Raises:
        ConfigurationError: no contracts folder, no dbt project, or dbt cannot parse it.
    """
    found = process_environment() if environment is None else environment
    contracts_folder, project_folder = _folders(found)
    project = open_project(project_folder, found)
    document = json.loads(Path(project.manifest_path).read_bytes())
    manifest = read_manifest(document)
    by_id = asset_keys(document)
    models = model_keys(manifest, by_id)
    every = check_all(contracts_folder, today=clock().date(), manifest=manifest)
    valid = {stem: each.contract for stem, each in every.items() if each.contract is not None}
    parts = [
        _part(stem, each, folder=contracts_folder, models=models, clock=clock)
        for stem, each in every.items()
    ]
    dbt = dg.Definitions(
        assets=[dbt_models(project)] if with_dbt else [],
        resources={"dbt": dbt_resource(project)} if with_dbt else {},
    )
    declared = frozenset(by_id.values())
    ledger = ledger_definitions(valid.values(), declared=declared, clock=clock)
    board = board_definitions(clock=clock)
    alerts = alert_definitions(clock=clock)
    expiry = expiry_definitions(valid, clock=clock)
    rules = rule_definitions(valid, clock=clock)
    return dg.Definitions.merge(
        dbt, _shared(valid, found, clock=clock), ledger, board, alerts, expiry, rules, *parts
    )


def _part(
    stem: str,
    checked: Checked,
    *,
    folder: Path,
    models: Mapping[str, dg.AssetKey],
    clock: Callable[[], datetime],
) -> dg.Definitions:
    """Make what belongs to one file: a contract's group, or a red asset."""
    file = folder / Path(checked.file).name
    if checked.contract is None:
        return malformed_definitions(stem, checked, file=file)
    return contract_definitions(
        checked.contract, checked=checked, file=file, models=models, clock=clock
    )


def _folders(environment: Mapping[str, str]) -> tuple[Path, Path]:
    missing = [name for name in (CONTRACTS, DBT_PROJECT) if not environment.get(name)]
    if missing:
        raise ConfigurationError(
            f"settings: {', '.join(missing)} not set; looked in the environment and in .env of "
            "the working directory; docs/settings.md lists them all"
        )
    contracts, project = (Path(environment[name]).resolve() for name in (CONTRACTS, DBT_PROJECT))
    if not contracts.is_dir():
        raise ConfigurationError(f"{CONTRACTS}: {contracts.name}/ is not a folder; name the folder")
    return contracts, project


def _shared(
    contracts: Mapping[str, Contract],
    environment: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
) -> dg.Definitions:
    """Make what belongs to no single contract."""
    keys = [key for contract in contracts.values() for key in contract_keys(contract)]
    jobs: list[dg.JobDefinition | dg.UnresolvedAssetJobDefinition] = []
    if contracts:
        every = dg.define_asset_job(
            EVERY_CONTRACT,
            selection=with_upstream(keys),
            description="Every contract once, after one build of dbt's models.",
        )
        jobs = [
            every,
            *pause_jobs(contracts, clock=clock),
            *incident_jobs(contracts, clock=clock),
        ]
    automation = dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    return dg.Definitions(
        jobs=jobs,
        sensors=[automation, pause_mirror(contracts.values(), clock=clock)],
        resources=resources_from(environment),
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Make the definitions when Dagster asks for them."""
    return build_defs()
