"""What every destination must do with a batch, asked of each kind in the same words.

A new kind is one more entry of the ``case`` fixture; nothing here names a vendor's code. What
not every vendor has is asked of those that have it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from destination_cases import AS_OF

from activation_pipeline.destinations import Address, OutgoingRecord


def update_only(case: Any) -> Any:
    return dataclasses.replace(case.target, behavior="update_only")


def create_only(case: Any) -> Any:
    return dataclasses.replace(case.target, behavior="create_only")


def test_written_values_are_read_back(case: Any) -> None:
    outcome = case.client.send(
        case.target, [case.record(0, {case.band: "hot", case.text: "trial ended"})]
    )
    assert outcome.faults == ()
    assert outcome.created == ()
    assert case.values(0) == {case.band: "hot", case.text: "trial ended"}


def test_none_clears_and_a_left_out_field_stays(case: Any) -> None:
    case.client.send(case.target, [case.record(1, {case.band: "warm", case.text: "seats full"})])
    outcome = case.client.send(case.target, [case.record(1, {case.band: None}, "clear")])
    assert outcome.faults == ()
    assert case.values(1) == {case.band: None, case.text: "seats full"}


def test_delivering_twice_changes_nothing_the_second_time(case: Any) -> None:
    records = [case.record(at, {case.band: "nurture"}) for at in range(3)]
    assert case.client.send(case.target, records).faults == ()
    assert case.client.send(case.target, records).faults == ()
    assert [one.values[case.band] for one in case.live(0, 1, 2)] == ["nurture"] * 3


def test_one_bad_record_does_not_stop_the_others(case: Any) -> None:
    records = [case.record(at, {case.band: "hot"}) for at in range(4)]
    records[2] = case.record(2, {case.band: case.misfit})
    outcome = case.client.send(case.target, records)
    (found,) = outcome.faults
    assert (found.key, found.state, found.field) == ("k2", "rejected", case.band)
    assert "on fire" not in found.message
    assert [one.values[case.band] for one in case.live(0, 1, 3)] == ["hot"] * 3


@pytest.mark.parametrize("case", ["salesforce", "hubspot", "braze"], indirect=True)
def test_an_update_never_creates(case: Any) -> None:
    stranger = OutgoingRecord("gone", case.nobody, "NOBODY", "update", {case.band: "hot"}, AS_OF)
    outcome = case.client.send(update_only(case), [stranger, case.record(0, {case.band: "hot"})])
    (found,) = outcome.faults
    assert (found.key, found.state) == ("gone", "rejected")
    assert outcome.created == ()
    address = Address("gone", "", "NOBODY")
    assert case.client.read(case.target, [address], [case.band])[0].ids == ()


def test_an_upsert_creates_and_says_so(case: Any) -> None:
    target = case.target
    if case.kind == "salesforce":  # an account cannot be made without its name
        name = {"Name": next(iter(case.target.fields.values()))}
        target = dataclasses.replace(target, fields={**target.fields, **name})
    values = {case.band: "warm", **({"Name": "Elm"} if case.kind == "salesforce" else {})}
    outcome = case.client.send(target, [case.stranger(values), case.record(0, {case.band: "hot"})])
    assert outcome.faults == ()
    assert outcome.created == (("stranger",) if case.tells_created else ())
    (found,) = case.client.read(target, [Address("stranger", "", "NEW-1")], [case.band])
    assert len(found.ids) == 1
    assert found.values == {case.band: "warm"}


def test_one_address_twice_in_a_batch_is_held_back(case: Any) -> None:
    """The vendors fail both, or all, or keep whichever comes last."""
    twin = case.record(0, {case.band: "warm"})._replace(key="twin")
    records = [case.record(0, {case.band: "hot"}), twin, case.record(1, {case.band: "hot"})]
    outcome = case.client.send(case.target, records)
    assert [(one.key, one.code) for one in outcome.faults] == [
        ("k0", "duplicate_in_batch"),
        ("twin", "duplicate_in_batch"),
    ]
    assert case.values(1)[case.band] == "hot"


def test_a_batch_over_the_limit_is_a_mistake_of_the_caller(case: Any) -> None:
    size = case.client.batch_size(case.target, 1_000_000)
    records = [OutgoingRecord(str(at), "", f"X-{at}", "add", {}, AS_OF) for at in range(size + 1)]
    with pytest.raises(ValueError, match=f"at most {size}"):
        case.client.send(case.target, records)


def test_a_full_batch_is_one_request(case: Any) -> None:
    size = case.client.batch_size(case.target)
    fields = {"Name": "N"} if case.kind == "salesforce" else {}
    target = dataclasses.replace(
        case.target,
        fields={**case.target.fields, **dict.fromkeys(fields, case.target.fields[case.text])},
    )
    records = [
        OutgoingRecord(f"n{at}", "", f"N-{at}", "add", {case.band: "hot", **fields}, AS_OF)
        for at in range(size)
    ]
    outcome = case.client.send(target, records)
    assert outcome.faults == ()
    expected = [one.key for one in records] if case.tells_created else []
    assert sorted(outcome.created) == sorted(expected)
    assert len(case.box.writes(case.kind)) == 1


def test_a_cut_after_the_write_is_repeated_and_writes_once(case: Any) -> None:
    case.fault("cut_after")
    outcome = case.client.send(case.target, [case.record(0, {case.band: "hot"})])
    assert outcome.faults == ()
    assert case.values(0)[case.band] == "hot"
    assert len(case.box.writes(case.kind)) == 2


def test_cuts_without_end_are_unknown(case: Any) -> None:
    case.client.limits(case.target)
    case.fault("cut_after", times=None)
    records = [case.record(at, {case.band: "hot"}) for at in range(2)]
    outcome = case.client.send(case.target, records)
    assert [(one.key, one.state) for one in outcome.faults] == [
        ("k0", "unknown"),
        ("k1", "unknown"),
    ]
    assert len(case.box.writes(case.kind)) == 4


@pytest.mark.parametrize("case", ["salesforce", "hubspot"], indirect=True)
def test_a_create_is_never_repeated_blindly(case: Any) -> None:
    case.fault("cut_after", times=None)
    outcome = case.client.send(create_only(case), [case.stranger({case.text: "x"})])
    assert [(one.key, one.state) for one in outcome.faults] == [("stranger", "unknown")]
    assert len(case.box.writes(case.kind)) == 1


@pytest.mark.parametrize("kind", ["empty_body", "truncated_json"])
def test_a_success_without_its_results_is_unknown(case: Any, kind: str) -> None:
    case.fault(kind)
    outcome = case.client.send(case.target, [case.record(0, {case.band: "hot"})])
    assert [(one.key, one.state) for one in outcome.faults] == [("k0", "unknown")]


def test_a_page_for_people_with_status_200_is_unknown(case: Any) -> None:
    case.fault("html_error", status=200)
    outcome = case.client.send(case.target, [case.record(0, {case.band: "hot"})])
    assert [(one.key, one.state) for one in outcome.faults] == [("k0", "unknown")]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_outage_is_waited_out(case: Any, status: int) -> None:
    case.fault("html_error", status=status, times=2)
    outcome = case.client.send(case.target, [case.record(0, {case.band: "hot"})])
    assert outcome.faults == ()
    assert case.waits.slept == [0.5, 1.0]
