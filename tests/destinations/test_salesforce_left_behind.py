"""A bulk job that a killed process left running never writes over what comes after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from salesforce_job_cases import REASON, THREE, UPDATE, UPSERT, fault, reasons, record
from scripted_vendor import Reply, scripted
from test_salesforce_answers import FIELD, answering, client_of
from test_salesforce_answers import THREE as RECORDS

from activation_pipeline.destinations import Address, OutgoingRecord
from activation_pipeline.destinations._salesforce_send import Sizes
from activation_pipeline.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from destination_cases import Box, Waits

    from activation_pipeline.destinations import salesforce as module

LOOK = ("GET", "ingest/[^/]+$")
LISTING = ("GET", "ingest$")


@pytest.fixture
def killed(jobs: module.Salesforce, box: Box) -> None:
    """Leave a closed job behind that still has 20 looks to go, as a process that is killed."""
    limits = {"vendor": "salesforce", "job_polls": 20}
    assert requests.post(f"{box.url}/_sandbox/limits", json=limits, timeout=10).ok
    fault(box, LOOK, "request_limit")
    outcome = jobs.send(UPDATE, [record(1, **{REASON: "older"})])
    assert [one.code for one in outcome.faults] == ["unanswered"]


def test_newer_values_wait_until_the_older_job_is_over(
    salesforce_of: Callable[..., module.Salesforce], killed: None
) -> None:
    del killed
    client = salesforce_of(Sizes())
    assert client.send(UPDATE, [record(1, **{REASON: "newer"})]).faults == ()
    assert reasons(client)[0] == "newer"
    for _ in range(25):
        client.check(UPSERT)  # the older job would have come to its end by now
    assert reasons(client)[0] == "newer"


def test_it_is_looked_for_once(
    salesforce_of: Callable[..., module.Salesforce], killed: None, box: Box
) -> None:
    del killed
    client = salesforce_of(Sizes())
    for _ in range(3):
        client.send(UPDATE, [record(1, **{REASON: "newer"})])
    listed = [one for one in box.requests("salesforce") if "jobs/ingest?" in one["path"]]
    assert len(listed) == 2  # one by the client that was killed


def test_a_client_that_lost_its_own_job_from_sight_looks_again(
    jobs: module.Salesforce, killed: None, box: Box
) -> None:
    """A process may keep its client for days."""
    del killed
    assert jobs.send(UPDATE, [record(1, **{REASON: "newer"})]).faults == ()
    assert reasons(jobs)[0] == "newer"
    listed = [one for one in box.requests("salesforce") if "jobs/ingest?" in one["path"]]
    assert len(listed) == 2


def test_without_jobs_nobody_looks_for_any(
    salesforce_of: Callable[..., module.Salesforce], box: Box
) -> None:
    client = salesforce_of(Sizes(), SALESFORCE_BULK_FROM="never")
    assert client.send(UPDATE, [record(1, **{REASON: "x"})]).faults == ()
    assert not any("jobs" in one["path"] for one in box.requests("salesforce"))


def test_a_job_that_runs_on_and_on_is_not_written_across(
    salesforce_of: Callable[..., module.Salesforce], jobs: module.Salesforce, box: Box, waits: Waits
) -> None:
    fault(box, ("POST", "ingest$"), "job_stuck")
    fault(box, LOOK, "request_limit")
    assert jobs.send(UPSERT, THREE).faults
    client = salesforce_of(Sizes())
    with pytest.raises(RetryableError, match="left behind still runs"):
        client.send(UPDATE, [record(1, **{REASON: "newer"})])
    assert 1_800 < waits.now < 1_900
    assert len(box.writes("salesforce")) == 1


def test_a_user_who_may_not_see_jobs_writes_all_the_same(
    salesforce_of: Callable[..., module.Salesforce], box: Box
) -> None:
    fault(box, LISTING, "forbidden")
    client = salesforce_of(Sizes())
    assert client.send(UPDATE, [record(1, **{REASON: "x"})]).faults == ()


@pytest.mark.parametrize("kind", ["cut_after", "request_limit", "empty_body", "html_error"])
def test_without_the_list_nothing_is_written(
    salesforce_of: Callable[..., module.Salesforce], box: Box, kind: str
) -> None:
    fault(box, LISTING, kind, times=None)
    with pytest.raises(RetryableError) as error:
        salesforce_of(Sizes()).send(UPDATE, [record(1, **{REASON: "x"})])
    assert type(error.value) is RetryableError
    assert box.writes("salesforce") == []


def test_others_jobs_and_ended_ones_are_no_matter_and_pages_are_followed(waits: Waits) -> None:
    ours, theirs = "005000000000001AAA", "005000000000002AAA"
    running = {"object": "Account", "state": "InProgress", "createdById": ours}
    pages: list[dict[str, Any]] = [
        {
            "records": [
                {**running, "id": "750A", "createdById": theirs},
                {**running, "id": "750B", "object": "Contact"},
                {**running, "id": "750C", "state": "JobComplete"},
                {**running, "id": "750D", "state": "Open"},
            ],
            "nextRecordsUrl": "/prefix/services/data/v62.0/jobs/ingest?queryLocator=2",
        },
        {"records": [{**running, "id": "750E", "createdById": ours[:15]}], "nextRecordsUrl": None},
    ]

    def write(method: str, path: str, body: Any) -> Reply:
        del method, path
        return 200, [{"success": True, "created": False, "errors": []} for _ in body["records"]]

    usual = answering(write)
    looks: list[str] = []

    def answer(method: str, path: str, body: Any) -> Reply:
        if "jobs/ingest" not in path:
            return usual(method, path, body)
        if "/jobs/ingest?" in path:
            return 200, pages["queryLocator" in path]
        looks.append(path.rpartition("/")[2])
        return 200, {"state": "InProgress" if len(looks) == 1 else "JobComplete"}

    with scripted(answer) as vendor:
        assert client_of(vendor.url, waits).send(FIELD, RECORDS).faults == ()
    assert looks == ["750E", "750E"]
    assert waits.slept == [0.5]


def test_what_an_older_job_creates_is_not_created_again(
    salesforce_of: Callable[..., module.Salesforce], jobs: module.Salesforce, box: Box
) -> None:
    new = OutgoingRecord("new", "", "A-NEW", "add", {"Name": "New", REASON: "x"})
    fault(box, LOOK, "request_limit")
    assert jobs.send(UPSERT, [new]).faults
    client = salesforce_of(Sizes())
    outcome = client.send(UPSERT, [new])
    assert (outcome.faults, outcome.created) == ((), ())
    (found,) = client.read(UPSERT, [Address("new", "", "A-NEW")], [REASON])
    assert len(found.ids) == 1
