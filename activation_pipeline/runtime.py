"""Everything that a use case needs from the outside, opened once from the settings.

Prepare, deliver and reconcile take a ``Runtime`` and nothing global; tests build one with a
temporary folder and a stand-in's address. Connections open when first used.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from activation_pipeline import destinations, processes
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.ledger import Ledger
from activation_pipeline.manifest import read_manifest
from activation_pipeline.people import read_people
from activation_pipeline.plan import written_fields
from activation_pipeline.snapshots import Snapshots
from activation_pipeline.warehouse import Engine, Engines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import DestinationClient, Target
    from activation_pipeline.manifest import Manifest
    from activation_pipeline.settings import Settings

_LEASE_S = 300.0


@dataclass
class Runtime:
    """One installation, opened: ledger, snapshots, warehouse, manifest, destination clients.

    ``people`` are the names that may speak for a role; a role that is not in it takes anybody's.
    """

    ledger: Ledger
    snapshots: Snapshots
    read_manifest: Callable[[], Manifest]
    open_warehouse: Callable[[], AbstractContextManager[DuckDBPyConnection]]
    connect: Callable[[str], DestinationClient]
    people: Mapping[str, frozenset[str]] = field(default_factory=dict)
    engines: Engines = field(default_factory=Engines)
    _clients: dict[str, DestinationClient] = field(default_factory=dict)

    def client(self, contract: Contract, destination: str) -> DestinationClient:
        """Open, or reuse, the client of one of the contract's destinations."""
        kind = contract.destinations[destination].kind or destination
        if kind not in self._clients:
            self._clients[kind] = self.connect(kind)
        return self._clients[kind]

    @contextmanager
    def warehouse(self, scratch: Path) -> Iterator[Engine]:
        """Open the warehouse for reading; keep it open briefly, others wait for it."""
        with self.open_warehouse() as connection:
            yield Engine(connection, scratch=scratch)

    @contextmanager
    def engine(self, scratch: Path) -> Iterator[Engine]:
        """Open an engine for work on snapshots; the warehouse stays free."""
        with self.engines.opened() as connection:
            yield Engine(connection, scratch=scratch)

    def close(self) -> None:
        """Give back every connection."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self.engines.close()
        self.ledger.close()


def open_runtime(settings: Settings, *, reads_only: bool = False) -> Runtime:
    """Open an installation; destinations and the warehouse are opened when first needed.

    Args:
        settings: of the installation.
        reads_only: for who only looks at the ledger, and waits for no writer.

    Raises:
        ConfigurationError: the ledger does not open; see ``open_engine``.
    """

    def manifest() -> Manifest:
        path = settings.manifest
        if not path.is_file():
            raise ConfigurationError(
                f"manifest.json: not found under {path.parent.name}/ of ACTIVATION_DBT_PROJECT; "
                "run dbt parse or dbt build there"
            )
        try:
            document = json.loads(path.read_bytes())
            return read_manifest(document, variables=_variables(settings.dbt_project))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"{path.name}: not a dbt manifest ({type(error).__name__}); run dbt parse"
            ) from None

    engines = Engines()
    return Runtime(
        ledger=Ledger(settings.ledger, reads_only=reads_only),
        snapshots=Snapshots(settings.home),
        read_manifest=manifest,
        open_warehouse=lambda: engines.warehouse(settings.warehouse),
        connect=lambda kind: destinations.connect(kind, settings.environment),
        people=read_people(settings.environment),
        engines=engines,
    )


def _variables(project: Path) -> dict[str, Any]:
    """Read ``vars`` of the project's file: models' logic depends on them, and no manifest has them.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    path = project / "dbt_project.yml"
    try:
        document = yaml.safe_load(path.read_bytes()) if path.is_file() else {}
    except (yaml.YAMLError, OSError) as error:
        raise ConfigurationError(
            f"{path.name}: cannot be read ({type(error).__name__}); mend it, then run dbt parse"
        ) from None
    found = document.get("vars") if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def target(contract: Contract, destination: str) -> Target:
    """Tell a destination what this contract writes there: fields limited by its caveats."""
    mapping = contract.destinations[destination]
    return destinations.Target(
        object=mapping.object,
        key=mapping.key,
        list=mapping.list,
        behavior=mapping.behavior,
        fields=written_fields(mapping, contract.launch.caveats),
    )


def this_process() -> str:
    """Name this process for leases: host, pid and the pid's start, since pids are used again."""
    return f"{processes.this_host()}:{os.getpid()}:{processes.started(os.getpid())}"


def is_gone(holder: str, renewed_at: datetime, *, now: datetime) -> bool:
    """Say whether the holder of a lease has died: its process here, or its lease elsewhere."""
    host, pid, started = holder.rsplit(":", 2)
    if host == processes.this_host():
        return processes.started(int(pid)) != started
    return (now - renewed_at).total_seconds() > _LEASE_S
