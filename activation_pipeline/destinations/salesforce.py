"""Salesforce records as a destination: check, write, read back.

Writes go through sObject Collections, 200 records a call. Which field takes what comes from
the object's describe, kept for the life of the client. Static lists and the Bulk API are
not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import tenacity

from activation_pipeline.destinations import (
    Address,
    BatchOutcome,
    Effort,
    LiveRecord,
    MappingFault,
    OutgoingRecord,
    Target,
    Value,
)
from activation_pipeline.destinations._batch import (
    Ready,
    WholeRefusal,
    fields_hash,
    hold_back,
    in_order,
    send_in_parts,
)
from activation_pipeline.destinations._http import (
    DEFAULT_CLOCKWORK,
    DEFAULT_PATIENCE,
    Answer,
    Clockwork,
    NotJsonError,
    Patience,
)
from activation_pipeline.destinations._salesforce_catalogue import (
    SObject,
    mapping_faults,
    sobject_from,
)
from activation_pipeline.destinations._salesforce_read import Reader
from activation_pipeline.destinations._salesforce_session import SalesforceSession
from activation_pipeline.destinations._salesforce_write import (
    BATCH_SIZE,
    RETRY_CODES,
    addresses_of,
    outcome_of,
    request_for,
)
from activation_pipeline.destinations._settings import base_url, host_of, required
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

API_VERSION = "v62.0"
_NOT_MODIFIED, _REFUSED, _NOT_FOUND = 304, 400, 404


class Salesforce:
    """One organisation, as one integration user; not shared between threads."""

    kind = "salesforce"

    def __init__(self, session: SalesforceSession, *, identity: str) -> None:
        """Keep the session; nothing is sent."""
        self.identity = identity
        self._session = session
        self._sobjects: dict[str, tuple[SObject, str]] = {}

    def __repr__(self) -> str:
        """Show where it leads, never with which credentials."""
        return f"Salesforce({self.identity})"

    @property
    def usage(self) -> Mapping[str, tuple[int, int]]:
        """Tell used and allowed requests, by the vendor's name of the limit (``api-usage``)."""
        return self._session.usage

    def batch_size(self, target: Target, rows: int = 0) -> int:  # noqa: ARG002 - the protocol's
        """Say how many records one write request takes."""
        return BATCH_SIZE

    def concurrency(self, target: Target) -> int:  # noqa: ARG002 - the protocol's signature
        """Say how many batches may be on their way at once."""
        return 1

    def effort(self, target: Target, rows: int) -> Effort:
        """Estimate what writing so many records costs."""
        requests = -(-rows // self.batch_size(target, rows))
        return Effort(requests, float(requests))

    def catalogue(self, target: Target) -> str:
        """Hash what the describe says about the mapped fields."""
        sobject = self._sobject(target)
        return fields_hash({name: sobject.field(name) for name in target.fields})

    def check(self, target: Target) -> tuple[MappingFault, ...]:
        """Compare the mapping with the object's describe as it is now.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: credentials or permission.
        """
        if target.list is not None:
            return (MappingFault("list", "salesforce has no static lists here; map fields"),)
        sobject = self._described(target.object)
        if sobject is None:
            return (MappingFault("object", f"{target.object} is not there, or not for our user"),)
        return mapping_faults(target, sobject)

    def limits(self, target: Target) -> Mapping[str, int]:
        """Tell the longest text that each mapped text field takes, in characters."""
        sobject = self._sobject(target)
        fields = ((name, sobject.field(name)) for name in target.fields)
        rules = ((name, field.rule) for name, field in fields if field is not None)
        return {name: rule.longest for name, rule in rules if rule and rule.longest}

    def as_read(self, target: Target, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Say what ``read`` gives back once these values are there.

        Raises:
            NotExactError: a value that ``send`` would hold back.
        """
        sobject = self._sobject(target)
        encoders, decoders = sobject.encoders(values), sobject.decoders(tuple(values))
        return {name: decoders[name][1](encoders[name][1](values[name])) for name in encoders}

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        """Write at most 200 records and account for every one of them.

        A record whose row stays locked is sent again a few times; then it is ``unknown`` with
        the vendor's code, not ``rejected``: nothing is wrong with its value, and it must not
        count against the workflow.

        Raises:
            RetryableError: throttled or unavailable, and surely nothing was written.
            PermanentError: credentials, permission, or an object or field that is not there.
        """
        if len(records) > BATCH_SIZE:
            message = f"salesforce: {len(records)} records in one batch, at most {BATCH_SIZE}"
            raise ValueError(message)
        sobject = self._sobject(target)
        key = sobject.field(target.key) if target.key else None
        if key is None and target.behavior == "upsert":
            message = f"salesforce: {target.object} has no key field {target.key}; check the key"
            raise PermanentError(message)
        keeps_case = key is not None and key.case_sensitive
        addresses = addresses_of(target, records, key_keeps_case=keeps_case)
        ready, held = hold_back(records, sobject.encoders(target.fields), addresses)
        outcome = self._send_ready(target, sobject, ready)
        return in_order(outcome, held, records)

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        """Read records back by key and by id, one answer per address, in their order.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: an object or field that is not there, credentials or permission.
        """
        sobject = self._sobject(target)
        decoders = sobject.decoders(tuple(fields))
        missing = [name for name in fields if name not in decoders]
        if missing:
            message = f"salesforce: {sobject.name} has no field {', '.join(missing)}; check access"
            raise PermanentError(message)
        return Reader(self._session, sobject, target.key, decoders).read(addresses)

    def close(self) -> None:
        """Give back connections."""
        self._session.close()

    def _send_ready(self, target: Target, sobject: SObject, ready: list[Ready]) -> BatchOutcome:
        """Send, and send again what only met a lock; later answers replace earlier ones."""
        waiting, settled = ready, BatchOutcome()

        def attempt() -> list[Ready]:
            nonlocal settled, waiting
            try:
                outcome = send_in_parts([waiting], self._poster(target, sobject))
            except (RetryableError, PermanentError):
                if waiting is ready:
                    raise
                return []  # some were written before: those that wait keep what was said of them
            locked = {one.key for one in outcome.faults if one.code in RETRY_CODES}
            again = {item.record.key for item in waiting}
            earlier = tuple(one for one in settled.faults if one.key not in again)
            settled = BatchOutcome(
                (*earlier, *outcome.faults), (*settled.created, *outcome.created)
            )
            waiting = [item for item in waiting if item.record.key in locked]
            return waiting

        patience, clockwork = self._session.patience, self._session.clockwork
        tenacity.Retrying(
            retry=tenacity.retry_if_result(bool),
            stop=tenacity.stop_after_attempt(min(4, patience.tries)),
            wait=tenacity.wait_exponential(multiplier=patience.first_wait_s, max=10),
            sleep=clockwork.sleep,
            retry_error_callback=lambda _: None,
        )(attempt)
        return settled

    def _poster(self, target: Target, sobject: SObject) -> _Poster:
        return _Poster(self._session, target, sobject)

    def _sobject(self, target: Target) -> SObject:
        kept = self._sobjects.get(target.object)
        sobject = kept[0] if kept else self._described(target.object)
        if sobject is None:
            message = f"salesforce: the object {target.object} is not there, or not for our user"
            raise PermanentError(message)
        return sobject

    def _described(self, name: str) -> SObject | None:
        kept = self._sobjects.get(name)
        since = {"If-Modified-Since": kept[1]} if kept and kept[1] else {}
        path = f"/sobjects/{quote(name, safe='')}/describe"
        answer = self._session.call("GET", path, headers=since)
        if answer.status == _NOT_MODIFIED and kept:
            return kept[0]
        if answer.status == _NOT_FOUND:
            return None
        sobject = _parsed_describe(answer)
        self._sobjects[name] = sobject, answer.headers.get("Last-Modified", "")
        return sobject


class _Poster:
    """Sends one part of a batch and reads its answer."""

    def __init__(self, session: SalesforceSession, target: Target, sobject: SObject) -> None:
        self._session = session
        self._target = target
        self._sobject = sobject

    def __call__(self, part: Sequence[Ready]) -> BatchOutcome | WholeRefusal:
        key = self._sobject.field(self._target.key) if self._target.key else None
        creates = self._target.behavior == "create_only"
        method, path, body = request_for(
            self._target, self._sobject.name, key.name if key else None, part
        )
        answer = self._session.call(method, path, body=body, repeat=not creates)
        return outcome_of(answer, part, creates=creates)


def _parsed_describe(answer: Answer) -> SObject:
    try:
        if answer.status < _REFUSED:
            return sobject_from(answer.json())
    except (NotJsonError, KeyError, TypeError, ValueError):
        pass
    message = f"salesforce: the describe answered {answer.status} without a list of fields"
    raise RetryableError(message)


def connect(
    environment: Mapping[str, str],
    *,
    patience: Patience = DEFAULT_PATIENCE,
    clockwork: Clockwork = DEFAULT_CLOCKWORK,
) -> Salesforce:
    """Open a client from its settings; nothing is sent yet.

    Args:
        environment: ``SALESFORCE_BASE_URL`` (the My Domain address), ``SALESFORCE_CLIENT_ID``,
            ``SALESFORCE_CLIENT_SECRET``.
        patience: how long one request is tried.
        clockwork: how to wait.

    Raises:
        ConfigurationError: a setting is missing or unsafe.
    """
    address = base_url(environment, "SALESFORCE_BASE_URL")
    session = SalesforceSession(
        base_url=address,
        client_id=required(environment, "SALESFORCE_CLIENT_ID"),
        client_secret=required(environment, "SALESFORCE_CLIENT_SECRET"),
        version=API_VERSION,
        patience=patience,
        clockwork=clockwork,
    )
    return Salesforce(session, identity=host_of(address))
