"""What tests of undoing do with a tiny company, and destinations that know who is not there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from company import MemoryDestination

from activation_pipeline.destinations import BatchOutcome, LiveRecord, MappingFault
from activation_pipeline.ledger import tables as t
from activation_pipeline.rollback import Request, rollback
from activation_pipeline.settle import open_delivered, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import Address, OutgoingRecord, Target
    from activation_pipeline.evidence import Pause
    from activation_pipeline.incident import Incident
    from activation_pipeline.rollback.report import RolledBack

EVERY_CHANGE = [{"change_volume": {"add": 1.0, "update": 1.0, "clear": 1.0, "remove": 1.0}}]
WHY = Request(by="demo_on_call", reason="wrong bands", incident_class="destination_logic")


def undo(company: Company, contract: Contract, **changes: Any) -> RolledBack:
    with company.runtime() as runtime:
        asked = replace(WHY, **changes)
        return rollback(contract, "crm", runtime, asked, clock=lambda: company.now)


def bands(company: Company) -> dict[str, Any]:
    """What stands in the destination, by key."""
    return {
        identifier.removeprefix("R-"): record.get("Band__c")
        for identifier, record in company.destination.records.items()
    }


def held(company: Company, contract: Contract) -> dict[str, Any]:
    """What we believe that the destination holds from us: the first field's value, by key."""
    fields = dict.fromkeys(contract.destinations["crm"].fields, "VARCHAR")
    with company.runtime() as runtime, runtime.snapshots.workspace() as folder:
        settle(runtime, contract.name, "crm", now=company.now)
        with runtime.engine(folder) as engine:
            open_delivered(engine, runtime.snapshots, contract.name, "crm", fields=fields)
            found = engine._run('select * from delivered order by "key"').fetchall()
    return {row[0]: row[5] if fields else None for row in found}


def pauses(company: Company, contract: Contract) -> tuple[Pause, ...]:
    with company.runtime() as runtime:
        return runtime.ledger.pauses(contract.name, now=company.now)


def incidents(company: Company, contract: Contract) -> tuple[Incident, ...]:
    with company.runtime() as runtime:
        return runtime.ledger.incidents.all(contract.name)


def ledger_rows(company: Company) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the ledger, by table."""
    with company.runtime() as runtime, runtime.ledger._engine.begin() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(table.select())]
            for table in t.metadata.sorted_tables
        }


@dataclass
class Strict(MemoryDestination):
    """Finds only records that it has; makes those that it is sent, under ids of its own."""

    made: dict[str, str] = field(default_factory=dict)
    behaviors: list[str] = field(default_factory=list)
    faults: tuple[MappingFault, ...] = ()

    def check(self, _target: Target) -> tuple[MappingFault, ...]:
        return self.faults

    def _id(self, address: Address | OutgoingRecord) -> str:
        return self.made.get(address.destination_key, address.destination_id)

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        self.behaviors.append(target.behavior)
        created = []
        for record in records:
            if target.behavior == "upsert" and self._id(record) not in self.records:
                self.made[record.destination_key] = f"NEW-{record.key}"
                created.append(record.key)
        placed = [record._replace(destination_id=self._id(record)) for record in records]
        return replace(super().send(target, placed), created=tuple(created))

    def read(
        self, _target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        found = []
        for address in addresses:
            record = self.records.get(self._id(address))
            ids = () if record is None else (self._id(address),)
            values = {} if record is None else {name: record.get(name) for name in fields}
            found.append(LiveRecord(address.key, ids, values))
        return tuple(found)


@dataclass
class Store(Strict):
    """A store of whole items: they come, go, and are replaced as a whole."""

    def send(self, _target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        self.received.append(list(records))
        for record in records:
            if record.operation == "remove":
                self.records.pop(record.destination_id, None)
            else:
                self.records[record.destination_id] = dict(record.values)
        return BatchOutcome()


@dataclass
class Club(MemoryDestination):
    """A list that says who was there, or gone, already."""

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        same = [
            record.key
            for record in records
            if (record.destination_id in self.members) == (record.operation != "remove")
        ]
        return replace(super().send(target, records), unchanged=tuple(same))
