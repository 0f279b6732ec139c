"""Did it arrive? Asked of the destination where no trustworthy answer came back.

A record whose write was sent and not answered is looked up before anybody decides about it:
what is there already is not sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.destinations import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from activation_pipeline.destinations import (
        DestinationClient,
        LiveRecord,
        OutgoingRecord,
        Target,
    )


def arrived(
    client: DestinationClient, target: Target, records: Sequence[OutgoingRecord]
) -> frozenset[str]:
    """Name the keys whose change is already there, by reading every record back.

    Raises:
        RetryableError, PermanentError: the destination does not answer.
    """
    addresses = [Address(r.key, r.destination_id, r.destination_key) for r in records]
    fields = sorted({name for record in records for name in record.values})
    live = client.read(target, addresses, fields)
    return frozenset(
        record.key
        for record, found in zip(records, live, strict=True)
        if _is_there(client, target, record, found)
    )


def _is_there(
    client: DestinationClient, target: Target, record: OutgoingRecord, found: LiveRecord
) -> bool:
    if record.operation == "remove":
        return not found.ids
    if len(found.ids) != 1:
        return False
    if target.list is not None:
        return True
    try:
        wanted = client.as_read(target, record.values)
    except ValueError:
        return False  # it could not have been sent
    return all(found.values.get(name) == value for name, value in wanted.items())
