"""One batch on its way: what is held back before sending, and how a refused batch is halved.

Every record that enters leaves exactly once: held back here, refused, unknown or accepted.
The vendor modules say how a request is made and read; this module says what becomes of the
other records when one of them, or the connection, is bad.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from activation_pipeline.destinations import BatchOutcome, OutgoingRecord, RecordFault, Value
from activation_pipeline.destinations._http import UnansweredError
from activation_pipeline.destinations._masking import fault_message
from activation_pipeline.destinations._values import NotExactError, check_text
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from activation_pipeline.destinations._codecs import Encoder

# After so many single records were refused alike, and none accepted, the request itself is
# what is wrong, and asking once per record would only spend the quota.
_ALIKE = 8

State = Literal["rejected", "unknown"]


class Ready(NamedTuple):
    """A record whose values are as they go over the wire."""

    record: OutgoingRecord
    wire: dict[str, Value]


@dataclass(frozen=True, slots=True)
class WholeRefusal:
    """The vendor refused a whole request: nothing of it was written."""

    code: str
    field: str | None
    message: str


Post = Callable[[Sequence[Ready]], BatchOutcome | WholeRefusal]


def fault(
    record: OutgoingRecord, state: State, code: str, message: str, name: str | None = None
) -> RecordFault:
    """Say what became of one record that was not accepted."""
    return RecordFault(record.key, state, code, name, message)


def all_unknown(part: Sequence[Ready], code: str, message: str) -> BatchOutcome:
    """Account for records about which the vendor gave no trustworthy answer."""
    return BatchOutcome(tuple(fault(item.record, "unknown", code, message) for item in part))


def fields_hash(described: Mapping[str, object]) -> str:
    """Hash what a vendor says of each field, by name: 16 hex digits."""
    text = repr(sorted((name, repr(each)) for name, each in described.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hold_back(
    records: Sequence[OutgoingRecord],
    encoders: Mapping[str, tuple[str, Encoder]],
    addresses: Sequence[str],
) -> tuple[list[Ready], list[RecordFault]]:
    """Part the records that can be sent exactly from those that cannot.

    Args:
        records: one batch.
        encoders: by the contract's field name: the vendor's spelling, and its encoder.
        addresses: for each record, what the request addresses it by; one that is empty, not
            text, or used twice in the batch is held back (the vendors refuse both, or pick one).
    """
    ready: list[Ready] = []
    faults: list[RecordFault] = []
    repeated: set[str] = set()
    if len(set(addresses)) < len(addresses):
        repeated = {name for name, count in Counter(addresses).items() if count > 1}
    for record, address in zip(records, addresses, strict=True):
        # This runs once per value of a sync: the usual record takes no further call than its
        # encoders', and a KeyError says that a field has none.
        try:
            usual = address and address.isascii() and address.isprintable() and " " not in address
            if not usual or address in repeated:
                _check_address(address, repeated)
            wire: dict[str, Value] = {}
            for name, value in record.values.items():
                spelling, encode = encoders[name]
                wire[spelling] = encode(value)
            ready.append(Ready(record, wire))
        except (_AddressError, KeyError, NotExactError) as error:
            faults.append(_held(record, encoders, error))
    return ready, faults


class _AddressError(ValueError):
    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def _check_address(address: str, repeated: Collection[str]) -> None:
    if address in repeated:
        message = "another record of this batch has the same address"
        raise _AddressError("duplicate_in_batch", message)
    try:
        check_text(address)
    except NotExactError:
        message = "the record has no usable id or key in the destination"
        raise _AddressError("no_address", message) from None


def _held(
    record: OutgoingRecord, encoders: Mapping[str, tuple[str, Encoder]], error: Exception
) -> RecordFault:
    if isinstance(error, _AddressError):
        return fault(record, "rejected", error.code, str(error))
    for name, value in record.values.items():
        if name not in encoders:
            message = "the destination has no such field, or none that we can write"
            return fault(record, "rejected", "no_such_field", message, name)
        try:
            encoders[name][1](value)
        except NotExactError as inexact:
            return fault(record, "rejected", "not_exact", f"the value {inexact}", name)
    raise error


@dataclass(slots=True)
class _Progress:
    faults: list[RecordFault] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    is_written: bool = False
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: BatchOutcome, part: Sequence[Ready]) -> None:
        self.faults += outcome.faults
        self.created += outcome.created
        self.unchanged += outcome.unchanged
        states = Counter(one.state for one in outcome.faults)
        self.is_written = self.is_written or states["rejected"] < len(part)

    def refuse(self, refusal: WholeRefusal, part: Sequence[Ready]) -> None:
        self.refused[refusal.code] += 1
        self.faults += (
            fault(
                item.record,
                "rejected",
                refusal.code,
                fault_message(refusal.code, refusal.message, item.record),
                refusal.field,
            )
            for item in part
        )

    def should_halve(self, refusal: WholeRefusal, part: Sequence[Ready]) -> bool:
        hopeless = not self.is_written and self.refused[refusal.code] >= _ALIKE
        return len(part) > 1 and not hopeless


def send_in_parts(parts: Sequence[Sequence[Ready]], post: Post) -> BatchOutcome:
    """Send one request per part; where one is refused whole, halve it to the bad records.

    One bad record among 100 costs at most 14 further requests. When a later part meets a
    stop (throttled, no permission) after an earlier one may have been written, its records
    are ``unknown``: an error would tell the caller that nothing was.

    Raises:
        RetryableError: as ``post`` does, before anything was written.
        PermanentError: the same.
    """
    progress = _Progress()
    waiting = [part for part in reversed(parts) if part]
    while waiting:
        part = waiting.pop()
        try:
            answer = post(part)
        except UnansweredError as error:
            answer = all_unknown(part, "unanswered", str(error))
        except (RetryableError, PermanentError) as error:
            if not progress.is_written:
                raise
            rest = [item for left in (*waiting, part) for item in left]
            progress.add(all_unknown(rest, "stopped", str(error)), rest)
            break
        if isinstance(answer, BatchOutcome):
            progress.add(answer, part)
        elif progress.should_halve(answer, part):
            middle = len(part) // 2
            waiting += (part[middle:], part[:middle])
        else:
            progress.refuse(answer, part)
    return BatchOutcome(tuple(progress.faults), tuple(progress.created), tuple(progress.unchanged))


def in_order(
    outcome: BatchOutcome, held: Sequence[RecordFault], records: Sequence[OutgoingRecord]
) -> BatchOutcome:
    """Join what was held back to what was answered, faults in the order of the batch."""
    if not held and not outcome.faults:
        return outcome
    place = {record.key: index for index, record in enumerate(records)}
    faults = sorted((*held, *outcome.faults), key=lambda one: place[one.key])
    return BatchOutcome(tuple(faults), outcome.created, outcome.unchanged)
