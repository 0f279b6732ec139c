"""The dbt project as assets: one step that builds what the contracts read.

dbt runs in a process of its own and is the only one that writes to the warehouse. The tests of
the models that a job builds run with them and fail the step, and so whatever that run would have
done next; the gates of a contract are not among them, they look at the plan.
Variables for dbt come from ``ACTIVATION_DBT_VARS``, a JSON object, read when the step starts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator  # noqa: TC003 - Dagster reads annotations
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)
from packaging.version import Version

from activation_pipeline.errors import ConfigurationError
from activation_pipeline.orchestration.naming import WRITER_POOL
from activation_pipeline.orchestration.resources import process_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

VARS = "ACTIVATION_DBT_VARS"
_PARSED = frozenset({".sql", ".yml", ".yaml", ".md", ".py"})


class _Translator(DagsterDbtTranslator):
    """Show dbt's models as one group, whatever folder they are in, beside one per contract."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return super().get_group_name(dbt_resource_props) or "dbt"


TRANSLATOR = _Translator(DagsterDbtTranslatorSettings(enable_asset_checks=False))


def open_project(folder: Path, environment: Mapping[str, str]) -> DbtProject:
    """Locate the project, and make its manifest where there is none.

    In development (``dagster dev``, ``dg``) it is also made anew when a file has changed since.

    Raises:
        ConfigurationError: no dbt project there, or dbt cannot parse it.
    """
    if not (folder / "dbt_project.yml").is_file():
        raise ConfigurationError(
            f"ACTIVATION_DBT_PROJECT: no dbt_project.yml in {folder.name}/; name the project's "
            "folder"
        )
    profiles = environment.get("DBT_PROFILES_DIR")
    project = DbtProject(
        project_dir=folder,
        profiles_dir=Path(profiles) if profiles else None,
        target_path=Path(environment.get("DBT_TARGET_PATH") or "target"),
    )
    in_development = bool(environment.get("DAGSTER_IS_DEV_CLI"))
    if not project.manifest_path.is_file() or (in_development and _has_changed(project)):
        parsed = dbt_resource(project).cli(
            ["parse", "--quiet"], target_path=project.target_path, raise_on_error=False
        )
        if not parsed.wait().is_successful() or not project.manifest_path.is_file():
            raise ConfigurationError(
                f"{folder.name}: dbt cannot parse the project; run dbt parse there and mend what "
                "it says"
            )
    return project


def _has_changed(project: DbtProject) -> bool:
    """Say whether a file of the project is newer than its manifest; parsing takes seconds."""
    made = project.manifest_path.stat().st_mtime
    sources = (path for path in Path(project.project_dir).rglob("*") if path.suffix in _PARSED)
    return any(
        path.stat().st_mtime > made
        for path in sources
        if not path.is_relative_to(project.manifest_path.parent)
    )


class InstalledDbt(DbtCliResource):
    """The dbt of this environment, whose version is known without asking it.

    Asked for its version, dbt also asks the package index for the newest one: a request to
    another machine and three seconds, in every run.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))


def dbt_resource(project: DbtProject) -> DbtCliResource:
    """Run the dbt that is installed beside this Python, or else the one on the path."""
    beside = Path(sys.executable).with_name("dbt")
    if beside.is_file():
        return InstalledDbt(
            project_dir=project,  # type: ignore[arg-type] # it takes a project, as its parent does
            dbt_executable=str(beside),
        )
    return DbtCliResource(project_dir=project)


def dbt_models(project: DbtProject) -> dg.AssetsDefinition:
    """Make one asset per dbt model, seed and snapshot, built by one step."""

    @dbt_assets(
        manifest=project.manifest_path,
        project=project,
        name="dbt",
        dagster_dbt_translator=TRANSLATOR,
        pool=WRITER_POOL,
    )
    def models(dbt: DbtCliResource) -> Iterator[Any]:
        # The project's own target folder, so that the manifest which the gates read is that of
        # what was just built, and so that dbt parses only what changed.
        yield from dbt.cli(
            _arguments(process_environment()),
            context=dg.AssetExecutionContext.get(),
            target_path=Path(project.manifest_path).parent,
        ).stream()

    return models


def _arguments(environment: Mapping[str, str]) -> list[str]:
    # A test that also looks at models of other contracts must not fail this contract's build.
    arguments = [
        "build",
        "--exclude-resource-type",
        "unit_test",
        "--indirect-selection",
        "cautious",
    ]
    text = environment.get(VARS)
    if not text:
        return arguments
    try:
        variables = json.loads(text)
    except json.JSONDecodeError:
        variables = None
    if not isinstance(variables, dict):
        raise dg.Failure(
            description=f'{VARS}: not a JSON object; write it as {{"stale_days": 3}}',
            allow_retries=False,
        )
    return [*arguments, "--vars", json.dumps(variables)]


def asset_keys(manifest: Mapping[str, Any]) -> dict[str, dg.AssetKey]:
    """Find the asset key of every model, seed, snapshot and source, by dbt's unique id."""
    nodes = {**manifest.get("nodes", {}), **manifest.get("sources", {})}
    kinds = ("model", "seed", "snapshot", "source")
    return {
        unique_id: TRANSLATOR.get_asset_key(node)
        for unique_id, node in nodes.items()
        if node["resource_type"] in kinds
    }
