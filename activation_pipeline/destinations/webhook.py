"""A store of whole items behind a signed webhook: context for agents, or any system of one's own.

A hundred items a request, each with a version, an expiry and what travels beside its values;
the store says beforehand which fields it takes. What a receiver has to do is in
``docs/webhook.md``. An equal batch is told by its ``Idempotency-Key``, an older item by its
version, so that anything may safely be sent again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from activation_pipeline.destinations import BatchOutcome, Effort, LiveRecord, MappingFault
from activation_pipeline.destinations import _webhook_write as writes
from activation_pipeline.destinations._batch import (
    Ready,
    WholeRefusal,
    fields_hash,
    hold_back,
    in_order,
    send_in_parts,
)
from activation_pipeline.destinations._codecs import longest_texts, read_back
from activation_pipeline.destinations._http import (
    DEFAULT_CLOCKWORK,
    DEFAULT_PATIENCE,
    Clockwork,
    Patience,
    Transport,
)
from activation_pipeline.destinations._pace import pace_file
from activation_pipeline.destinations._settings import base_url, host_of, required
from activation_pipeline.destinations._webhook_catalogue import (
    MOST_ITEMS,
    Capabilities,
    encoders_of,
    mapping_faults,
)
from activation_pipeline.destinations._webhook_read import (
    live_records,
    read_capabilities,
    read_items,
)
from activation_pipeline.destinations._webhook_session import LANE, judge, pace_of
from activation_pipeline.destinations._webhook_signing import FEWEST_SECRET_BYTES, Signature
from activation_pipeline.errors import ConfigurationError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from activation_pipeline.destinations import (
        Address,
        Origin,
        OutgoingRecord,
        Target,
        Value,
    )

_CONCURRENCY, _MOST_CONCURRENCY = 4, 32


class Webhook:
    """One store, reached with one shared secret."""

    kind = "webhook"

    def __init__(
        self, transport: Transport, *, identity: str, concurrency: int, pace_file: Path | None
    ) -> None:
        """Keep the transport; nothing is sent."""
        self._transport = transport
        self._identity = identity
        self._concurrency = concurrency
        self._pace_file = pace_file
        self._kept: Capabilities | None = None

    def __repr__(self) -> str:
        """Show where it leads, never with which secret."""
        return f"Webhook({self._identity})"

    @property
    def identity(self) -> str:
        """Name host and path: two stores may share a host."""
        return self._identity

    def batch_size(self, target: Target, rows: int = 0) -> int:
        """Say how many items one ``send`` takes; a store that takes fewer gets several requests."""
        del target, rows
        return MOST_ITEMS

    def concurrency(self, target: Target) -> int:
        """Say how many batches may be on their way at once."""
        del target
        return self._concurrency

    def effort(self, target: Target, rows: int) -> Effort:
        """Estimate what writing so many items costs, at the rate that the store asks for.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: the signature, or no such store.
        """
        del target
        known = self._capabilities()
        requests = -(-rows // known.items_per_request)
        pace = self._transport.pace
        return Effort(requests, pace.seconds(LANE, requests) if pace else 0.0)

    def catalogue(self, target: Target) -> str:
        """Hash what the store says about the mapped fields."""
        known = self._capabilities().fields_of(target)
        return fields_hash({name: known.get(name) for name in target.fields})

    def check(self, target: Target) -> tuple[MappingFault, ...]:
        """Compare the mapping with what the store says now that it takes.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: the signature, or no such store.
        """
        return mapping_faults(target, self._asked())

    def limits(self, target: Target) -> Mapping[str, int]:
        """Tell the longest text that each mapped text field takes, in characters."""
        return longest_texts(self._capabilities().fields_of(target), target.fields)

    def as_read(self, target: Target, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Say what ``read`` gives back once these values are there.

        Raises:
            NotExactError: a value that ``send`` would hold back.
        """
        known = self._capabilities().fields_of(target)
        return read_back(known, encoders_of(known, values), values)

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        """Write and delete at most one batch of items and account for every one of them.

        Raises:
            ValueError: more than a batch, or a target that does not say where the values are from.
            RetryableError: throttled or unavailable, and surely nothing was written.
            PermanentError: the signature, a permission, or another behavior than mirror.
        """
        if len(records) > MOST_ITEMS:
            message = f"webhook: {len(records)} records in one batch, at most {MOST_ITEMS}"
            raise ValueError(message)
        origin = _origin_of(target)
        known = self._capabilities()
        late = writes.timeless(records)
        held_back = {one.key for one in late}
        dated = [record for record in records if record.key not in held_back]
        encoders = encoders_of(known.fields_of(target), target.fields)
        ready, held = hold_back(dated, encoders, [writes.item_key(one) for one in dated])

        def post(part: Sequence[Ready]) -> BatchOutcome | WholeRefusal:
            body = writes.body_for(target, origin, part)
            headers = {"Idempotency-Key": writes.idempotency_key(origin, body)}
            answer = self._transport.call("POST", "/items", body=body, headers=headers)
            return writes.outcome_of(answer, part)

        size = known.items_per_request
        parts = [ready[start : start + size] for start in range(0, len(ready), size)]
        return in_order(send_in_parts(parts, post), [*late, *held], records)

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        """Read items back; one answer per address, in their order.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: a field that is not there, the signature or a permission.
        """
        capabilities = self._capabilities()
        known = capabilities.fields_of(target)
        missing = [name for name in fields if name not in known]
        if missing:
            message = f"webhook: {target.object} has no field {', '.join(missing)} in the store"
            raise PermanentError(f"{message}; check the mapping")
        keys = (one.destination_id or one.destination_key for one in addresses)
        items = read_items(self._transport, target.object, keys, most=capabilities.keys_per_read)
        return tuple(live_records(addresses, items, {name: known[name] for name in fields}))

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _capabilities(self) -> Capabilities:
        return self._kept or self._asked()

    def _asked(self) -> Capabilities:
        self._kept = known = read_capabilities(self._transport)
        if known.requests_per_second and self._transport.pace is None:
            self._transport.pace = pace_of(
                known.requests_per_second,
                self._transport.clockwork,
                at_once=self._concurrency,
                file=self._pace_file,
            )
        return known


def _origin_of(target: Target) -> Origin:
    if target.behavior != "mirror" or target.list is not None:
        message = f"webhook: a store of items is mirrored, not written by {target.behavior}"
        raise PermanentError(f"{message}; write behavior: mirror, with fields")
    if target.origin is None:
        message = "webhook: the target has no origin, which every item carries"
        raise ValueError(message)
    return target.origin


def connect(
    environment: Mapping[str, str],
    *,
    patience: Patience = DEFAULT_PATIENCE,
    clockwork: Clockwork = DEFAULT_CLOCKWORK,
    signed_at: Callable[[], float] = time.time,
) -> Webhook:
    """Open a client from its settings; nothing is sent yet.

    Args:
        environment: ``WEBHOOK_BASE_URL`` (the store's address), ``WEBHOOK_SECRET`` (32 bytes or
            more, shared with the store); optional ``WEBHOOK_CONCURRENCY``, how many batches may
            be on their way at once.
        patience: how long one request is tried.
        clockwork: how to wait.
        signed_at: the time that a signature carries, in seconds since 1970.

    Raises:
        ConfigurationError: a setting is missing or unsafe.
    """
    address = base_url(environment, "WEBHOOK_BASE_URL")
    secret = required(environment, "WEBHOOK_SECRET").encode()
    if len(secret) < FEWEST_SECRET_BYTES:
        message = (
            f"WEBHOOK_SECRET: has {len(secret)} bytes, at least {FEWEST_SECRET_BYTES}; write a "
            "longer one, from a generator of random bytes"
        )
        raise ConfigurationError(message)
    transport = Transport(
        vendor="webhook",
        base_url=address,
        judge=judge,
        auth=Signature(secret, signed_at),
        patience=patience,
        clockwork=clockwork,
    )
    return Webhook(
        transport,
        identity=host_of(address) + urlsplit(address).path,
        concurrency=_concurrency(environment),
        pace_file=pace_file(environment, "webhook", address, secret.decode()),
    )


def _concurrency(environment: Mapping[str, str]) -> int:
    text = environment.get("WEBHOOK_CONCURRENCY", "").strip() or str(_CONCURRENCY)
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_CONCURRENCY:
        message = f"WEBHOOK_CONCURRENCY: not a number from 1 to {_MOST_CONCURRENCY}; write one"
        raise ConfigurationError(message)
    return int(text)
