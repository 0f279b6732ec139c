"""What a command works on: the settings, the contracts and the opened installation.

The only module of the command line that looks at the process: its environment, its working
directory and its clock.
"""

from __future__ import annotations

import difflib
import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from activation_pipeline import runbook
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.loading import check_all
from activation_pipeline.manifest import Manifest, read_manifest
from activation_pipeline.settings import Settings, full_environment, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from activation_pipeline.contract import Contract
    from activation_pipeline.loading import Checked
    from activation_pipeline.runtime import Runtime


def now() -> datetime:
    """Tell the time, in UTC."""
    return datetime.now(UTC)


def settings() -> Settings:
    """Read the settings of this process and its working directory."""
    return read_settings(full_environment(os.environ, Path.cwd()))


def what_to_do(section: str) -> str:
    """Link to the runbook's section of a clause, where this installation has it."""
    return runbook.link(section, full_environment(os.environ, Path.cwd()).get(runbook.ADDRESS))


@contextmanager
def runtime(found: Settings) -> Iterator[Runtime]:
    """Open the installation and close it again, whatever happens."""
    # Opening needs the warehouse's engine, which `validate` and `--help` can do without.
    from activation_pipeline.runtime import open_runtime  # noqa: PLC0415 - see above

    opened = open_runtime(found)
    try:
        yield opened
    finally:
        opened.close()


def manifest(found: Settings) -> Manifest | None:
    """Read dbt's manifest; None where dbt has not written one yet.

    Raises:
        ConfigurationError: it is there and cannot be read.
    """
    path = found.manifest
    if not path.is_file():
        return None
    try:
        return read_manifest(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path.name}: not a dbt manifest ({type(error).__name__}); run dbt parse"
        ) from None


def shown(path: Path) -> Path:
    """Write a path relative to the working directory where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def contracts(found: Settings, *, with_models: bool = True) -> dict[str, Checked]:
    """Check every contract of the installation, by name; a malformed one is there alone.

    Raises:
        ConfigurationError: no such folder.
    """
    folder = found.contracts
    if not folder.is_dir():
        raise ConfigurationError(f"ACTIVATION_CONTRACTS: {folder}: no such folder; set it")
    models = manifest(found) if with_models else None
    return dict(check_all(shown(folder), today=now().date(), manifest=models))


def checked(found: Settings, name: str, *, with_models: bool = True) -> Checked:
    """Find one contract's file, malformed or not.

    Raises:
        ConfigurationError: there is none of this name; names the nearest.
    """
    return _pick(contracts(found, with_models=with_models), name, shown(found.contracts))


def contract(found: Settings, name: str, *, with_models: bool = True) -> Contract:
    """Load one valid contract; without its models where dbt's manifest is of no concern.

    Raises:
        ContractError: carries every problem of its file.
        ConfigurationError: there is none of this name.
    """
    result = checked(found, name, with_models=with_models).result
    if isinstance(result, Exception):
        raise result
    return result


def destinations(found: Contract, chosen: str | None) -> tuple[str, ...]:
    """List the destinations that a command is about: the chosen one, or all."""
    if chosen is None:
        return tuple(found.destinations)
    if chosen not in found.destinations:
        known = ", ".join(found.destinations)
        raise typer.BadParameter(f"{chosen}: {found.name} has no such destination; it has {known}")
    return (chosen,)


def _pick(known: Mapping[str, Checked], name: str, folder: Path) -> Checked:
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
    raise ConfigurationError(f"{folder}: no contract {name!r}; {hint}")
