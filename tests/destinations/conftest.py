"""A running sandbox with a few records, and one client per kind that leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from activation_pipeline.destinations import braze as braze_module
from activation_pipeline.destinations import hubspot as hubspot_module
from activation_pipeline.destinations import salesforce as salesforce_module
from activation_pipeline.destinations import webhook as webhook_module
from activation_pipeline.destinations._http import Clockwork, Patience
from activation_pipeline.destinations._salesforce_send import Sizes
from activation_pipeline.sandbox import Running, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
from destination_cases import (
    API_KEY,
    SECRET,
    SIGNING_SECRET,
    TOKEN,
    Box,
    Case,
    Waits,
    braze_case,
    hubspot_case,
    salesforce_case,
    webhook_case,
)
from salesforce_job_cases import UPSERT

ACCOUNTS = """\
Id,Name,Billing_Customer_ID__c,Warehouse_Account_ID__c,Churn_Risk_Band__c
001SB0000000001AAA,Acme,B-1,A-1,low
001SB0000000002AAA,Birch,B-2,A-2,medium
001SB0000000003AAA,Cedar,B-3,A-3,
001SB0000000004AAA,Dune,B-4,A-4,high
001SB0000000005AAA,Dune again,B-4,A-5,high
"""
CONTACTS = """\
hs_object_id,email,warehouse_contact_id,product_user_id,follow_up_priority
101,one@example.com,C-1,U-1,warm
102,two@example.com,C-2,U-2,hot
103,three@example.com,C-3,U-3,
104,four@example.com,C-4,U-4,nurture
105,five@example.com,C-5,U-5,nurture
"""
USERS = """\
external_id,email,follow_up_priority,expansion_education
U-1,one@example.com,warm,
U-2,two@example.com,hot,true
U-3,three@example.com,,
U-4,four@example.com,nurture,true
U-5,five@example.com,nurture,
"""
ITEMS = """\
account_id,follow_up_priority
A-1,warm
A-2,hot
A-3,
A-4,nurture
A-5,nurture
"""


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    records: Path = tmp_path_factory.mktemp("records")
    (records / "salesforce_account.csv").write_text(ACCOUNTS, encoding="utf-8")
    (records / "hubspot_contact.csv").write_text(CONTACTS, encoding="utf-8")
    (records / "braze_user.csv").write_text(USERS, encoding="utf-8")
    (records / "webhook_account_follow_up.csv").write_text(ITEMS, encoding="utf-8")
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), records=records) as sandbox:
        yield sandbox


@pytest.fixture
def box(running: Running) -> Box:
    found = Box(running.url)
    found.reset()
    return found


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def patience() -> Patience:
    return Patience(tries=4, total_s=60, connect_s=2, read_s=2)


@pytest.fixture
def environment(box: Box) -> dict[str, str]:
    return {
        "SALESFORCE_BASE_URL": f"{box.url}/salesforce",
        "SALESFORCE_CLIENT_ID": "sandbox-client",
        "SALESFORCE_CLIENT_SECRET": SECRET,
        "HUBSPOT_BASE_URL": f"{box.url}/hubspot",
        "HUBSPOT_TOKEN": TOKEN,
        "BRAZE_BASE_URL": f"{box.url}/braze",
        "BRAZE_API_KEY": API_KEY,
        "WEBHOOK_BASE_URL": f"{box.url}/webhook",
        "WEBHOOK_SECRET": SIGNING_SECRET,
    }


@pytest.fixture
def salesforce(
    environment: dict[str, str], patience: Patience, waits: Waits
) -> Iterator[salesforce_module.Salesforce]:
    client = salesforce_module.connect(
        environment, patience=patience, clockwork=Clockwork(waits.sleep, waits.clock)
    )
    yield client
    client.close()


@pytest.fixture
def salesforce_of(
    environment: dict[str, str], patience: Patience, waits: Waits
) -> Iterator[Callable[..., salesforce_module.Salesforce]]:
    """Connect with sizes that send even few records by a job."""
    clients: list[salesforce_module.Salesforce] = []

    def connect(sizes: Sizes, **settings: str) -> salesforce_module.Salesforce:
        clients.append(
            salesforce_module.connect(
                {**environment, **settings},
                patience=patience,
                clockwork=Clockwork(waits.sleep, waits.clock),
                sizes=sizes,
            )
        )
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def jobs(
    salesforce_of: Callable[..., salesforce_module.Salesforce],
) -> salesforce_module.Salesforce:
    """Send everything by jobs."""
    client = salesforce_of(Sizes(bulk_from=1, collection=0))
    client.check(UPSERT)
    return client


@pytest.fixture(params=["v3", "2026-09"])
def hubspot(
    request: pytest.FixtureRequest, environment: dict[str, str], patience: Patience, waits: Waits
) -> Iterator[hubspot_module.HubSpot]:
    client = hubspot_module.connect(
        {**environment, "HUBSPOT_API_VERSION": request.param},
        patience=patience,
        clockwork=Clockwork(waits.sleep, waits.clock),
    )
    yield client
    client.close()


@pytest.fixture
def braze(
    environment: dict[str, str], patience: Patience, waits: Waits
) -> Iterator[braze_module.Braze]:
    client = braze_module.connect(
        environment, patience=patience, clockwork=Clockwork(waits.sleep, waits.clock)
    )
    yield client
    client.close()


@pytest.fixture
def webhook(
    environment: dict[str, str], patience: Patience, waits: Waits
) -> Iterator[webhook_module.Webhook]:
    client = webhook_module.connect(
        environment, patience=patience, clockwork=Clockwork(waits.sleep, waits.clock)
    )
    yield client
    client.close()


@pytest.fixture(params=["salesforce", "hubspot", "braze", "webhook"])
def case(
    request: pytest.FixtureRequest,
    environment: dict[str, str],
    patience: Patience,
    waits: Waits,
    box: Box,
) -> Iterator[Case]:
    module, make = {
        "salesforce": (salesforce_module, salesforce_case),
        "hubspot": (hubspot_module, hubspot_case),
        "braze": (braze_module, braze_case),
        "webhook": (webhook_module, webhook_case),
    }[request.param]
    clockwork = Clockwork(waits.sleep, waits.clock)
    client = module.connect(environment, patience=patience, clockwork=clockwork)
    yield make(client, box, waits)
    client.close()
