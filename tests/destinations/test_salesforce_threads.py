"""Salesforce asked from several threads: one renewal for all, and two bulk jobs at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from destination_cases import mapped, target
from scripted_vendor import Reply, scripted

from activation_pipeline.destinations import OutgoingRecord
from activation_pipeline.destinations import salesforce as module
from activation_pipeline.destinations._http import Clockwork
from activation_pipeline.destinations._salesforce_send import JOBS_AT_ONCE, Sizes

if TYPE_CHECKING:
    from destination_cases import Waits

BAND = "Churn_Risk_Band__c"
RISK = target("Account", key="Ext__c", behavior="upsert", fields={BAND: mapped("band")})
DESCRIBE = {
    "name": "Account",
    "fields": [
        {"name": name, "type": "string", "updateable": True, "createable": True, "externalId": True}
        for name in ("Id", "Ext__c", BAND)
    ],
}


def client_of(url: str, waits: Waits, sizes: Sizes | None = None) -> module.Salesforce:
    settings = {
        "SALESFORCE_BASE_URL": url,
        "SALESFORCE_CLIENT_ID": "c",
        "SALESFORCE_CLIENT_SECRET": "s",
    }
    clockwork = Clockwork(waits.sleep, waits.clock)
    return module.connect(settings, clockwork=clockwork, sizes=sizes or Sizes())


def test_threads_that_meet_the_end_of_a_session_together_renew_it_once(waits: Waits) -> None:
    everybody = threading.Barrier(5, timeout=20)
    refused = [0]
    counting = threading.Lock()

    def answer(_method: str, path: str, body: Any) -> Reply:
        if "oauth2/token" in path:
            return 200, {"access_token": "t", "id": "https://login/id/00D/005000000000001AAA"} | {
                "access_token": f"t{len(tokens(vendor.received))}"
            }
        if "describe" in path:
            return 200, DESCRIBE
        if "jobs/ingest" in path:
            return 200, {"done": True, "records": []}
        with counting:
            refused[0] += 1
            is_old = refused[0] <= 5
        if is_old:
            everybody.wait()
            return 401, [{"errorCode": "INVALID_SESSION_ID", "message": "expired"}]
        return 200, [{"success": True, "created": False, "errors": []} for _ in body["records"]]

    with scripted(answer) as vendor, ThreadPoolExecutor(5) as pool:
        client = client_of(vendor.url, waits)
        assert client.check(RISK) == ()
        batches = [[OutgoingRecord("k", "", f"E-{at}", "update", {BAND: "x"})] for at in range(5)]
        outcomes = list(pool.map(lambda batch: client.send(RISK, batch), batches))
        client.close()
        assert [one.faults for one in outcomes] == [()] * 5
        assert len(tokens(vendor.received)) == 2


def tokens(received: list[tuple[str, str, Any]]) -> list[str]:
    return [path for _, path, _ in received if "oauth2/token" in path]


def test_two_jobs_run_at_once_however_many_threads_send(waits: Waits) -> None:
    two_are_there = threading.Event()
    guard = threading.Lock()
    living: list[int] = [0, 0]  # now, and at most

    replies: dict[str, Reply] = {
        "/token": (200, {"access_token": "t", "id": "https://login/id/00D/005000000000001AAA"}),
        "/describe": (200, DESCRIBE),
        "/ingest": (200, {"id": "750", "state": "Open"}),
        "/batches": (201, b""),
        "/750": (200, {"id": "750", "state": "JobComplete"}),
        "Results/": (200, b"sf__Id,Ext__c\n001,E\n"),
        "/unprocessedrecords/": (200, b"Ext__c\n"),
    }

    def answer(method: str, path: str, _body: Any) -> Reply:
        if method == "GET" and "jobs/ingest?" in path:
            return 200, {"done": True, "records": []}
        with guard:
            living[0] += path.endswith("/ingest") - path.endswith("/unprocessedrecords/")
            living[1] = max(living)
            if living[0] == JOBS_AT_ONCE:
                two_are_there.set()
        if path.endswith("/ingest"):
            two_are_there.wait(20)
        return next(reply for end, reply in replies.items() if path.endswith(end))

    with scripted(answer) as vendor, ThreadPoolExecutor(4) as pool:
        client = client_of(vendor.url, waits, Sizes(bulk_from=1, collection=0))
        assert client.check(RISK) == ()
        batch = [OutgoingRecord("k", "", "E", "update", {BAND: "x"})]
        outcomes = list(pool.map(lambda _: client.send(RISK, batch), range(4)))
        client.close()
    assert [one.faults for one in outcomes] == [()] * 4
    assert living == [0, JOBS_AT_ONCE]
