"""A tiny company for tests: a warehouse file, a contract and destinations in memory."""

from __future__ import annotations

import atexit
import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from activation_pipeline.contract import Contract, fingerprint
from activation_pipeline.destinations import BatchOutcome, Effort, LiveRecord, RecordFault
from activation_pipeline.ledger import Ledger
from activation_pipeline.manifest import read_manifest
from activation_pipeline.runtime import Runtime
from activation_pipeline.snapshots import Snapshots
from activation_pipeline.sources import model_names
from activation_pipeline.warehouse import Engines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from activation_pipeline.destinations import Address, OutgoingRecord, Target

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_LIST = "key varchar, reason varchar, since timestamp"
TABLES = {
    "mart": "id varchar, band varchar, scored_at timestamp",
    "identity": "key varchar, destination_id varchar, destination_key varchar, rule varchar, "
    "is_role_based_email boolean",
    "suppress_a": _LIST,
    "suppress_b": _LIST,
    "review_a": _LIST,
    "holdout_h": "key varchar, draw double",
    "feeds": "feed varchar, as_of timestamp",
}
MODELS = tuple(TABLES)
ALWAYS_SIGNED = ("change_volume", "sample_review")


def contract_dict(**changes: Any) -> dict[str, Any]:
    """A valid contract as the models take it; ``changes`` replace whole sections."""
    body: dict[str, Any] = {
        "name": "renewal_risk",
        "version": 1,
        "workflow": {
            "decision": "CSMs prioritise renewal-risk review before weekly planning.",
            "kind": "score",
            "risk": "high",
            "decision_window": "24h",
            "embarrassment": "A strategic account is called about a signed renewal.",
        },
        "entity": {"grain": "account", "key": "id", "one_row_per": "billing customer"},
        "matching": {"identity": "identity", "rules": ["billing_id"]},
        "source": {"model": "mart", "systems": ["billing"]},
        "destinations": {
            "crm": {
                "object": "Account",
                "key": "K__c",
                "behavior": "update_only",
                "fields": {
                    "Band__c": {"from": "band", "on_null": "preserve", "on_edit": "overwrite"},
                },
                "read_by": ["weekly planning"],
                "edited_by": "nobody",
            }
        },
        "freshness": {
            "column": "scored_at",
            "refresh": "0 6 * * *",
            "stale_after": "24h",
            "expire_after": "7d",
            "on_expiry": {"Band__c": "clear"},
        },
        "suppression": {
            "models": {"suppress_a": {"owner": "cs_ops"}, "suppress_b": {"owner": "cs_ops"}}
        },
        "gates": ["freshness"],
        "owners": {
            "source_model": "analytics_engineering",
            "destination_field": "salesforce_admin",
            "workflow": "cs_director",
            "outcome": "cs_director",
        },
        "monitoring": {
            "alert": ["cs_ops"],
            "pause_when": {"rejected_above": 0.02},
            "on_pause": "keep_previous",
            "restarted_by": "cs_director",
            "first_review": "2026-12-15",
        },
        "launch": {"decision": "launch"},
    }
    return body | changes


def audience_dict(**changes: Any) -> dict[str, Any]:
    """A valid audience contract on one static list."""
    body = contract_dict()
    body["name"] = "expansion"
    body["workflow"] = body["workflow"] | {"kind": "audience"}
    body["matching"] = {
        "identity": "identity",
        "rules": ["billing_id"],
        "role_based_email": "allow",
    }
    body["destinations"] = {
        "crm": {
            "object": "list",
            "list": "1001",
            "behavior": "mirror",
            "read_by": ["journey"],
            "edited_by": "nobody",
        }
    }
    body["freshness"] = body["freshness"] | {"on_expiry": "remove"}
    return body | changes


def make_contract(
    body: dict[str, Any],
    *,
    definition: str | None = None,
    accounts: Mapping[str, str] | None = None,
) -> Contract:
    """Build a contract and approve it for its own fingerprint; accounts are those in memory."""
    contract = Contract.model_validate(body)
    approval = {
        "role": contract.owners.workflow,
        "by": "a test",
        "on": "2026-11-01",
        "fingerprint": fingerprint(contract),
        "definition": definition,
        "destinations": accounts or dict.fromkeys(contract.destinations, "memory"),
    }
    launch = body["launch"] | {"approvals": [approval]}
    return Contract.model_validate(body | {"launch": launch})


@dataclass
class MemoryDestination:
    """A destination in memory: records by id; it tells what it received."""

    kind: str = "crm"
    identity: str = "memory"
    size: int = 3
    at_once: int = 1
    described: str = ""
    code: str = "BAD"
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    received: list[list[OutgoingRecord]] = field(default_factory=list)
    reject: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    fail_after: int | None = None

    def batch_size(self, _target: Target, _rows: int = 0) -> int:
        return self.size

    def concurrency(self, _target: Target) -> int:
        return self.at_once

    def effort(self, _target: Target, rows: int) -> Effort:
        return Effort(-(-rows // self.size), 0.0)

    def catalogue(self, _target: Target) -> str:
        return self.described

    def as_read(self, _target: Target, values: dict[str, Any]) -> dict[str, Any]:
        return values

    def check(self, _target: Target) -> tuple[()]:
        return ()

    def limits(self, _target: Target) -> dict[str, int]:
        return {}

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        if self.fail_after is not None and len(self.received) >= self.fail_after:
            raise KeyboardInterrupt
        self.received.append(list(records))
        faults = []
        for record in records:
            if record.key in self.reject:
                faults.append(RecordFault(record.key, "rejected", self.code, None, "refused"))
            elif record.key in self.unanswered:
                faults.append(RecordFault(record.key, "unknown", "LOST", None, "no answer"))
            elif target.list is not None:
                change = self.members.discard if record.operation == "remove" else self.members.add
                change(record.destination_id)
            else:
                self.records.setdefault(record.destination_id, {}).update(record.values)
        return BatchOutcome(tuple(faults))

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        if target.list is not None:
            return tuple(
                LiveRecord(a.key, (a.destination_id,) if a.destination_id in self.members else ())
                for a in addresses
            )
        return tuple(
            LiveRecord(
                a.key,
                (a.destination_id,),
                {f: self.records.get(a.destination_id, {}).get(f) for f in fields},
            )
            for a in addresses
        )

    def close(self) -> None:
        pass


def manifest_of(models: Sequence[str]) -> dict[str, Any]:
    """A dbt manifest with these models in schema ``main``."""
    nodes = {
        f"model.t.{name}": {
            "resource_type": "model",
            "name": name,
            "package_name": "t",
            "database": "warehouse",
            "schema": "main",
            "alias": name,
            "raw_code": f"select * from raw_{name}",
            "depends_on": {"nodes": [], "macros": []},
            "columns": {},
        }
        for name in models
    }
    return {
        "metadata": {"project_name": "t", "adapter_type": "duckdb"},
        "nodes": nodes,
        "macros": {},
    }


@cache
def _empty_warehouse() -> bytes:
    """Make the file once: opening DuckDB takes longer than anything that is done with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        with duckdb.connect(str(path)) as connection:
            for name, columns in TABLES.items():
                connection.execute(f"create table {name} ({columns})")
        return path.read_bytes()


@cache
def _empty_ledger() -> bytes:
    """Make the file once, for the same reason."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        Ledger(f"sqlite:///{path}").close()
        return path.read_bytes()


class _Kept(Engines):
    """Engines that the next step and the next test use again."""

    def close(self) -> None:
        """Close nothing: they end with the process."""


ENGINES = _Kept()
atexit.register(Engines.close, ENGINES)


@dataclass
class Company:
    """A warehouse that tests fill, and everything that a use case needs around it."""

    folder: Path
    destination: MemoryDestination = field(default_factory=MemoryDestination)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.manifest = manifest_of(MODELS)
        self.path = self.folder / "warehouse.duckdb"
        self.path.write_bytes(_empty_warehouse())
        self.ledger = self.folder / "home" / "ledger.sqlite"
        self.ledger.parent.mkdir(parents=True, exist_ok=True)
        if not self.ledger.exists():
            self.ledger.write_bytes(_empty_ledger())

    def changing(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open the warehouse as dbt does, to write."""
        return ENGINES.warehouse(self.path, read_only=False)

    def sql(self, *statements: str) -> None:
        with self.changing() as connection:
            for statement in statements:
                connection.execute(statement)

    def add(
        self, key: str, *, band: str | None = "low", record: str | None = "", age_h: float = 1
    ) -> None:
        """Add a candidate that resolves to one record (its own, unless named; None: to none)."""
        scored = (self.now - timedelta(hours=age_h)).replace(tzinfo=None)
        with self.changing() as connection:
            connection.execute("insert into mart values (?, ?, ?)", [key, band, scored])
            if record is not None:
                row = [key, record or f"R-{key}", key, "billing_id", False]
                connection.execute("insert into identity values (?, ?, ?, ?, ?)", row)

    def definition(self) -> str:
        return read_manifest(self.manifest).definition(
            model_names(Contract.model_validate(contract_dict()))
        )

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        runtime = Runtime(
            ledger=Ledger(f"sqlite:///{self.ledger}"),
            snapshots=Snapshots(self.folder / "home"),
            read_manifest=lambda: read_manifest(json.loads(json.dumps(self.manifest))),
            open_warehouse=lambda: ENGINES.warehouse(self.path),
            connect=lambda _kind: self.destination,
            engines=ENGINES,
        )
        try:
            yield runtime
        finally:
            runtime.close()
