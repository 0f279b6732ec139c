"""The two resources of every step: the installation, and its warehouse for reading.

Settings and secrets are read when a step starts, never when definitions load. The warehouse
is Dagster's own DuckDB resource with its connection made safe for a file that several
processes share; the steps of this package and a user's own assets can use the same one.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import Field

from activation_pipeline.loading import load
from activation_pipeline.runtime import open_runtime
from activation_pipeline.settings import (
    CONTRACTS,
    DBT_PROJECT,
    HOME,
    LEDGER,
    WAREHOUSE,
    full_environment,
    read_settings,
)
from activation_pipeline.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from duckdb import DuckDBPyConnection

    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.settings import Settings


def process_environment() -> dict[str, str]:
    """Read the process's environment over the ``.env`` file of the working directory."""
    return full_environment(os.environ, Path.cwd())


class WarehouseResource(DuckDBResource):
    """Dagster's DuckDB resource, read-only, always closed, and with a bounded wait for writers.

    The one that it replaces opens for writing, which locks out every other process, keeps the
    file open after an error, and waits for up to 102 seconds on any fault, a wrong path too.
    """

    wait_s: float = Field(
        default=30.0, description="Seconds to wait for a process that writes to the file."
    )

    @contextmanager
    def get_connection(self) -> Iterator[DuckDBPyConnection]:
        """Open the file for reading while the block lasts.

        Raises:
            WarehouseError: no such file, or not a DuckDB file.
            RetryableError: another process still writes to it; names its pid.
        """
        with open_warehouse(Path(self.database), wait_s=self.wait_s) as connection:
            yield connection


class ActivationResource(dg.ConfigurableResource):  # type: ignore[type-arg] # its resource is itself
    """One installation: where contracts, plans, ledger and warehouse are.

    Credentials of destinations are no fields: the destination that needs them reads them from
    the environment, so that a user of one system need not set the secrets of another.
    """

    home: str = Field(description="Folder of the plans' snapshots and, by default, the ledger.")
    contracts: str = Field(description="Folder of the contracts.")
    dbt_project: str = Field(description="Folder of the dbt project.")
    ledger: str = Field(default="", description="Database address of the ledger.")
    warehouse: WarehouseResource

    def settings(self) -> Settings:
        """Put the resource's fields over the environment.

        Raises:
            ConfigurationError: a setting is missing.
        """
        own = {
            HOME: self.home,
            CONTRACTS: self.contracts,
            DBT_PROJECT: self.dbt_project,
            WAREHOUSE: self.warehouse.database,
            LEDGER: self.ledger,
        }
        return read_settings({**process_environment(), **own})

    @contextmanager
    def opened(self) -> Iterator[Runtime]:
        """Open the core's runtime while the block lasts, with this resource's warehouse."""
        runtime = open_runtime(self.settings())
        runtime.open_warehouse = self.warehouse.get_connection
        try:
            yield runtime
        finally:
            runtime.close()

    def contract(self, name: str, *, today: date) -> Contract:
        """Read a contract as its file is now: a decision or an approval counts at once.

        Raises:
            ContractError: the file is wrong now; carries every problem.
        """
        settings = self.settings()
        return load(settings.contracts / f"{name}.yaml", today=today)


def resources_from(environment: Mapping[str, str]) -> dict[str, ActivationResource]:
    """Refer every field to its variable, to be looked up when a step starts.

    Args:
        environment: only tells whether the optional ``ACTIVATION_LEDGER`` is set.
    """
    ledger = {"ledger": dg.EnvVar(LEDGER)} if environment.get(LEDGER) else {}
    return {
        "activation": ActivationResource(
            home=dg.EnvVar(HOME),
            contracts=dg.EnvVar(CONTRACTS),
            dbt_project=dg.EnvVar(DBT_PROJECT),
            warehouse=WarehouseResource(database=dg.EnvVar(WAREHOUSE)),
            **ledger,
        )
    }
