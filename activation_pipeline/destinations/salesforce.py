"""Salesforce records as a destination: check, write, read back.

Writes go through sObject Collections, 200 records a call, or through Bulk API 2.0 where many
wait. Which field takes what comes from the object's describe, kept for the life of the client.
Static lists are not here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

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
from activation_pipeline.destinations._batch import fields_hash, hold_back, in_order
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
from activation_pipeline.destinations._salesforce_grants import grant_from
from activation_pipeline.destinations._salesforce_quota import left_today
from activation_pipeline.destinations._salesforce_read import Reader
from activation_pipeline.destinations._salesforce_send import CALLS_AT_ONCE, Sender, Sizes
from activation_pipeline.destinations._salesforce_session import SalesforceSession
from activation_pipeline.destinations._salesforce_write import addresses_of
from activation_pipeline.destinations._settings import base_url, host_of, whole_number
from activation_pipeline.errors import ConfigurationError, PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

API_VERSION = "v62.0"
DEFAULT_SIZES = Sizes()
_MOST_CALLS = 25  # the vendor's own limit for calls of 20 s and longer
_NOT_MODIFIED, _REFUSED, _NOT_FOUND = 304, 400, 404


class Salesforce:
    """One organisation, as one integration user; after ``check`` also from several threads."""

    kind = "salesforce"

    def __init__(
        self,
        session: SalesforceSession,
        *,
        identity: str,
        sizes: Sizes = DEFAULT_SIZES,
        calls_at_once: int = CALLS_AT_ONCE,
    ) -> None:
        """Keep the session; nothing is sent."""
        self.identity = identity
        self._session = session
        self._sizes = sizes
        self._calls_at_once = calls_at_once
        self._sender = Sender(session, sizes)
        self._sobjects: dict[str, tuple[SObject, str]] = {}

    def __repr__(self) -> str:
        """Show where it leads, never with which credentials."""
        return f"Salesforce({self.identity})"

    @property
    def usage(self) -> Mapping[str, tuple[int, int]]:
        """Tell used and allowed requests, by the vendor's name of the limit (``api-usage``)."""
        return self._session.usage

    def batch_size(self, target: Target, rows: int = 0) -> int:
        """Say how many records one send takes: a collection, or a bulk job for many rows."""
        return self._sizes.batch(target, rows)

    def concurrency(self, target: Target) -> int:  # noqa: ARG002 - the protocol's signature
        """Say how many batches may be on their way at once; of bulk jobs, two run at most."""
        return self._calls_at_once

    def effort(self, target: Target, rows: int) -> Effort:
        """Estimate what writing so many records costs, and ask what is left of the day's requests.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: credentials or permission.
        """
        requests, seconds = self._sizes.cost(target, rows, self._calls_at_once)
        left, daily = left_today(self._session)
        return Effort(requests, seconds, left, daily)

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
        """Write records, at most a collection's or a job's, and account for every one of them.

        A record whose row stays locked is sent again a few times; then it is ``unknown`` with
        the vendor's code, not ``rejected``: nothing is wrong with its value, and it must not
        count against the workflow.

        Raises:
            RetryableError: throttled or unavailable, and surely nothing was written.
            PermanentError: credentials, permission, or an object or field that is not there.
        """
        most = self._sizes.most(target)
        if len(records) > most:
            message = f"salesforce: {len(records)} records in one batch, at most {most}"
            raise ValueError(message)
        sobject = self._sobject(target)
        key = sobject.field(target.key) if target.key else None
        if key is None and target.behavior == "upsert":
            message = f"salesforce: {target.object} has no key field {target.key}; check the key"
            raise PermanentError(message)
        keeps_case = key is not None and key.case_sensitive
        addresses = addresses_of(target, records, key_keeps_case=keeps_case)
        ready, held = hold_back(records, sobject.encoders(target.fields), addresses)
        outcome = self._sender.send(target, sobject, ready)
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
    now: Callable[[], float] = time.time,
    sizes: Sizes = DEFAULT_SIZES,
) -> Salesforce:
    """Open a client from its settings; nothing is sent yet.

    Args:
        environment: ``SALESFORCE_BASE_URL`` (the My Domain address), ``SALESFORCE_CLIENT_ID``;
            ``SALESFORCE_CLIENT_SECRET``, or what the grant of ``SALESFORCE_AUTH`` needs;
            optional ``SALESFORCE_BULK_FROM``, ``SALESFORCE_CONCURRENCY``.
        patience: how long one request is tried.
        clockwork: how to wait.
        now: seconds since 1970, which the JWT bearer grant signs.
        sizes: how much goes at once; the setting replaces ``bulk_from``.

    Raises:
        ConfigurationError: a setting is missing or unsafe.
    """
    address = base_url(environment, "SALESFORCE_BASE_URL")
    session = SalesforceSession(
        base_url=address,
        grant=grant_from(environment, now),
        version=API_VERSION,
        patience=patience,
        clockwork=clockwork,
    )
    return Salesforce(
        session,
        identity=host_of(address),
        sizes=_sizes(environment, sizes),
        calls_at_once=whole_number(
            environment, "SALESFORCE_CONCURRENCY", default=CALLS_AT_ONCE, most=_MOST_CALLS
        ),
    )


def _sizes(environment: Mapping[str, str], sizes: Sizes) -> Sizes:
    text = environment.get("SALESFORCE_BULK_FROM", "").strip()
    if not text:
        return sizes
    if text != "never" and not (text.isascii() and text.isdecimal()):
        message = "SALESFORCE_BULK_FROM: not a number of rows; write one, or never"
        raise ConfigurationError(message)
    rows = 0 if text == "never" else int(text)
    return replace(sizes, bulk_from=rows or None)
