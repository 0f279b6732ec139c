"""``activation validate``: every problem of every contract file, with its place and code."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import exits, opening, output
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.loading import Checked, check, check_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from activation_pipeline.manifest import Manifest
    from activation_pipeline.settings import Settings


def run(files: Sequence[Path], *, as_json: bool) -> None:
    """Check the files, or all contracts of the installation; exit 1 when one has an error."""
    found = _settings(required=not files)
    manifest = opening.manifest(found) if found else None
    every = _checked(files, found, manifest) if files else list(_installed(found))
    document = _document(every, manifest_read=manifest is not None)
    if as_json:
        output.show_json(document)
    else:
        output.show(_lines(every, document))
    if manifest is None:
        output.note("no dbt manifest: models and columns are not checked; run dbt parse first")
    if document["errors"]:
        raise typer.Exit(exits.WRONG_CONTRACT_OR_SETTINGS)


def _settings(*, required: bool) -> Settings | None:
    try:
        return opening.settings()
    except ConfigurationError:
        if required:
            raise
        return None  # named files can be checked without an installation


def _installed(found: Settings | None) -> Sequence[Checked]:
    every = list(opening.contracts(found).values()) if found else []
    if found and not every:
        raise ConfigurationError(f"{opening.shown(found.contracts)}: no contract file; add one")
    return every


def _checked(
    files: Sequence[Path], found: Settings | None, manifest: Manifest | None
) -> list[Checked]:
    every: list[Checked] = []
    today = opening.now().date()
    for path in files:
        if path.is_dir():
            every += check_all(path, today=today, manifest=manifest).values()
        elif found and path.resolve().parent == found.contracts:
            # Beside its neighbours, so that a field with two owners is found as well.
            beside = check_all(path.parent, today=today, manifest=manifest)
            every += [each for each in beside.values() if each.file == path.as_posix()]
        else:
            every.append(check(path, today=today, manifest=manifest))
    return every


def _document(every: Sequence[Checked], *, manifest_read: bool) -> dict[str, Any]:
    problems = [problem for each in every for problem in each.problems]
    errors = sum(problem.severity == "error" for problem in problems)
    return {
        "errors": errors,
        "warnings": len(problems) - errors,
        "manifest_checked": manifest_read,
        "files": [
            {
                "file": each.file,
                "valid": each.contract is not None,
                "problems": [asdict(problem) for problem in each.problems],
            }
            for each in every
        ],
    }


def _lines(every: Sequence[Checked], document: dict[str, Any]) -> list[str]:
    problems = [problem for each in every for problem in each.problems]
    lines = [str(problem) for problem in problems if problem.severity == "error"]
    lines += [f"warning: {problem}" for problem in problems if problem.severity == "warning"]
    valid = sum(each.contract is not None for each in every)
    errors, warnings = document["errors"], document["warnings"]
    total = f"{valid} of {len(every)} contracts valid, {errors} errors, {warnings} warnings"
    return [*lines, total]
