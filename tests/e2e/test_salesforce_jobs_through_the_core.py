"""Plans that go to Salesforce by bulk jobs end as they do by collections, whatever a job does."""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import pytest
from e2e_box import KEYS, TEXT_FIELDS, record_id
from e2e_place import Place, Waits, add_up, body, mapping

from activation_pipeline.destinations import salesforce
from activation_pipeline.destinations._http import Clockwork, Patience
from activation_pipeline.destinations._salesforce_send import Sizes
from activation_pipeline.errors import RetryableError
from activation_pipeline.reconcile import reconcile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Opening

    from activation_pipeline.contract import Contract
    from activation_pipeline.destinations import DestinationClient
    from activation_pipeline.report import Report

SF = "salesforce"
TEXT, KEY = TEXT_FIELDS[SF], KEYS[SF]
OLD, NEW = range(1, 7), range(7, 13)
CREATE, LOOK = r"jobs/ingest$", r"jobs/ingest/[^/]+$"


@dataclass
class JobPlace(Place):
    """A place that sends everything by jobs of four records."""

    def connect(self, kind: str) -> DestinationClient:
        assert kind == SF
        waits = Waits()
        return salesforce.connect(
            self.environment,
            patience=Patience(tries=3, connect_s=2, read_s=5),
            clockwork=Clockwork(waits.sleep, waits.clock),
            sizes=Sizes(bulk_from=1, collection=0, job=4),
        )

    def uploaded(self, *, since: int = 0) -> list[str]:
        """Name the key of every row that was uploaded, job by job."""
        found: list[str] = []
        for one in self.box.requests(SF, since=since):
            if one["method"] == "PUT":
                text = base64.b64decode(one["body_base64"]).decode()
                found += [row[KEY] for row in csv.DictReader(io.StringIO(text))]
        return found

    def state(self) -> list[tuple[Any, Any]]:
        """List every record's key and text, repeats included."""
        keys, texts = self.box.stored(SF, KEY), self.box.stored(SF, TEXT)
        return sorted((keys[one], texts[one] or "") for one in keys)


@pytest.fixture
def place(opening: Opening) -> Iterator[JobPlace]:
    """Six accounts that are there, and six that a plan will make."""
    with opening({SF: {number: f"K{number}" for number in OLD}}) as found:
        jobs = JobPlace(**{one.name: getattr(found, one.name) for one in fields(found)})
        jobs.add(SF, OLD)
        jobs.add_keys({f"K{number}": record_id(SF, 900 + number) for number in NEW})
        yield jobs


@pytest.fixture
def contract(place: JobPlace) -> Contract:
    free = {"from": "band", "on_edit": "overwrite"}
    mapped = mapping(SF, behavior="upsert", fields={TEXT: free, "Name": free})
    return place.contract(body(SF, mapped))


EVERYBODY = sorted((f"K{number}", "low") for number in (*OLD, *NEW))


def settled(place: JobPlace, contract: Contract) -> Report:
    """Run once more, after the warehouse has learnt the ids of what was created."""
    ids = [(record, key) for record, key in place.box.stored(SF, KEY).items()]
    place.sql_each("update identity set destination_id = ? where key = ?", ids)
    place.box.own("DELETE", "faults")
    return place.run(contract)


def test_a_plan_goes_by_jobs_and_a_second_one_sends_nothing(
    place: JobPlace, contract: Contract
) -> None:
    report = place.run(contract)
    assert (report.outcome, report.totals.accepted, report.rows) == ("delivered", 12, 12)
    assert place.state() == EVERYBODY
    assert sorted(place.uploaded()) == sorted(key for key, _ in EVERYBODY)
    assert not place.box.writes(SF)  # no collections
    with place.runtime() as runtime:
        assert reconcile(contract, SF, runtime, clock=place.clock).counts == {"agrees": 12}
    settled(place, contract)
    newest = place.box.newest_request()
    assert place.run(contract).outcome == "nothing_to_send"
    assert place.uploaded(since=newest) == []


@pytest.mark.parametrize("kind", ["job_failed", "job_aborted", "drop_records"])
def test_rows_that_a_job_left_out_are_told_and_go_with_the_next_plan(
    place: JobPlace, contract: Contract, kind: str
) -> None:
    options = {"count": 3} if kind == "drop_records" else {"processed": 1}
    place.box.fault(SF, kind, path_regex=CREATE, method="POST", after=1, **options)
    report = place.run(contract)
    assert report.outcome == "delivered_in_part"
    assert (report.totals.accepted, report.totals.unknown, report.totals.rejected) == (9, 3, 0)
    assert add_up(report)
    missing = {f"K{number}" for number in OLD} - {key for key, text in place.state() if text}
    newest = place.box.newest_request()
    assert settled(place, contract).outcome == "delivered"
    assert place.state() == EVERYBODY
    known = {f"K{number}" for number in OLD}
    assert known & set(place.uploaded(since=newest)) == missing


def test_a_refused_row_is_rejected_with_its_reason_and_the_others_stand(
    place: JobPlace, contract: Contract
) -> None:
    place.box.fault(SF, "refuse_records", path_regex=CREATE, method="POST", keys=["K2"], times=3)
    report = place.run(contract)
    assert (report.outcome, report.totals.accepted, report.totals.rejected) == (
        "delivered_in_part",
        11,
        1,
    )
    assert dict(report.faults) == {"FIELD_CUSTOM_VALIDATION_EXCEPTION": 1}
    assert [key for key, text in place.state() if not text] == ["K2"]


@pytest.mark.parametrize("looks", [1, 12, 500])
def test_a_job_that_was_lost_from_sight_is_never_doubled(
    place: JobPlace, contract: Contract, looks: int
) -> None:
    """However long it goes on by itself: done before the read-back, later, or still waiting."""
    place.box.own("POST", "limits", json={"vendor": SF, "job_polls": looks})
    place.box.fault(SF, "request_limit", path_regex=LOOK, method="GET")
    try:
        report = place.run(contract)
        assert add_up(report)
        assert report.totals.rejected == 0
    except RetryableError:
        assert looks == 500, "the job was over before anybody lost patience with it"
    place.box.own("POST", "limits", json={"vendor": SF, "job_polls": 1})
    again = settled(place, contract)
    assert again.outcome in ("delivered", "nothing_to_send")
    assert place.state() == EVERYBODY
