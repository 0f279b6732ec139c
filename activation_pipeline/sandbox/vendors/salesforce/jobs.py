"""Bulk API 2.0 for writing: jobs are made, filled once, closed, looked at and read.

A closed job moves on when it is looked at, and when anything else is asked of the organisation:
so it also ends while nobody waits for it. States: Open, UploadComplete, InProgress, then
JobComplete, Failed or Aborted. Source: ``destinations.md`` section 2, "Bulk API 2.0".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activation_pipeline.sandbox.vendors.salesforce.ids import make_id
from activation_pipeline.sandbox.vendors.salesforce.job_csv import DELIMITERS, LINE_ENDINGS
from activation_pipeline.sandbox.vendors.salesforce.job_work import (
    ENDS,
    FAILED,
    SUCCESSFUL,
    UNPROCESSED,
    unread,
    work_on,
)
from activation_pipeline.sandbox.vendors.salesforce.sobjects import read_body, version_of
from activation_pipeline.sandbox.vendors.salesforce.values import moment_text
from activation_pipeline.sandbox.wire import Answer, Call, Refusal, World, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

# A job with this fault is worked on until somebody stops it.
_STUCK = "job_stuck"
EFFECTS = frozenset({*ENDS, _STUCK})
PATH = "/jobs/ingest"
_OPERATIONS = ("insert", "update", "upsert", "delete")
_RUNNING, _OVER = ("UploadComplete", "InProgress"), ("JobComplete", "Failed", "Aborted")
_MOST_BYTES = 150_000_000
_WAITING = "salesforce_jobs_waiting"
_FILES = {name.lower(): name for name in (SUCCESSFUL, FAILED, UNPROCESSED)}


def create(call: Call, world: World) -> Answer:
    """POST a job: it is open for one file."""
    asked = read_body(call)
    spec = world.org.find(str(asked.get("object")))
    if spec is None:
        raise Refusal(400, "INVALIDENTITY", f"Unable to find object: {asked.get('object')}")
    key = _checked(asked, {field.name.lower(): field for field in spec.fields})
    moment, root = moment_text(call.now), f"services/data/v{version_of(call)}"
    job_id = make_id("750", world.store.next_number("salesforce_job"))
    job = {
        "id": job_id,
        "operation": asked["operation"],
        "object": spec.name,
        "createdById": world.org.user("integration").id,
        "createdDate": moment,
        "systemModstamp": moment,
        "state": "Open",
        **({"externalIdFieldName": key} if key else {}),
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(version_of(call)),
        "lineEnding": asked.get("lineEnding", "LF"),
        "columnDelimiter": asked.get("columnDelimiter", "COMMA"),
        "_polls": 0,
        "_effect": ["", {}],
        "_drop": [0, []],
        "_refuse": [0, []],
    }
    _keep(call, world, job)
    return json_answer({**_shown(job), "contentUrl": f"{root}{PATH}/{job_id}/batches"})


def _checked(asked: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """Return the external id field of an upsert as the object spells it, or refuse the job."""
    allowed = {
        "operation": _OPERATIONS,
        "contentType": ("CSV",),
        "lineEnding": tuple(LINE_ENDINGS),
        "columnDelimiter": tuple(DELIMITERS),
    }
    for name, values in allowed.items():
        if (name in asked or name == "operation") and asked.get(name) not in values:
            raise Refusal(400, "INVALIDJOB", f"{asked.get(name)} is not a valid {name}")
    if asked["operation"] != "upsert":
        return ""
    key = fields.get(str(asked.get("externalIdFieldName")).lower())
    if key is None or not (key.external_id or key.type == "id"):
        raise Refusal(400, "INVALIDJOB", "External ID was blank or not an external id field")
    return str(key.name)


def upload(call: Call, world: World) -> Answer:
    """PUT the job's one file."""
    job = _found(call, world)
    if not call.headers.get("content-type", "").startswith("text/csv"):
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be text/csv")
    if len(call.body) > _MOST_BYTES:
        raise Refusal(413, "REQUEST_TOO_LARGE", "The file is too large")
    if job["state"] != "Open" or _file(world, job, "upload") is not None:
        raise Refusal(400, "INVALIDJOBSTATE", "The job takes no more data: one upload per job")
    try:
        text = call.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal(400, "INVALIDJOB", "The file is not UTF-8") from None
    world.store.keep(f"salesforce_job_file:{job['id']}:upload", text)
    _keep(call, world, job)
    return Answer(201)


def set_state(call: Call, world: World) -> Answer:
    """PATCH a job: close it, or stop it."""
    job, wanted = _found(call, world), read_body(call).get("state")
    if wanted == "UploadComplete" and job["state"] == "Open":
        job["state"] = wanted
        world.store.keep(_WAITING, [*world.store.setting(_WAITING, []), job["id"]])
    elif wanted == "Aborted" and job["state"] not in _OVER:
        files = unread(job, _file(world, job, "upload") or "", world.seed)
        _end(world, job, "Aborted", files)
    else:
        raise Refusal(400, "INVALIDJOBSTATE", f"{wanted} is not allowed from {job['state']}")
    _keep(call, world, job)
    return json_answer(_shown(job))


def info(call: Call, world: World) -> Answer:
    """GET a job, which moves a closed one on."""
    job = _found(call, world)
    _keep(call, world, job)
    if job["state"] in _RUNNING:
        job = _move_on(call, world, job)
    return json_answer(_shown(job))


def listing(_call: Call, world: World) -> Answer:
    """GET every job."""
    rows = world.store.rows("SELECT name FROM setting WHERE name LIKE 'salesforce_job:%'")
    found = [_shown(world.store.setting(name)) for (name,) in sorted(rows)]
    return json_answer({"done": True, "records": found, "nextRecordsUrl": None})


def delete(call: Call, world: World) -> Answer:
    """DELETE a job that is over."""
    job = _found(call, world)
    if job["state"] not in _OVER:
        raise Refusal(400, "INVALIDJOBSTATE", f"a job in {job['state']} cannot be deleted")
    world.store.run("DELETE FROM setting WHERE name=?", f"salesforce_job:{job['id']}")
    return Answer(204)


def results(call: Call, world: World) -> Answer:
    """GET one of the three result files of a job that is over."""
    job = _found(call, world)
    name = _FILES.get(call.params["file"].lower())
    if name is None:
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
    if job["state"] not in _OVER:
        raise Refusal(400, "INVALIDJOBSTATE", f"a job in {job['state']} has no results yet")
    return Answer(200, (_file(world, job, name) or "").encode(), {"content-type": "text/csv"})


def move_on(call: Call, world: World) -> None:
    """Move every closed job on, whoever asks for whatever."""
    for job_id in world.store.setting(_WAITING, []):
        _move_on(call, world, world.store.setting(f"salesforce_job:{job_id}"))


def _move_on(call: Call, world: World, job: dict[str, Any]) -> dict[str, Any]:
    job["_polls"] += 1
    job["state"] = "InProgress"
    if job["_polls"] > world.limits.get("job_polls", 1) and job["_effect"][0] != _STUCK:
        text = _file(world, job, "upload") or ""
        work, files = work_on(call, world, job, text)
        job["numberRecordsFailed"] = len(work.failed)
        job["numberRecordsProcessed"] = len(work.failed) + len(work.successful)
        if work.message:
            job["errorMessage"] = work.message
        _end(world, job, work.state, files)
    job["systemModstamp"] = moment_text(call.now)
    world.store.keep(f"salesforce_job:{job['id']}", job)
    return job


def _end(world: World, job: dict[str, Any], state: str, files: Mapping[str, str]) -> None:
    job["state"] = state
    for name, text in files.items():
        world.store.keep(f"salesforce_job_file:{job['id']}:{name}", text)
    waiting = [one for one in world.store.setting(_WAITING, []) if one != job["id"]]
    world.store.keep(_WAITING, waiting)


def _found(call: Call, world: World) -> dict[str, Any]:
    job: dict[str, Any] | None = world.store.setting(f"salesforce_job:{call.params['id']}")
    if job is None:
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
    return job


def _file(world: World, job: Mapping[str, Any], name: str) -> str | None:
    text: str | None = world.store.setting(f"salesforce_job_file:{job['id']}:{name}")
    return text


def _keep(call: Call, world: World, job: dict[str, Any]) -> None:
    """Keep a job, with what a fault of this call does to its rows later."""
    if call.effect is not None:
        job["_effect"] = [call.effect.kind, dict(call.effect.options)]
    for name, named in (("_drop", call.drop), ("_refuse", call.refuse)):
        if named.count or named.keys:
            job[name] = [named.count, sorted(named.keys)]
    world.store.keep(f"salesforce_job:{job['id']}", job)


def _shown(job: Mapping[str, Any]) -> dict[str, Any]:
    counts = {"numberRecordsProcessed": 0, "numberRecordsFailed": 0, "retries": 0}
    timed = {"totalProcessingTime": 0, "apiActiveProcessingTime": 0, "apexProcessingTime": 0}
    shown = {name: value for name, value in job.items() if not name.startswith("_")}
    return {**counts, **timed, "jobType": "V2Ingest", **shown}
