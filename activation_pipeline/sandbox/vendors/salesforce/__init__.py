"""The stand-in for Salesforce: its REST API on one object and what belongs to it.

The paths are Salesforce's own below the mount: single records, collections, bulk jobs that write,
queries. Bulk jobs that query are not here.
"""

from __future__ import annotations

from activation_pipeline.sandbox.vendors.salesforce import (
    access,
    batches,
    describe,
    jobs,
    querying,
    saving,
    sobjects,
)
from activation_pipeline.sandbox.wire import Call, Vendor, World, route

_DATA = r"/services/data/v\d+\.\d"
_OBJECT = f"{_DATA}/sobjects/{{object}}"
_JOBS = f"{_DATA}{jobs.PATH}"


def _admit(call: Call, world: World) -> None:
    if call.path.startswith("/services/data/v"):
        describe.check_version(call)
    access.admit(call, world)
    if jobs.PATH not in call.path:
        jobs.move_on(call, world)


VENDOR = Vendor(
    name="salesforce",
    routes=(
        route("POST", access.TOKEN_PATH, access.issue_token),
        route("GET", "/services/data", describe.versions),
        route("GET", _DATA, describe.resources),
        route("GET", f"{_DATA}/limits", access.limits),
        route("GET", f"{_DATA}/sobjects", describe.objects),
        route("GET", f"{_DATA}/query", querying.query),
        route("GET", f"{_DATA}/queryAll", querying.query),
        route("GET", f"{_DATA}/query/{{locator}}", querying.more),
        route("GET", f"{_OBJECT}/describe", describe.describe),
        route("GET", f"{_OBJECT}/updated", sobjects.updated),
        route("POST", _OBJECT, sobjects.create),
        route("GET", f"{_OBJECT}/{{id}}", sobjects.read),
        route("PATCH", f"{_OBJECT}/{{id}}", sobjects.update),
        route("DELETE", f"{_OBJECT}/{{id}}", sobjects.delete),
        route("GET", f"{_OBJECT}/{{field}}/{{value}}", sobjects.read_by_key),
        route("PATCH", f"{_OBJECT}/{{field}}/{{value}}", sobjects.upsert),
        route("POST", f"{_DATA}/composite/sobjects", batches.create),
        route("PATCH", f"{_DATA}/composite/sobjects", batches.update),
        route("GET", f"{_DATA}/composite/sobjects/{{object}}", batches.read),
        route("POST", f"{_DATA}/composite/sobjects/{{object}}", batches.read),
        route("PATCH", f"{_DATA}/composite/sobjects/{{object}}/{{field}}", batches.upsert),
        route("POST", _JOBS, jobs.create),
        route("GET", _JOBS, jobs.listing),
        route("GET", f"{_JOBS}/{{id}}", jobs.info),
        route("PATCH", f"{_JOBS}/{{id}}", jobs.set_state),
        route("DELETE", f"{_JOBS}/{{id}}", jobs.delete),
        route("PUT", f"{_JOBS}/{{id}}/batches", jobs.upload),
        route("GET", f"{_JOBS}/{{id}}/{{file}}", jobs.results),
    ),
    admit=_admit,
    envelope=access.envelope,
    seal=access.seal,
    edit=saving.edit,
    adopt=saving.adopt,
    effects=jobs.EFFECTS,
    fault_answers={
        "unauthorized": access.expired_session,
        "request_limit": access.over_quota,
        "locked_row": access.locked_row,
        "unavailable": access.unavailable,
        "forbidden": access.forbidden,
        "server_error": access.server_error,
    },
)
