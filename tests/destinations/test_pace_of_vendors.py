"""HubSpot and Braze at their own pace: limits that are enforced are met by waiting, not by luck.

The sandbox runs on the clock of the test, which only the client's waiting moves; so a minute of
a limit is over at once, and a request too many is refused as the vendor would.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from destination_cases import API_KEY, TOKEN, Box, Waits, mapped, target
from requests.structures import CaseInsensitiveDict

from activation_pipeline import destinations
from activation_pipeline.destinations import Address, OutgoingRecord, braze, hubspot
from activation_pipeline.destinations._braze_session import told as braze_told
from activation_pipeline.destinations._http import Clockwork
from activation_pipeline.destinations._hubspot_session import told as hubspot_told
from activation_pipeline.destinations._pace import Told
from activation_pipeline.errors import ConfigurationError, RetryableError
from activation_pipeline.sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
BAND = "follow_up_priority"
CONTACTS = target("contacts", key="warehouse_contact_id", fields={BAND: mapped("priority")})
USERS = target("users", key="external_id", fields={BAND: mapped("priority")})
MEMBERS = target("users", list="expansion_education", behavior="mirror")


@pytest.fixture
def waits() -> Waits:
    return Waits(now=START.timestamp())


@pytest.fixture
def box(tmp_path: Path, waits: Waits) -> Iterator[Box]:
    def clock() -> datetime:
        return START + timedelta(seconds=waits.now - START.timestamp())

    with running_sandbox(tmp_path / "sandbox", clock=clock) as running:
        yield Box(running.url)


def limit(box: Box, vendor: str, **limits: int) -> None:
    box._post("limits", {"vendor": vendor, **limits})


def hubspot_of(box: Box, waits: Waits, **settings: str) -> hubspot.HubSpot:
    environment = {"HUBSPOT_BASE_URL": f"{box.url}/hubspot", "HUBSPOT_TOKEN": TOKEN, **settings}
    return hubspot.connect(environment, clockwork=Clockwork(waits.sleep, waits.clock))


def braze_of(box: Box, waits: Waits, **settings: str) -> braze.Braze:
    environment = {"BRAZE_BASE_URL": f"{box.url}/braze", "BRAZE_API_KEY": API_KEY, **settings}
    return braze.connect(environment, clockwork=Clockwork(waits.sleep, waits.clock))


def record(at: int) -> OutgoingRecord:
    return OutgoingRecord(f"k{at}", "", f"C-{at}", "add", {BAND: "hot"})


def refused(box: Box, vendor: str) -> int:
    return sum(one["status"] == 429 for one in box.requests(vendor))


@pytest.mark.parametrize(
    ("interval_ms", "expected"), [("10000", Told(190, 40)), ("5000", Told(380, 80)), ("", None)]
)
def test_a_limit_is_read_with_its_own_interval(interval_ms: str, expected: Told | None) -> None:
    names = ("Max", "Remaining", "Interval-Milliseconds")
    values = zip(names, ("190", "40", interval_ms), strict=True)
    headers = CaseInsensitiveDict({f"X-HubSpot-RateLimit-{name}": one for name, one in values})
    assert hubspot_told(headers) == expected


@pytest.mark.parametrize(
    ("limit_s", "reset", "expected"),
    [
        ("3000", 1_790_000_003, Told(3_000, 5, pause_s=3.0)),
        ("1000", 1_790_003_600, None),
        ("", 1_790_000_003, None),
    ],
)
def test_a_window_of_braze_is_read_by_its_own_clock(
    limit_s: str, reset: int, expected: Told | None
) -> None:
    date = format_datetime(datetime.fromtimestamp(1_790_000_000, tz=UTC), usegmt=True)
    headers = {"Limit": limit_s, "Remaining": "5", "Reset": str(reset)}
    told = {f"x-ratelimit-{name}": value for name, value in headers.items()}
    assert braze_told(CaseInsensitiveDict({**told, "Date": date})) == expected


@pytest.mark.parametrize("most", [30, 190])
def test_hubspot_is_asked_as_often_as_the_account_allows(box: Box, waits: Waits, most: int) -> None:
    limit(box, "hubspot", per_ten_seconds=most)
    client = hubspot_of(box, waits)
    for at in range(2 * most):
        assert client.send(CONTACTS, [record(at)]).faults == ()
    assert refused(box, "hubspot") == 0
    assert 10 <= waits.now - START.timestamp() <= 30


def test_threads_of_hubspot_keep_one_limit_together(box: Box, waits: Waits) -> None:
    limit(box, "hubspot", per_ten_seconds=60)
    client = hubspot_of(box, waits)
    assert client.check(CONTACTS) == ()
    with ThreadPoolExecutor(client.concurrency(CONTACTS)) as pool:
        outcomes = list(pool.map(lambda at: client.send(CONTACTS, [record(at)]), range(150)))
    assert [one.created for one in outcomes] == [(f"k{at}",) for at in range(150)]
    assert refused(box, "hubspot") == 0
    found = client.read(CONTACTS, [Address(f"k{at}", "", f"C-{at}") for at in range(150)], [BAND])
    assert all(one.values == {BAND: "hot"} for one in found)


def test_nobody_of_an_account_that_others_use_too_is_refused(box: Box, waits: Waits) -> None:
    """Somebody else asks three times a second, before us and while we wait."""
    limit(box, "hubspot", per_ten_seconds=60)
    headers, address = {"Authorization": f"Bearer {TOKEN}"}, f"{box.url}/hubspot/crm/v3/lists/1001"
    following = [waits.now]

    def sleep(seconds: float) -> None:
        end = waits.now + seconds
        while following[0] < end:
            waits.now = max(waits.now, following[0])
            requests.get(address, headers=headers, timeout=10)
            following[0] += 1 / 3
        waits.now = end

    environment = {"HUBSPOT_BASE_URL": f"{box.url}/hubspot", "HUBSPOT_TOKEN": TOKEN}
    client = hubspot.connect(environment, clockwork=Clockwork(sleep, waits.clock))
    sleep(10)
    for at in range(100):
        assert client.send(CONTACTS, [record(at)]).faults == ()
        sleep(0.05)
    assert refused(box, "hubspot") == 0
    ours = [one for one in box.requests("hubspot") if "upsert" in one["path"]]
    assert len(ours) == 100


@pytest.mark.parametrize(("kind", "wait_s"), [("TEN_SECONDLY_ROLLING", 10.0), ("SECONDLY", 1.0)])
def test_a_throttle_of_one_thread_holds_them_all(
    box: Box, waits: Waits, kind: str, wait_s: float
) -> None:
    client = hubspot_of(box, waits)
    client.check(CONTACTS)
    box.fault("hubspot", "rate_limited", path_regex="batch/upsert", policy=kind)
    client.send(CONTACTS, [record(1)])
    assert waits.slept == [wait_s]
    transport = client._transport
    assert transport.pace is not None
    transport.pace.hold("/any", wait_s)
    client.send(CONTACTS, [record(2)])
    assert waits.slept == [wait_s, wait_s]


def test_the_days_limit_that_is_enforced_ends_the_run(box: Box, waits: Waits) -> None:
    limit(box, "hubspot", daily_requests=3)
    client = hubspot_of(box, waits)
    client.send(CONTACTS, [record(1)])
    assert client.effort(CONTACTS, 250).left_today == 1
    client.send(CONTACTS, [record(2)])
    with pytest.raises(RetryableError, match="DAILY"):
        client.send(CONTACTS, [record(3)])
    assert client.effort(CONTACTS, 250).left_today == 0
    assert waits.slept == []


def test_the_effort_of_hubspot_follows_limit_and_quota(box: Box, waits: Waits) -> None:
    limit(box, "hubspot", per_ten_seconds=100, daily_requests=250_000)
    client = hubspot_of(box, waits)
    effort = client.effort(CONTACTS, 100_000)
    assert (effort.requests, effort.daily, effort.left_today) == (1_000, 250_000, 249_999)
    assert effort.seconds == 110  # 90 in ten seconds, so twelve windows, the last at its beginning
    assert client.effort(CONTACTS, 0).requests == 0
    members = target("list", list="1001", behavior="mirror")
    assert client.effort(members, 10_001).requests == 11
    unlimited = hubspot_of(box, waits, HUBSPOT_REQUESTS_PER_10S="none")
    assert unlimited.effort(CONTACTS, 10**6).seconds == 0


def test_braze_is_asked_as_often_as_its_window_allows(box: Box, waits: Waits) -> None:
    limit(box, "braze", track_per_three_seconds=20)
    client = braze_of(box, waits)
    for at in range(60):
        assert client.send(USERS, [record(at)]).faults == ()
    assert refused(box, "braze") == 0
    client.read(USERS, [Address(f"k{at}", f"N-{at}", "") for at in range(5_000)], [BAND])
    assert refused(box, "braze") == 0


def test_braze_by_the_minute_is_a_setting(box: Box, waits: Waits) -> None:
    client = braze_of(box, waits, BRAZE_EXPORTS_PER_MINUTE="10")
    began = waits.now
    client.read(USERS, [Address(f"k{at}", f"N-{at}", "") for at in range(1_000)], [BAND])
    assert waits.now - began >= 60
    assert refused(box, "braze") == 0


def test_the_effort_of_braze_counts_the_look_for_who_is_there(box: Box, waits: Waits) -> None:
    client = braze_of(box, waits)
    upsert = client.effort(USERS, 75_000)
    assert (upsert.requests, upsert.seconds, upsert.daily) == (1_000, 0, None)
    assert client.effort(USERS, 75 * 6_000).seconds == 6
    mirror = client.effort(MEMBERS, 75_000)
    assert mirror.requests == 1_000 + 2_000
    assert mirror.seconds == 66  # 30 exports a second


@pytest.mark.parametrize(
    ("kind", "name"), [("hubspot", "HUBSPOT_CONCURRENCY"), ("braze", "BRAZE_CONCURRENCY")]
)
def test_how_many_batches_go_at_once_is_a_setting(box: Box, kind: str, name: str) -> None:
    environment: dict[str, Any] = {
        "HUBSPOT_BASE_URL": f"{box.url}/hubspot",
        "HUBSPOT_TOKEN": TOKEN,
        "BRAZE_BASE_URL": f"{box.url}/braze",
        "BRAZE_API_KEY": API_KEY,
    }
    assert destinations.connect(kind, environment).concurrency(USERS) == 8
    assert destinations.connect(kind, {**environment, name: "2"}).concurrency(USERS) == 2
    for wrong in ("0", "65", "many", "-1"):
        with pytest.raises(ConfigurationError, match=name):
            destinations.connect(kind, {**environment, name: wrong})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("hubspot", "HUBSPOT_REQUESTS_PER_10S"),
        ("braze", "BRAZE_TRACKS_PER_3S"),
        ("braze", "BRAZE_EXPORTS_PER_MINUTE"),
    ],
)
def test_a_limit_is_a_number_or_none(box: Box, kind: str, name: str) -> None:
    environment: dict[str, Any] = {
        "HUBSPOT_BASE_URL": f"{box.url}/hubspot",
        "HUBSPOT_TOKEN": TOKEN,
        "BRAZE_BASE_URL": f"{box.url}/braze",
        "BRAZE_API_KEY": API_KEY,
    }
    destinations.connect(kind, {**environment, name: "None"}).close()
    for wrong in ("0", "-3", "fast", "1.5"):
        with pytest.raises(ConfigurationError, match=name):
            destinations.connect(kind, {**environment, name: wrong})


def test_requests_are_counted_in_the_installations_folder(
    box: Box, waits: Waits, tmp_path: Path
) -> None:
    home = {"ACTIVATION_HOME": str(tmp_path / "home")}
    client = hubspot_of(box, waits, **home)
    assert not (tmp_path / "home").exists()
    client.check(CONTACTS)
    client.close()
    other = braze_of(box, waits, **home)
    other.read(USERS, [Address("k", "N-1", "")], [BAND])
    other.close()
    names = sorted(one.name for one in (tmp_path / "home" / "limits").glob("*.sqlite"))
    assert [name.partition("-")[0] for name in names] == ["braze", "hubspot"]
    assert not any(TOKEN in name or API_KEY in name for name in names)
