"""What every destination can do, in one protocol, and how a contract's kind finds its module.

A destination turns outgoing records into one vendor's requests and the vendor's answers
into one outcome per record. It never sees the ledger or the warehouse, keeps no state
between runs, and never reports a record as accepted without the vendor's own word.
To add a destination, add ``destinations/<kind>.py`` with a function ``connect``.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from activation_pipeline.errors import ConfigurationError
from activation_pipeline.evidence import Effort as Effort  # noqa: TC001 - imported from here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from activation_pipeline.contract import MappedField

Value = str | int | float | bool | None
Operation = Literal["add", "update", "refresh", "clear", "remove", "withdraw"]


@dataclass(frozen=True)
class Origin:
    """Where values come from, for receivers that keep it beside the value.

    ``version`` grows with every plan that changes the destination, so that a receiver can tell an
    older value that comes late. ``expire_after`` counts from a record's ``as_of``.
    """

    contract: str
    contract_version: int
    plan: str
    version: int
    expire_after: timedelta


@dataclass(frozen=True)
class Target:
    """What a contract writes in one destination.

    ``fields`` maps the destination's field name to the contract's mapping; it is empty
    where ``list`` names a static list. ``key`` is the destination's external-id field.
    ``origin`` is there while a plan is delivered.
    """

    object: str
    key: str | None
    list: str | None
    behavior: Literal["update_only", "create_only", "upsert", "mirror"]
    fields: Mapping[str, MappedField]
    origin: Origin | None = None


class OutgoingRecord(NamedTuple):
    """One record's change, ready to send.

    ``key`` is ours, ``destination_id`` the record's id there, ``destination_key`` its value
    in the target's key field. ``values`` holds only what is written: None clears a field, a
    field that is left out keeps its value. Empty for list members. ``as_of`` is the event time
    of the values; None where the record leaves.
    """

    key: str
    destination_id: str
    destination_key: str
    operation: Operation
    values: Mapping[str, Value]
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordFault:
    """One record that was not accepted: refused (``rejected``) or unanswered (``unknown``).

    ``message`` is the vendor's, with every value of the record masked.
    """

    key: str
    state: Literal["rejected", "unknown"]
    code: str
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of one batch: every record that is not in ``faults`` was accepted.

    ``created`` holds the keys of records that this batch created, ``unchanged`` those of
    list members that were there (or gone) already.
    """

    faults: tuple[RecordFault, ...] = ()
    created: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """How to find one record: its id in the destination and its value in the key field."""

    key: str
    destination_id: str
    destination_key: str


@dataclass(frozen=True, slots=True)
class LiveRecord:
    """What a destination holds for one address now.

    ``ids`` are the records that the address finds: none, one, or several (ambiguous).
    ``values`` has the asked fields where there is exactly one; None is empty or never set.
    ``edited_at`` names, per field, the last edit by somebody who is not us, where the vendor
    tells; ``modified_at`` the last change of the record by anybody. For a list, ``values`` is
    empty and ``ids`` has the member's id, or nothing.
    """

    key: str
    ids: tuple[str, ...]
    values: Mapping[str, Value] = field(default_factory=dict)
    edited_at: Mapping[str, datetime] = field(default_factory=dict)
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MappingFault:
    """One reason why the destination cannot take what the contract maps; ``path`` is dotted."""

    path: str
    message: str


class DestinationClient(Protocol):
    """One vendor, reached with one set of credentials.

    ``check`` comes first; after it, ``send`` and ``read`` may be called from several threads.
    """

    kind: str

    @property
    def identity(self) -> str:
        """Name host and account, so that an approval for a sandbox is not one for production.

        Raises:
            RetryableError: the account has to be asked for, and there is no answer now.
            PermanentError: credentials.
        """

    def batch_size(self, target: Target, rows: int = 0) -> int:
        """Say how many records one ``send`` takes, when so many ``rows`` wait in all."""

    def concurrency(self, target: Target) -> int:
        """Say how many batches may be on their way at once."""

    def effort(self, target: Target, rows: int) -> Effort:
        """Estimate what writing so many records costs; asks the vendor for its limits if it has to.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: credentials or permission.
        """

    def catalogue(self, target: Target) -> str:
        """Hash what the vendor says about the mapped fields: an admin's change changes it."""

    def check(self, target: Target) -> tuple[MappingFault, ...]:
        """Compare the mapping with the vendor's own catalogue of fields; empty when all fits.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: credentials or permission.
        """

    def limits(self, target: Target) -> Mapping[str, int]:
        """Tell the longest text that each mapped text field takes, in characters."""

    def as_read(self, target: Target, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Say what ``read`` gives back once these values are there, so that equals compare equal.

        A time, a number in a text field or a True in a text property has another form there.

        Raises:
            ValueError: a value that ``send`` would hold back.
        """

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        """Write at most ``batch_size`` records and account for every one of them.

        A connection that breaks after the request may have been applied makes its records
        ``unknown``, never accepted and never silently sent again.

        Raises:
            RetryableError: throttled or unavailable, and surely nothing was written.
            PermanentError: credentials, permission or a request that can never work.
        """

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        """Read records back, any number of them, one answer per address, in their order."""

    def close(self) -> None:
        """Give back connections."""


def kinds() -> tuple[str, ...]:
    """Name every destination kind: the public modules of this package."""
    return tuple(
        sorted(
            info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")
        )
    )


def connect(kind: str, environment: Mapping[str, str]) -> DestinationClient:
    """Open a client of one kind from its settings; nothing is sent yet.

    Raises:
        ConfigurationError: an unknown kind, or a setting that is missing.
    """
    if kind not in kinds():
        message = f"destination kind {kind}: not known; write one of {', '.join(kinds())}"
        raise ConfigurationError(message)
    module = importlib.import_module(f"{__name__}.{kind}")
    client: DestinationClient = module.connect(environment)
    return client
