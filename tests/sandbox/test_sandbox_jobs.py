"""The stand-in's bulk jobs go through Salesforce's states and fail as Salesforce's do."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sandbox_place import Caller, Place

KEY = "Warehouse_Account_ID__c"
ONE = "001000000000001AAA"
JOBS = "/jobs/ingest"
FILES = ("successfulResults", "failedResults", "unprocessedrecords")


def made(sf: Caller, **asked: str) -> str:
    body = {"object": "Account", "operation": "upsert", "externalIdFieldName": KEY}
    answer = sf("POST", JOBS, json={**body, "contentType": "CSV", "lineEnding": "LF", **asked})
    assert answer.status_code == 200, answer.text
    job: str = answer.json()["id"]
    return job


def filled(sf: Caller, text: str, **asked: str) -> str:
    job = made(sf, **asked)
    assert put(sf, job, text).status_code == 201
    return job


def put(sf: Caller, job: str, text: str) -> Any:
    headers = {"Content-Type": "text/csv"}
    return sf("PUT", f"{JOBS}/{job}/batches", data=text.encode(), headers=headers)


def patched(sf: Caller, job: str, state: str) -> Any:
    return sf("PATCH", f"{JOBS}/{job}", json={"state": state})


def look(sf: Caller, job: str) -> dict[str, Any]:
    found: dict[str, Any] = sf("GET", f"{JOBS}/{job}").json()
    return found


def ran(sf: Caller, text: str, **asked: str) -> tuple[dict[str, Any], list[list[dict[str, str]]]]:
    """Run one job to its end; return what it says and its three files."""
    job = filled(sf, text, **asked)
    assert patched(sf, job, "UploadComplete").json()["state"] == "UploadComplete"
    assert look(sf, job)["state"] == "InProgress"
    return look(sf, job), files(sf, job)


def files(sf: Caller, job: str) -> list[list[dict[str, str]]]:
    texts = [sf("GET", f"{JOBS}/{job}/{name}/").text for name in FILES]
    return [list(csv.DictReader(io.StringIO(text))) for text in texts]


def only(sf: Caller, record_id: str = ONE) -> Any:
    return sf("GET", f"/sobjects/Account/{record_id}").json()


def test_a_complete_job_has_each_row_in_one_file_and_in_no_order(sf: Caller) -> None:
    rows = [f"N-{n},new {n},low" for n in range(20)]
    text = f"{KEY},Name,Churn_Risk_Band__c\n" + "\n".join([*rows, "W-1,,high", "W-2,x,purple"])
    info, (done, failed, left) = ran(sf, text + "\n")
    assert (info["state"], info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (
        "JobComplete",
        22,
        1,
    )
    created = {row[KEY]: row["sf__Created"] for row in done}
    assert (created["N-1"], created["W-1"], len(done)) == ("true", "false", 21)
    assert [row[KEY] for row in done] != [f"N-{n}" for n in range(20)] + ["W-1"]
    assert [row[KEY] for row in failed] == ["W-2"]
    assert failed[0]["sf__Error"].startswith("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:")
    assert failed[0]["sf__Error"].endswith(":Churn_Risk_Band__c --")
    assert left == []
    assert only(sf)["Churn_Risk_Band__c"] == "high"


def test_an_empty_cell_is_ignored_and_a_mark_clears(sf: Caller) -> None:
    body = {"Churn_Risk_Band__c": "low", "Risk_Reason_Code__c": "r", "Type": "Customer"}
    sf("PATCH", f"/sobjects/Account/{ONE}", json=body)
    text = f"{KEY},Churn_Risk_Band__c,Risk_Reason_Code__c,Type\nW-1,,#N/A,Partner\n"
    _, (done, _, _) = ran(sf, text)
    assert len(done) == 1
    found = only(sf)
    assert (found["Churn_Risk_Band__c"], found["Risk_Reason_Code__c"], found["Type"]) == (
        "low",
        None,
        "Partner",
    )


def test_two_rows_of_one_key_both_fail(sf: Caller) -> None:
    info, (done, failed, _) = ran(sf, f"{KEY},Name\nW-1,a\nw-1,b\nW-2,c\n")
    assert [row[KEY] for row in done] == ["W-2"]
    assert {row["sf__Error"].split(":")[0] for row in failed} == {"DUPLICATE_VALUE"}
    assert info["numberRecordsFailed"] == 2
    assert only(sf)["Name"] == "Company one"


def test_cells_become_values_of_their_fields(sf: Caller) -> None:
    columns = f"{KEY},Annual_Recurring_Revenue__c,Risk_Last_Refreshed_At__c,Risk_Reason_Code__c"
    rows = ['W-1,12.5,2026-11-20T06:00:00Z," two\nlines, ""quoted"" "', "W-2,many,,", "W-3,,soon,"]
    _, (done, failed, _) = ran(sf, "\n".join([columns, *rows]) + "\n")
    assert [row[KEY] for row in done] == ["W-1"]
    codes = {row[KEY]: row["sf__Error"].split(":")[0] for row in failed}
    assert codes["W-2"] == "INVALID_TYPE_ON_FIELD_IN_RECORD"
    assert set(codes) == {"W-2", "W-3"}
    found = only(sf)
    assert found["Annual_Recurring_Revenue__c"] == 12.5
    assert found["Risk_Last_Refreshed_At__c"] == "2026-11-20T06:00:00.000+0000"
    assert found["Risk_Reason_Code__c"] == ' two\nlines, "quoted" '


def test_an_update_goes_by_id_and_never_creates(sf: Caller) -> None:
    text = f"Id,Name\n{ONE},changed\n001000000000099AAA,x\n"
    _, (done, failed, _) = ran(sf, text, operation="update")
    assert [(row["Id"], row["sf__Created"]) for row in done] == [(ONE, "false")]
    assert failed[0]["sf__Error"].startswith("INVALID_CROSS_REFERENCE_KEY:")
    assert only(sf)["Name"] == "changed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{KEY},Nope__c\nW-1,x\n", "InvalidBatch : Field name not found : Nope__c"),
        ("Name\nx\n", f"InvalidBatch : Field name not found : {KEY}"),
        (f"{KEY},Name\r\nW-1,x\r\n", "LineEnding is invalid"),
        (f'{KEY},Name\nW-1,"a\r\nb"\n', "LineEnding is invalid"),
        (f"{KEY},Name\nW-1,x,y\n", "another number of cells"),
    ],
)
def test_a_file_that_cannot_be_worked_on_fails_the_job(sf: Caller, text: str, message: str) -> None:
    info, (done, failed, _) = ran(sf, text)
    assert (info["state"], done, failed) == ("Failed", [], [])
    assert message in info["errorMessage"]
    assert only(sf)["Name"] == "Company one"


def test_a_job_takes_one_file_and_each_step_once(sf: Caller) -> None:
    job = filled(sf, f"{KEY},Name\nW-1,x\n")
    assert put(sf, job, "again").json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert sf("GET", f"{JOBS}/{job}/failedResults").json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert sf("DELETE", f"{JOBS}/{job}").status_code == 400
    assert patched(sf, job, "UploadComplete").status_code == 200
    assert patched(sf, job, "UploadComplete").json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert [look(sf, job)["state"] for _ in range(2)] == ["InProgress", "JobComplete"]
    assert patched(sf, job, "Aborted").json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert [one["id"] for one in sf("GET", JOBS).json()["records"]] == [job]
    assert sf("DELETE", f"{JOBS}/{job}").status_code == 204
    assert sf("GET", f"{JOBS}/{job}").status_code == 404


def test_an_open_job_never_runs_and_a_stopped_one_neither(sf: Caller) -> None:
    idle, stopped = (filled(sf, f"{KEY},Name\nW-1,x\n") for _ in range(2))
    assert [look(sf, idle)["state"] for _ in range(3)] == ["Open"] * 3
    patched(sf, stopped, "UploadComplete")
    assert patched(sf, stopped, "Aborted").json()["state"] == "Aborted"
    assert [len(rows) for rows in files(sf, stopped)] == [0, 0, 1]
    assert only(sf)["Name"] == "Company one"


def test_a_closed_job_ends_although_nobody_looks_at_it(sf: Caller) -> None:
    """A process that was killed leaves its job behind, and the job goes on."""
    job = filled(sf, f"{KEY},Name\nW-1,left behind\n")
    patched(sf, job, "UploadComplete")
    for _ in range(3):
        sf("GET", "/limits")
    assert only(sf)["Name"] == "left behind"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"object": "Nothing"}, "INVALIDENTITY"),
        ({"operation": "merge"}, "INVALIDJOB"),
        ({"contentType": "XML"}, "INVALIDJOB"),
        ({"externalIdFieldName": "Name"}, "INVALIDJOB"),
        ({"externalIdFieldName": ""}, "INVALIDJOB"),
        ({"lineEnding": "CR"}, "INVALIDJOB"),
    ],
)
def test_a_job_that_can_never_be_is_refused(sf: Caller, asked: dict[str, str], code: str) -> None:
    body = {"object": "Account", "operation": "upsert", "externalIdFieldName": KEY}
    answer = sf("POST", JOBS, json={**body, "contentType": "CSV", **asked})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


@pytest.mark.parametrize(("kind", "state"), [("job_failed", "Failed"), ("job_aborted", "Aborted")])
def test_a_fault_ends_a_job_before_its_last_row(
    place: Place, sf: Caller, kind: str, state: str
) -> None:
    place.fault("salesforce", kind, path_regex=JOBS, processed=1)
    info, (done, failed, left) = ran(sf, f"{KEY},Name\nW-1,a\nW-2,b\nW-3,c\n")
    assert (info["state"], [row[KEY] for row in done], failed) == (state, ["W-1"], [])
    assert sorted(row[KEY] for row in left) == ["W-2", "W-3"]
    assert ("errorMessage" in info) == (state == "Failed")


def test_faults_lose_refuse_and_hold_up(place: Place, sf: Caller) -> None:
    place.fault("salesforce", "drop_records", path_regex=JOBS, keys=["W-1"])
    _, found = ran(sf, f"{KEY},Name\nW-1,a\nW-2,b\n")
    assert [[row[KEY] for row in rows] for rows in found] == [["W-2"], [], []]
    place.fault("salesforce", "refuse_records", path_regex=JOBS, count=1)
    _, (_, failed, _) = ran(sf, f"{KEY},Name\nW-1,a\n")
    assert failed[0]["sf__Error"].startswith("FIELD_CUSTOM_VALIDATION_EXCEPTION:")
    place.fault("salesforce", "job_stuck", path_regex=JOBS)
    job = filled(sf, f"{KEY},Name\nW-1,a\n")
    patched(sf, job, "UploadComplete")
    assert {look(sf, job)["state"] for _ in range(5)} == {"InProgress"}
    assert patched(sf, job, "Aborted").status_code == 200
    assert only(sf)["Name"] == "Company one"


@pytest.mark.parametrize("text", ["", "\n", '"', f"{KEY}\n", "\x00,\x00\n1,2\n", "a" * 200_000])
def test_no_file_makes_the_stand_in_fall_over(sf: Caller, text: str) -> None:
    job = filled(sf, text)
    patched(sf, job, "UploadComplete")
    assert [look(sf, job)["state"] for _ in range(2)][1] in ("JobComplete", "Failed")
    assert all(sf("GET", f"{JOBS}/{job}/{name}").status_code == 200 for name in FILES)
    assert sf("PATCH", f"{JOBS}/{job}", json={"state": 5}).status_code == 400
