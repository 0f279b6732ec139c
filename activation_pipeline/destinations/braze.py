"""Braze users as a destination: custom attributes, and audiences as one Boolean attribute each.

Everything is addressed by ``external_id``, 75 users a call. Which attribute takes what comes
from the catalogue, kept for the life of the client, because Braze would make whatever is not
in it. Braze keeps no history and confirms nothing but that a write was queued: a person's edit
shows only as another value than the last one sent, and only reading back says what arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.destinations import BatchOutcome, Effort, LiveRecord, MappingFault
from activation_pipeline.destinations import _braze_write as writes
from activation_pipeline.destinations._batch import (
    Ready,
    WholeRefusal,
    fault,
    fields_hash,
    hold_back,
    in_order,
    send_in_parts,
)
from activation_pipeline.destinations._braze_catalogue import (
    KEY,
    Attribute,
    audience_obstacle,
    encoders_of,
    mapping_faults,
)
from activation_pipeline.destinations._braze_read import (
    USERS_PER_CALL,
    live_records,
    named_by,
    read_catalogue,
    read_users,
)
from activation_pipeline.destinations._braze_session import EXPORT, TRACK, judge, pace_of
from activation_pipeline.destinations._codecs import longest_texts, read_back
from activation_pipeline.destinations._http import (
    DEFAULT_CLOCKWORK,
    DEFAULT_PATIENCE,
    BearerAuth,
    Clockwork,
    Patience,
    Transport,
)
from activation_pipeline.destinations._settings import (
    base_url,
    host_of,
    is_loopback,
    required,
    whole_number,
)
from activation_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from activation_pipeline.destinations import (
        Address,
        OutgoingRecord,
        RecordFault,
        Target,
        Value,
    )

_BATCHES_AT_ONCE, _MOST_AT_ONCE = 8, 64


class Braze:
    """One workspace, reached with one REST key."""

    kind = "braze"

    def __init__(
        self, transport: Transport, *, identity: str, objects_per_call: int, at_once: int
    ) -> None:
        """Keep the transport; nothing is sent."""
        self._transport = transport
        self._identity = identity
        self._most = objects_per_call
        self._at_once = at_once
        self._kept: dict[str, Attribute] | None = None

    def __repr__(self) -> str:
        """Show where it leads, never with which key."""
        return f"Braze({self._identity})"

    @property
    def identity(self) -> str:
        """Name host and workspace, as the settings do: no call of Braze tells the workspace."""
        return self._identity

    def batch_size(self, target: Target, rows: int = 0) -> int:
        """Say how many records one write request takes; all arrays of it count together."""
        del target, rows
        return self._most

    def concurrency(self, target: Target) -> int:
        """Say how many batches may be on their way at once."""
        del target
        return self._at_once

    def effort(self, target: Target, rows: int) -> Effort:
        """Estimate what writing so many records costs; Braze has no limit for the day.

        Looking users up counts, and is what takes long where nobody is to be created.
        """
        tracks = -(-rows // self._most)
        exports = tracks * -(-self._most // USERS_PER_CALL) if self._looks_up(target) else 0
        pace = self._transport.pace
        waits = [pace.seconds(TRACK, tracks), pace.seconds(EXPORT, exports)] if pace else [0.0]
        return Effort(tracks + exports, max(waits))

    def catalogue(self, target: Target) -> str:
        """Hash what the workspace says about the mapped attributes."""
        catalogue = self._catalogue()
        return fields_hash({name: catalogue.get(name) for name in target.fields})

    def check(self, target: Target) -> tuple[MappingFault, ...]:
        """Compare the mapping with the workspace's custom attributes as they are now.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: credentials or permission.
        """
        self._kept = read_catalogue(self._transport)
        return mapping_faults(target, self._kept)

    def limits(self, target: Target) -> Mapping[str, int]:
        """Tell the longest text that each mapped text attribute takes, in characters."""
        return longest_texts(self._catalogue(), target.fields)

    def as_read(self, target: Target, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Say what ``read`` gives back once these values are there.

        Raises:
            NotExactError: a value that ``send`` would hold back.
        """
        if target.list is not None:
            return {}
        catalogue = self._catalogue()
        return read_back(catalogue, encoders_of(catalogue, values), values)

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        """Write at most one batch and account for every record of it.

        Accepted means queued. ``created`` and ``unchanged`` stay empty: Braze tells neither.
        Where nobody is to be created, users are looked up first, because Braze takes a write
        to nobody for a success.

        Raises:
            RetryableError: throttled or unavailable, and surely nothing was written.
            PermanentError: credentials, permission, no such audience, another key than
                ``external_id``, or ``create_only``.
        """
        if len(records) > self._most:
            message = f"braze: {len(records)} records in one batch, at most {self._most}"
            raise ValueError(message)
        self._refuse_what_cannot_work(target)
        encoders = encoders_of(self._catalogue(), target.fields)
        ready, held = hold_back(records, encoders, writes.addresses_of(target, records))
        ready, missing = self._present(target, ready)

        def post(part: Sequence[Ready]) -> BatchOutcome | WholeRefusal:
            body = writes.body_for(target, part)
            return writes.outcome_of(self._transport.call("POST", "/users/track", body=body), part)

        return in_order(send_in_parts([ready], post), [*held, *missing], records)

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        """Read users, or who is in an audience, back; one answer per address, in their order.

        A write of the last minutes may not show yet. ``edited_at`` is always empty.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: an attribute that is not there, credentials or permission.
        """
        catalogue = {} if target.list is not None else self._catalogue()
        names = () if target.list is not None else fields
        missing = [name for name in names if name not in catalogue]
        if missing:
            message = f"braze: {target.object} has no custom attribute {', '.join(missing)}"
            raise PermanentError(f"{message}; check the mapping")
        wanted = {one for address in addresses for one in named_by(target, address)}
        users = read_users(self._transport, wanted)
        asked = {name: catalogue[name] for name in names}
        return tuple(live_records(target, addresses, users, asked))

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _catalogue(self) -> dict[str, Attribute]:
        if self._kept is None:
            self._kept = read_catalogue(self._transport)
        return self._kept

    def _refuse_what_cannot_work(self, target: Target) -> None:
        if target.behavior == "create_only":
            message = "braze: there is no request that only creates; use upsert or update_only"
            raise PermanentError(message)
        if target.key not in {None, KEY}:
            message = f"braze: {target.key} does not address a user; write {KEY}"
            raise PermanentError(message)
        if target.list is not None:
            obstacle = audience_obstacle(self._catalogue(), target.list)
            if obstacle is not None:
                message = f"braze: the audience attribute {target.list}: {obstacle}"
                raise PermanentError(message)

    @staticmethod
    def _looks_up(target: Target) -> bool:
        return target.list is not None or target.behavior != "upsert"

    def _present(
        self, target: Target, ready: Sequence[Ready]
    ) -> tuple[list[Ready], list[RecordFault]]:
        """Part the users that are there from those that a write would silently miss."""
        if not self._looks_up(target):
            return list(ready), []
        addresses = writes.addresses_of(target, [item.record for item in ready])
        # Who leaves an audience and is gone is also no longer a member: what was wanted is so.
        needed = [target.list is None or writes.is_joining(item.record) for item in ready]
        looked_up = (one for one, needs in zip(addresses, needed, strict=True) if needs)
        users = read_users(self._transport, looked_up)
        kept: list[Ready] = []
        missing: list[RecordFault] = []
        for item, address, needs in zip(ready, addresses, needed, strict=True):
            if needs and address not in users:
                text = "no such user in the destination, or not visible there yet"
                missing.append(fault(item.record, "rejected", "RECORD_MISSING", text))
            else:
                kept.append(item)
        return kept, missing


def connect(
    environment: Mapping[str, str],
    *,
    patience: Patience = DEFAULT_PATIENCE,
    clockwork: Clockwork = DEFAULT_CLOCKWORK,
) -> Braze:
    """Open a client from its settings; nothing is sent yet.

    Args:
        environment: ``BRAZE_BASE_URL`` (the instance's REST address), ``BRAZE_API_KEY``;
            ``BRAZE_WORKSPACE``, a name for the workspace of the key, needed except on this
            machine, because many workspaces share one address; optional
            ``BRAZE_OBJECTS_PER_CALL`` (75, or 50 where the plan says so),
            ``BRAZE_CONCURRENCY`` (batches at once), ``BRAZE_TRACKS_PER_3S`` and
            ``BRAZE_EXPORTS_PER_MINUTE`` (a number, or ``none``); ``ACTIVATION_HOME`` is where
            all processes count their requests together.
        patience: how long one request is tried.
        clockwork: how to wait.

    Raises:
        ConfigurationError: a setting is missing or unsafe.
    """
    address, key = base_url(environment, "BRAZE_BASE_URL"), required(environment, "BRAZE_API_KEY")
    host = host_of(address)
    needs_name = not is_loopback(address) or environment.get("BRAZE_WORKSPACE", "").strip()
    workspace = required(environment, "BRAZE_WORKSPACE") if needs_name else ""
    most = writes.BATCH_SIZE
    size = whole_number(environment, "BRAZE_OBJECTS_PER_CALL", default=most, most=most)
    at_once = whole_number(
        environment, "BRAZE_CONCURRENCY", default=_BATCHES_AT_ONCE, most=_MOST_AT_ONCE
    )
    transport = Transport(
        vendor="braze",
        base_url=address,
        judge=judge,
        auth=BearerAuth(key),
        pace=pace_of(environment, clockwork, at_once=at_once, secrets=(address, key)),
        patience=patience,
        clockwork=clockwork,
    )
    identity = f"{host}/{workspace}" if workspace else host
    return Braze(transport, identity=identity, objects_per_call=size, at_once=at_once)
