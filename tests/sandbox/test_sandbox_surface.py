"""The sandbox's own surface: what was received, faults, edits, restarts, and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_place import Caller, Place

import base64
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from activation_pipeline.sandbox import (
    SetupError,
    create_app,
    find_vendors,
    load_org,
    running_sandbox,
    serve,
)

RECORDS = Path(__file__).parent / "records"
ONE = "001000000000001AAA"
TOKEN = {"Authorization": "Bearer sandbox-token"}
PROPERTY = "/crm/v3/properties/contacts/email"
UPSERT = "/crm/v3/objects/contacts/batch/upsert"
HOT = {
    "id": "cnt_1",
    "idProperty": "warehouse_contact_id",
    "properties": {"follow_up_priority": "hot"},
}


def priority(hs: Caller) -> str | None:
    path = "/crm/v3/objects/contacts/501?properties=follow_up_priority"
    found: str | None = hs("GET", path).json()["properties"]["follow_up_priority"]
    return found


def test_every_request_is_kept_in_order_byte_for_byte(place: Place, hs: Caller) -> None:
    body = b'{"inputs":  [ ]}\n'
    hs("POST", f"{UPSERT}?a=%2F", data=body)
    hs("GET", PROPERTY, data=b"\xff\x00")
    first, second = place.received("hubspot")
    assert base64.b64decode(first["body_base64"]) == body
    assert (first["method"], first["path"]) == ("POST", f"/hubspot{UPSERT}?a=%2F")
    assert (first["status"], first["body"], second["body"]) == (400, body.decode(), None)
    assert re.fullmatch(r"2026-11-20T09:00:00\.\d{6}Z", first["received_at"])
    assert ["authorization", "Bearer ***"] in first["headers"]
    assert place.own("GET", f"requests?since={first['id']}")["requests"] == [second]
    place.own("DELETE", "requests")
    assert place.received("hubspot") == []


def test_no_secret_is_kept(place: Place, sf: Caller) -> None:
    sf("GET", "/limits")
    kept = requests.get(f"{place.url}/_sandbox/requests", timeout=20).text
    token = str(sf.session.headers["Authorization"]).split()[1]
    assert "sandbox-secret" not in kept
    assert token not in kept


def test_a_reset_puts_the_initial_records_back(place: Place, hs: Caller) -> None:
    hs("POST", UPSERT, json={"inputs": [HOT]})
    assert priority(hs) == "hot"
    place.own("POST", "reset")
    assert priority(hs) is None
    assert len(place.received("hubspot")) == 1


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("faults", {"vendor": "nobody", "kind": "slow"}, "no vendor nobody"),
        ("faults", {"vendor": "hubspot", "kind": "nope"}, "has no nope; one of"),
        ("faults", {"vendor": "hubspot", "kind": "slow", "times": 0}, "times"),
        ("faults", {"vendor": "hubspot", "kind": "slow", "path_regex": "("}, "("),
        ("faults", {"vendor": "hubspot", "kind": "field_deleted"}, "object"),
        ("faults", {"vendor": "hubspot", "kind": "field_deleted", "object": "contacts",
                    "field": "x"}, "no field x"),
        ("limits", {"vendor": "hubspot", "nope": 1}, "has no nope; one of"),
        ("limits", {"vendor": "nobody"}, "no vendor nobody"),
        ("edit", {"vendor": "nobody", "object": "", "id": "", "field": "", "value": ""}, "vendor"),
        ("edit", {"vendor": "hubspot", "object": "deals", "id": "", "field": "", "value": ""},
         "no object deals"),
        ("edit", {"vendor": "hubspot", "object": "contacts", "id": "9", "field": "email",
                  "value": ""}, "not found"),
        ("edit", {"vendor": "salesforce", "object": "Account", "id": ONE,
                  "field": "Churn_Risk_Band__c", "value": "purple"}, "restricted picklist"),
        ("edit", {"vendor": "hubspot"}, "missing"),
    ],
)  # fmt: skip
def test_a_wrong_wish_is_refused_with_a_reason(
    place: Place, path: str, body: Any, text: str
) -> None:
    answer = requests.post(f"{place.url}/_sandbox/{path}", json=body, timeout=20)
    assert answer.status_code == 400
    assert text in answer.text


def test_another_origin_cannot_use_the_surface_or_the_form(place: Place) -> None:
    evil = {"Origin": "http://evil.test"}
    assert requests.post(f"{place.url}/_sandbox/reset", headers=evil, timeout=20).status_code == 403
    form = {"field": "jobtitle", "value": "x"}
    page = f"{place.url}/records/hubspot/contacts/501"
    assert requests.post(page, data=form, headers=evil, timeout=20).status_code == 403
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert requests.post(page, data=form, headers=cross, timeout=20).status_code == 403
    renamed = requests.get(place.url, headers={"Host": "evil.test"}, timeout=20)
    assert renamed.status_code == 400


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, records=RECORDS) as first:
        base = f"{first.url}/hubspot"
        requests.post(base + UPSERT, json={"inputs": [HOT]}, headers=TOKEN, timeout=20)
        requests.put(
            f"{base}/crm/v3/lists/1001/memberships/add", json=["501"], headers=TOKEN, timeout=20
        )
        fault = {"vendor": "hubspot", "kind": "locked", "path_regex": "properties", "times": 1}
        requests.post(f"{first.url}/_sandbox/faults", json=fault, timeout=20)
    with running_sandbox(tmp_path, records=RECORDS) as second:
        page = requests.get(f"{second.url}/records/hubspot/contacts/501", timeout=20).text
        assert "Expansion education" in page
        assert "Integration app" in page
        kept = requests.get(f"{second.url}/_sandbox/requests", timeout=20).json()["requests"]
        assert [r["method"] for r in kept] == ["POST", "PUT"]
        locked = requests.get(f"{second.url}/hubspot{PROPERTY}", headers=TOKEN, timeout=20)
        assert locked.status_code == 423


def test_many_clients_at_once_lose_nothing(place: Place, hs: Caller) -> None:
    def work(worker: int) -> None:
        for turn in range(5):
            inputs = [
                {"id": f"w{worker}-{turn}-{n}", "idProperty": HOT["idProperty"], "properties": {}}
                for n in range(20)
            ]
            answer = requests.post(
                f"{place.url}/hubspot{UPSERT}", json={"inputs": inputs}, headers=TOKEN, timeout=20
            )
            assert answer.status_code == 200

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = requests.get(place.url, timeout=20).text
    assert f"{5 + 8 * 5 * 20} records" in page
    assert priority(hs) is None


def test_the_page_finds_a_record_and_shows_who_wrote_each_value(place: Place, sf: Caller) -> None:
    hostile = "<script>alert(1)</script>"
    sf("PATCH", f"/sobjects/Account/{ONE}", json={"Risk_Reason_Code__c": hostile})
    index = requests.get(f"{place.url}/?q=bc-1", timeout=20).text
    assert "Company one" in index
    assert "Company two" not in index
    page = f"{place.url}/records/salesforce/Account/{ONE}"
    form = {"field": "Churn_Risk_Band__c", "value": "low", "by": "005SB0000000003YAA"}
    shown = requests.post(page, data=form, timeout=20)
    assert shown.status_code == 200
    assert hostile not in shown.text
    assert "CS manager (a person)" in shown.text
    assert "Integration user" in shown.text
    refused = requests.post(page, data={**form, "value": "purple"}, timeout=20)
    assert (refused.status_code, "Not changed." in refused.text) == (400, True)
    assert requests.post(page, data={"field": "x"}, timeout=20).status_code == 400
    number = {"field": "Annual_Recurring_Revenue__c", "value": "12.5"}
    assert "12.5" in requests.post(page, data=number, timeout=20).text
    assert requests.get(f"{place.url}/records/salesforce/Account/x", timeout=20).status_code == 404


@pytest.mark.parametrize(
    ("header", "rows", "text"),
    [
        (
            "Id,Nope",
            ["001000000000001AAA,x"],
            "salesforce_account.csv:1: Account has no field Nope",
        ),
        ("Id,Name", ["001000000000001AAA,a", "001000000000001AAA,b"], ":3: id 001"),
        ("Id,Warehouse_Account_ID__c", ["001000000000001AAA,a", "001000000000002AAA,A"], "unique"),
    ],
)
def test_records_that_do_not_fit_are_refused_by_line(
    tmp_path: Path, header: Any, rows: list[str], text: str
) -> None:
    (tmp_path / "salesforce_account.csv").write_text("\n".join([header, *rows]))
    with pytest.raises(SetupError, match=re.escape(text)):
        create_app(
            tmp_path / "home",
            load_org(find_vendors()),
            clock=lambda: datetime(2026, 11, 20, tzinfo=UTC),
            records=tmp_path,
        )


def test_a_missing_set_up_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"hubspot\.json"):
        load_org(["hubspot"], tmp_path)


def test_a_port_that_is_taken_is_an_error_at_once(place: Place, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="in use"):
        serve(tmp_path, port=place.running.port)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_quietly_when_it_is_stopped(tmp_path: Path, stop: signal.Signals) -> None:
    code = (
        "import sys, pathlib; from activation_pipeline.sandbox import serve;"
        "serve(pathlib.Path(sys.argv[1]), port=0, ready=lambda port: print(port, flush=True))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as served:
        assert served.stdout is not None
        port = int(served.stdout.readline())
        health = requests.get(f"http://127.0.0.1:{port}/_sandbox/health", timeout=20)
        assert health.json()["vendors"] == sorted(find_vendors())
        served.send_signal(stop)
        out, err = served.communicate(timeout=20)
    assert (served.returncode, out, err) == (0, "", "")
