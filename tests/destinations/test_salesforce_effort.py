"""What writing to Salesforce will cost, what is left of the day, and who changed a record when."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from destination_cases import Box, Waits, mapped, target
from scripted_vendor import Reply, scripted

from activation_pipeline.destinations import Address, OutgoingRecord
from activation_pipeline.destinations import salesforce as module
from activation_pipeline.destinations._http import Clockwork
from activation_pipeline.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable

BAND = "Churn_Risk_Band__c"
RISK = target("Account", key="Billing_Customer_ID__c", fields={BAND: mapped("band")})
CREATE = dataclasses.replace(RISK, behavior="create_only")
ACME = "001SB0000000001AAA"


@pytest.mark.parametrize(
    ("rows", "requests", "seconds"),
    [(0, 0, 0.0), (1, 1, 0.2), (1_000, 5, 1.0), (1_999, 10, 2.0), (2_000, 12, 10.0)],
)
def test_effort_counts_collections_and_from_the_threshold_on_jobs(
    salesforce: module.Salesforce, rows: int, requests: int, seconds: float
) -> None:
    found = salesforce.effort(RISK, rows)
    assert (found.requests, found.seconds) == (requests, seconds)


def test_a_million_rows_are_a_hundred_jobs_two_at_a_time(salesforce: module.Salesforce) -> None:
    found = salesforce.effort(RISK, 1_000_000)
    assert (found.requests, found.seconds) == (1_200, 2_500.0)
    creating = salesforce.effort(CREATE, 1_000_000)
    assert (creating.requests, creating.seconds) == (5_000, 1_000.0)


def test_the_days_requests_are_told_as_they_are_now(
    salesforce: module.Salesforce, box: Box
) -> None:
    salesforce.check(RISK)
    first, second = (salesforce.effort(RISK, 1) for _ in range(2))
    assert first.daily == 1_000_000
    assert first.left_today is not None
    assert second.left_today == first.left_today - 1
    counted = [one for one in box.requests("salesforce") if "oauth2" not in one["path"]]
    assert second.left_today == 1_000_000 - len(counted)


def limits_saying(status: int, body: object) -> Callable[[str, str, Any], Reply]:
    def answer(_method: str, path: str, _body: Any) -> Reply:
        if "oauth2/token" in path:
            return 200, {"access_token": "t"}
        return status, body

    return answer


@pytest.mark.parametrize(
    "body",
    [{}, [], None, b"<html>", {"DailyApiRequests": 5}, {"DailyApiRequests": {"Max": "many"}}],
)
def test_limits_that_say_nothing_leave_the_days_requests_open(body: object, waits: Waits) -> None:
    with scripted(limits_saying(200, body)) as vendor:
        found = client_of(vendor.url, waits).effort(RISK, 5)
    assert (found.requests, found.left_today, found.daily) == (1, None, None)


def test_limits_that_our_user_may_not_see_are_read_off_other_answers(
    salesforce: module.Salesforce, box: Box
) -> None:
    box.fault("salesforce", "forbidden", path_regex="limits", times=None)
    with pytest.raises(PermanentError, match="INSUFFICIENT_ACCESS"):
        salesforce.effort(RISK, 5)
    salesforce.check(RISK)
    assert salesforce.effort(RISK, 5).daily == 1_000_000


def test_a_used_up_quota_is_no_missing_permission(salesforce: module.Salesforce, box: Box) -> None:
    """Both are 403; only one of them goes away by itself."""
    salesforce.check(RISK)
    box.fault("salesforce", "request_limit", path_regex="limits")
    with pytest.raises(RetryableError, match="REQUEST_LIMIT_EXCEEDED"):
        salesforce.effort(RISK, 5)


def test_the_calls_at_once_are_a_setting(environment: dict[str, str], waits: Waits) -> None:
    for text, calls in (("", 5), ("2", 2), ("25", 25)):
        client = module.connect(
            {**environment, "SALESFORCE_CONCURRENCY": text},
            clockwork=Clockwork(waits.sleep, waits.clock),
        )
        assert client.concurrency(RISK) == calls
        assert client.effort(RISK, 1_000).seconds == pytest.approx(5.0 / calls)
        client.close()


def client_of(url: str, waits: Waits) -> module.Salesforce:
    settings = {
        "SALESFORCE_BASE_URL": url,
        "SALESFORCE_CLIENT_ID": "c",
        "SALESFORCE_CLIENT_SECRET": "s",
    }
    return module.connect(settings, clockwork=Clockwork(waits.sleep, waits.clock))


def test_a_record_tells_when_anybody_changed_it_last(
    salesforce: module.Salesforce, box: Box
) -> None:
    address = [Address("a", ACME, "")]
    before = salesforce.read(RISK, address, [BAND])[0].modified_at
    change = OutgoingRecord("a", ACME, "B-1", "update", {BAND: "high"})
    assert salesforce.send(RISK, [change]).faults == ()
    (ours,) = salesforce.read(RISK, address, [BAND])
    box.edit("salesforce", "Account", ACME, "Type", "Partner")
    (theirs,) = salesforce.read(RISK, address, [BAND])
    assert before is not None
    assert ours.modified_at is not None
    assert theirs.modified_at is not None
    assert before <= ours.modified_at <= theirs.modified_at
    assert abs((datetime.now(UTC) - theirs.modified_at).total_seconds()) < 60
    # The band is tracked, and nobody else touched it.
    assert (ours.edited_at, theirs.edited_at) == ({}, {})


def test_automation_that_touched_a_record_later_is_its_last_change(waits: Waits) -> None:
    described = {
        "name": "Opportunity",
        "fields": [
            {"name": "Id", "type": "id"},
            {"name": "Ext__c", "type": "string", "externalId": True},
            {"name": "SystemModstamp", "type": "datetime"},
        ],
    }
    row = {
        "Id": "006000000000001AAA",
        "Ext__c": "E-1",
        "LastModifiedById": "005000000000009",
        "LastModifiedDate": "2026-11-21T06:00:00.000+0000",
        "SystemModstamp": "2026-11-21T07:30:00.000+0000",
    }

    def answer(_method: str, path: str, _body: Any) -> Reply:
        if "oauth2/token" in path:
            return 200, {"access_token": "t", "id": "https://login/id/00D/005000000000001AAA"}
        if "describe" in path:
            return 200, described
        rows = [] if "OpportunityFieldHistory" in path else [row]
        return 200, {"done": True, "records": rows}

    deal = target("Opportunity", key="Ext__c", fields={})
    with scripted(answer) as vendor:
        (found,) = client_of(vendor.url, waits).read(deal, [Address("k", "", "E-1")], ["Ext__c"])
        asked = [path for _, path, _ in vendor.received if "History" in path]
    assert found.modified_at == datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
    assert found.edited_at == {"Ext__c": datetime(2026, 11, 21, 6, 0, tzinfo=UTC)}
    assert len(asked) == 2
    assert all("OpportunityFieldHistory" in path and "OpportunityId" in path for path in asked[:1])
