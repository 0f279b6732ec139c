"""HubSpot contacts and static lists as a destination: check, write, read back.

Contacts go through the object batches, 100 a call; list members through the membership
calls. Which property takes what comes from the properties API, kept for the life of the
client. Both styles of paths are spoken, from several threads at the account's own pace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from activation_pipeline.destinations import _hubspot_list as lists
from activation_pipeline.destinations import _hubspot_write as batches
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
    BearerAuth,
    Clockwork,
    NotJsonError,
    Patience,
    Transport,
)
from activation_pipeline.destinations._hubspot_catalogue import (
    Property,
    catalogue_from,
    encoders_of,
    mapping_faults,
)
from activation_pipeline.destinations._hubspot_read import Reader
from activation_pipeline.destinations._hubspot_session import (
    LANE,
    Paths,
    daily_quota,
    judge,
    pace_of,
    portal,
)
from activation_pipeline.destinations._settings import (
    base_url,
    host_of,
    is_loopback,
    required,
    whole_number,
)
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_VERSION = "v3"
_BATCHES_AT_ONCE, _MOST_AT_ONCE = 8, 64
_TOKEN = "HUBSPOT_TOKEN"  # noqa: S105 - the setting's name, not a secret
_REFUSED, _NOT_FOUND = 400, 404


class HubSpot:
    """One account, reached with one token."""

    kind = "hubspot"

    def __init__(
        self,
        transport: Transport,
        paths: Paths,
        *,
        address: str,
        app_id: str | None = None,
        at_once: int = _BATCHES_AT_ONCE,
    ) -> None:
        """Keep the transport; nothing is sent."""
        self._transport = transport
        self._paths = paths
        self._address = address
        self._app_id = app_id
        self._at_once = at_once
        self._identity: str | None = None
        self._catalogues: dict[str, dict[str, Property]] = {}
        self._lists: dict[str, lists.StaticList] = {}

    def __repr__(self) -> str:
        """Show where it leads, never with which token."""
        return f"HubSpot({host_of(self._address)}, {self._paths.version})"

    @property
    def identity(self) -> str:
        """Name host and account; asks for the account once, except on this machine.

        All accounts of HubSpot share one host, so the host alone would not tell a test account
        from the real one.

        Raises:
            RetryableError: no answer now.
            PermanentError: the token was refused.
        """
        if self._identity is None:
            host = host_of(self._address)
            account = "" if is_loopback(self._address) else portal(self._transport)
            self._identity = f"{host}/{account}" if account else host
        return self._identity

    def batch_size(self, target: Target, rows: int = 0) -> int:  # noqa: ARG002 - the protocol's
        """Say how many records one write request takes."""
        return batches.BATCH_SIZE if target.list is None else lists.BATCH_SIZE

    def concurrency(self, target: Target) -> int:  # noqa: ARG002 - the protocol's signature
        """Say how many batches may be on their way at once."""
        return self._at_once

    def effort(self, target: Target, rows: int) -> Effort:
        """Estimate what writing so many records costs, by what the newest answer said.

        Raises:
            RetryableError: no answer so far, and none now.
            PermanentError: credentials or permission.
        """
        if self._transport.newest is None:
            self.check(target)
        requests = -(-rows // self.batch_size(target, rows))
        pace = self._transport.pace
        seconds = pace.seconds(LANE, requests) if pace is not None else 0.0
        return Effort(requests, seconds, *daily_quota(self._transport.newest))

    def catalogue(self, target: Target) -> str:
        """Hash what the account says about the mapped properties."""
        if target.list is not None:
            return ""
        catalogue = self._catalogue(target)
        return fields_hash({name: catalogue.get(name) for name in target.fields})

    def check(self, target: Target) -> tuple[MappingFault, ...]:
        """Compare the mapping with the account's properties, or its list, as they are now.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: credentials or permission.
        """
        if target.list is not None:
            self._lists.pop(target.list, None)
            return self._list(target.list).faults()
        catalogue = self._fetched(target.object)
        if catalogue is None:
            return (MappingFault("object", f"{target.object} is not an object of this account"),)
        return mapping_faults(target, catalogue)

    def limits(self, target: Target) -> Mapping[str, int]:
        """Tell the longest text that each mapped text property takes, in characters."""
        if target.list is not None:
            return {}
        return longest_texts(self._catalogue(target), target.fields)

    def as_read(self, target: Target, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """Say what ``read`` gives back once these values are there.

        Raises:
            NotExactError: a value that ``send`` would hold back.
        """
        if target.list is not None:
            return {}
        catalogue = self._catalogue(target)
        return read_back(catalogue, encoders_of(catalogue, values), values)

    def send(self, target: Target, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        """Write at most one batch and account for every record of it.

        Raises:
            RetryableError: throttled or unavailable, and surely nothing was written.
            PermanentError: credentials, permission, no such list, or a key that is not unique.
        """
        most = self.batch_size(target)
        if len(records) > most:
            message = f"hubspot: {len(records)} records in one batch, at most {most}"
            raise ValueError(message)
        if target.list is not None:
            return self._send_members(target.list, records)
        encoders = encoders_of(self._catalogue(target), target.fields)
        ready, held = hold_back(records, encoders, batches.addresses_of(target, records))

        def post(part: Sequence[Ready]) -> BatchOutcome | WholeRefusal:
            path = f"{self._paths.objects(target.object)}/batch/{batches.action_of(target)}"
            repeat = target.behavior != "create_only"
            body = batches.body_for(target, part)
            answer = self._transport.call("POST", path, body=body, repeat=repeat)
            return batches.outcome_of(answer, part, target)

        return in_order(send_in_parts([ready], post), held, records)

    def read(
        self, target: Target, addresses: Sequence[Address], fields: Sequence[str]
    ) -> tuple[LiveRecord, ...]:
        """Read records, or memberships, back; one answer per address, in their order.

        Raises:
            RetryableError: no trustworthy answer now.
            PermanentError: a property or list that is not there, credentials or permission.
        """
        if target.list is not None:
            return self._list(target.list).read(addresses)
        catalogue = self._catalogue(target)
        missing = [name for name in fields if name not in catalogue]
        if missing:
            message = f"hubspot: {target.object} has no property {', '.join(missing)}"
            raise PermanentError(f"{message}; check the mapping")
        path = self._paths.objects(target.object)
        asked = {name: catalogue[name] for name in fields}
        return Reader(self._transport, path, target.key, asked, self._app_id).read(addresses)

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _list(self, name: str) -> lists.StaticList:
        return self._lists.setdefault(name, lists.StaticList(self._transport, self._paths, name))

    def _send_members(self, name: str, records: Sequence[OutgoingRecord]) -> BatchOutcome:
        ready, held = hold_back(records, {}, [record.destination_id for record in records])
        return in_order(send_in_parts([ready], self._list(name).change), held, records)

    def _catalogue(self, target: Target) -> dict[str, Property]:
        found = self._catalogues.get(target.object) or self._fetched(target.object)
        if found is None:
            message = f"hubspot: {target.object} is not an object of this account; check the object"
            raise PermanentError(message)
        return found

    def _fetched(self, name: str) -> dict[str, Property] | None:
        answer = self._transport.call("GET", self._paths.properties(name))
        if answer.status in {_REFUSED, _NOT_FOUND}:
            return None
        try:
            catalogue = catalogue_from(answer.json()["results"])
        except (NotJsonError, KeyError, TypeError, AttributeError):
            message = "hubspot: the properties had no trustworthy answer; try again"
            raise RetryableError(message) from None
        self._catalogues[name] = catalogue
        return catalogue


def connect(
    environment: Mapping[str, str],
    *,
    patience: Patience = DEFAULT_PATIENCE,
    clockwork: Clockwork = DEFAULT_CLOCKWORK,
) -> HubSpot:
    """Open a client from its settings; nothing is sent yet.

    Args:
        environment: ``HUBSPOT_BASE_URL``, ``HUBSPOT_TOKEN``; optional ``HUBSPOT_API_VERSION``
            (``v3`` or a date such as ``2026-09``), ``HUBSPOT_APP_ID`` (our own app, so that
            other integrations' edits are told apart from ours), ``HUBSPOT_CONCURRENCY``
            (batches at once) and ``HUBSPOT_REQUESTS_PER_10S`` (a number, or ``none``);
            ``ACTIVATION_HOME`` is where all processes count their requests together.
        patience: how long one request is tried.
        clockwork: how to wait.

    Raises:
        ConfigurationError: a setting is missing or unsafe.
    """
    address, token = base_url(environment, "HUBSPOT_BASE_URL"), required(environment, _TOKEN)
    paths = Paths(environment.get("HUBSPOT_API_VERSION", "").strip() or DEFAULT_VERSION)
    at_once = whole_number(
        environment, "HUBSPOT_CONCURRENCY", default=_BATCHES_AT_ONCE, most=_MOST_AT_ONCE
    )
    transport = Transport(
        vendor="hubspot",
        base_url=address,
        judge=judge,
        auth=BearerAuth(token),
        pace=pace_of(environment, clockwork, at_once=at_once, secrets=(address, token)),
        patience=patience,
        clockwork=clockwork,
    )
    app_id = environment.get("HUBSPOT_APP_ID", "").strip() or None
    return HubSpot(transport, paths, address=address, app_id=app_id, at_once=at_once)
