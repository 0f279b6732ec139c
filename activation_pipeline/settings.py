"""Where this installation keeps its things, read from environment variables.

Settings are read when a command or a step starts, never at import. A variable may also
stand in a ``.env`` file of the working directory, as in Dagster; the process's
environment wins. Secrets of destinations stay in the mapping and are read by the
destination that needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from activation_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME = "ACTIVATION_HOME"
CONTRACTS = "ACTIVATION_CONTRACTS"
DBT_PROJECT = "ACTIVATION_DBT_PROJECT"
WAREHOUSE = "ACTIVATION_WAREHOUSE"
LEDGER = "ACTIVATION_LEDGER"


@dataclass(frozen=True)
class Settings:
    """Folders and addresses of one installation; ``environment`` also has the secrets."""

    home: Path
    contracts: Path
    dbt_project: Path
    warehouse: Path
    ledger: str
    environment: Mapping[str, str]

    def __repr__(self) -> str:
        """Leave the environment out: it holds secrets."""
        return f"Settings(home={self.home}, warehouse={self.warehouse})"

    @property
    def manifest(self) -> Path:
        """Locate dbt's manifest: under ``DBT_TARGET_PATH`` where set, else the project's target."""
        target = self.environment.get("DBT_TARGET_PATH") or "target"
        return self.dbt_project / target / "manifest.json"


def full_environment(process: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Merge the process's environment over the folder's ``.env`` file."""
    from_file = {k: v for k, v in dotenv_values(folder / ".env").items() if v is not None}
    return {**from_file, **process}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read every setting.

    ``ACTIVATION_LEDGER`` may be left out: it is then an SQLite file in ``ACTIVATION_HOME``.

    Raises:
        ConfigurationError: names every variable that is missing and where it was looked for.
    """
    wanted = (HOME, CONTRACTS, DBT_PROJECT, WAREHOUSE)
    missing = [name for name in wanted if not environment.get(name)]
    if missing:
        raise ConfigurationError(
            f"settings: {', '.join(missing)} not set; looked in the environment and in .env of "
            "the working directory; docs/settings.md lists them all"
        )
    home = Path(environment[HOME]).resolve()
    return Settings(
        home=home,
        contracts=Path(environment[CONTRACTS]).resolve(),
        dbt_project=Path(environment[DBT_PROJECT]).resolve(),
        warehouse=Path(environment[WAREHOUSE]).resolve(),
        ledger=environment.get(LEDGER) or f"sqlite:///{home / 'ledger.sqlite'}",
        environment=environment,
    )
