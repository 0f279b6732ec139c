"""Which way Salesforce records go, a job or collections, and what a job's file says."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from salesforce_job_cases import (
    CREATE,
    IDS,
    REASON,
    THREE,
    TYPE,
    UPDATE,
    UPSERT,
    fault,
    reasons,
    record,
    states,
    told,
)

from activation_pipeline.destinations import Address, BatchOutcome, OutgoingRecord
from activation_pipeline.destinations._salesforce_send import Sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from destination_cases import Box

    from activation_pipeline.destinations import salesforce as module


def test_an_update_goes_by_id_and_rows_keep_what_they_do_not_write(
    jobs: module.Salesforce, box: Box
) -> None:
    assert jobs.send(UPDATE, [record(at, **{REASON: "old", TYPE: "Other"}) for at in (1, 2)])
    changes = [record(1, **{REASON: None}), record(2, **{TYPE: "Partner"})]
    assert jobs.send(UPDATE, changes) == BatchOutcome()
    assert box.writes("salesforce")[1]["body"].split("\n") == [
        f"Id,{REASON},{TYPE}",
        f"{IDS[0]},#N/A,",
        f"{IDS[1]},,Partner",
        "",
    ]
    addresses = [Address(f"k{at}", IDS[at - 1], "") for at in (1, 2)]
    found = jobs.read(UPDATE, addresses, [REASON, TYPE])
    assert [(one.values[REASON], one.values[TYPE]) for one in found] == [
        (None, "Other"),
        ("old", "Partner"),
    ]


def test_what_a_file_cannot_carry_goes_by_collections_beside_the_job(
    salesforce_of: Callable[..., module.Salesforce], box: Box
) -> None:
    """In a job it would clear the field, or fail every row."""
    client = salesforce_of(Sizes(bulk_from=1, collection=1))
    odd = [record(1, **{REASON: "#N/A"}), record(4, **{REASON: "two\r\nlines"})]
    outcome = client.send(UPSERT, [*odd, record(2, **{REASON: "b"}), record(3, **{REASON: "c"})])
    assert outcome.faults == ()
    assert [one["method"] for one in box.writes("salesforce")] == ["PUT", "PATCH"]
    assert reasons(client) == ["#N/A", "b", "c"]


def test_a_file_over_the_limit_becomes_several_jobs(
    salesforce_of: Callable[..., module.Salesforce], box: Box
) -> None:
    client = salesforce_of(Sizes(bulk_from=1, collection=0, job_bytes=90))
    assert client.send(UPSERT, THREE).faults == ()
    assert states(client, box) == ["JobComplete"] * 2
    assert all(len(one["body"]) <= 90 for one in box.writes("salesforce"))


def test_after_the_first_of_two_jobs_a_stop_makes_the_rest_unknown(
    salesforce_of: Callable[..., module.Salesforce], box: Box
) -> None:
    client = salesforce_of(Sizes(bulk_from=1, collection=0, job_bytes=90))
    fault(box, CREATE, "request_limit", after=1, times=None)
    outcome = client.send(UPSERT, THREE)
    assert told(outcome) == [("unknown", "stopped")] * 2
    assert reasons(client) == ["secret-ish 1", None, None]


def test_many_rows_go_by_jobs_and_few_by_collections(
    salesforce_of: Callable[..., module.Salesforce],
) -> None:
    sizes = Sizes()
    create = dataclasses.replace(UPSERT, behavior="create_only")
    client = salesforce_of(sizes)
    assert [client.batch_size(UPSERT, rows) for rows in (0, 1_999, 2_000, 10**6)] == [
        200,
        200,
        10_000,
        10_000,
    ]
    assert client.batch_size(UPDATE, 2_000) == 10_000
    assert client.batch_size(create, 10**6) == 200
    for never in ("0", "never"):
        assert salesforce_of(sizes, SALESFORCE_BULK_FROM=never).batch_size(UPSERT, 10**6) == 200
    assert salesforce_of(sizes, SALESFORCE_BULK_FROM="500").batch_size(UPSERT, 500) == 10_000
    many = [OutgoingRecord(f"k{at}", "", f"X-{at}", "add", {}) for at in range(201)]
    with pytest.raises(ValueError, match="at most 200"):
        client.send(create, many)


def test_up_to_200_records_go_by_a_collection_and_more_by_a_job(
    salesforce_of: Callable[..., module.Salesforce], box: Box
) -> None:
    client = salesforce_of(Sizes())
    many = [OutgoingRecord(f"k{at}", "", f"X-{at}", "add", {"Name": "n"}) for at in range(201)]
    assert len(client.send(UPSERT, many[:200]).created) == 200
    assert [one["method"] for one in box.writes("salesforce")] == ["PATCH"]
    assert client.send(UPSERT, many).created == ("k200",)
    assert [one["method"] for one in box.writes("salesforce")] == ["PATCH", "PUT"]
