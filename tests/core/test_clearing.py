"""What becomes of one record of which something is over, whatever stands there now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from activation_pipeline.amending.ours import Reach
from activation_pipeline.destinations import LiveRecord
from activation_pipeline.expire.clearing import end, said

REACH = Reach(
    kind="records",
    types=dict.fromkeys(("a", "b"), pa.string()),
    broken=(),
    needed=(),
    as_read=lambda values: values,
)
ROW: dict[str, Any] = {
    "key": "K",
    "destination_id": "R",
    "destination_key": "K",
    "certain": True,
    "as_of_before": None,
    "as_of_sent_over": None,
    "sent_is_over": True,
    "held:a": "low",
    "held:b": "kept",
    "end:a": True,
    "tell:b": True,
}


def live(*ids: str, **values: object) -> LiveRecord:
    return LiveRecord("K", ids, values)


def test_only_what_is_over_is_emptied_and_the_rest_keeps_what_we_hold() -> None:
    found = end(REACH, ROW, live("R", a="low"), (), creates=False)
    assert found.row is not None
    assert (found.deed, found.left) == ("cleared", ())
    assert (found.row["write:a"], found.row["after:a"]) == (True, None)
    assert (found.row["write:b"], found.row["after:b"]) == (False, "kept")


@pytest.mark.parametrize(
    ("reach", "record", "reason"),
    [
        (REACH, live(), "not_in_destination"),
        (REACH, live("R", "S"), "ambiguous_in_destination"),
        (REACH, live("S", a="low"), "other_record_in_destination"),
        (REACH, live("R", a="by hand"), "changed_since:a"),
        (REACH, live("R", a=""), "is_empty:a"),
        (replace(REACH, broken=("a",)), live("R", a="low"), "cannot_clear:a"),
        (replace(REACH, needed=("a",)), live("R", a="low"), "cannot_be_empty:a"),
        (replace(REACH, needed=("a",)), live("R", a="by hand"), "changed_since:a"),
        (replace(REACH, kind="items"), live("R", a="low", b="by hand"), "changed_since:b"),
    ],
)
def test_what_is_left_alone_has_its_reason(reach: Reach, record: LiveRecord, reason: str) -> None:
    found = end(reach, ROW, record, ("flagged:b",), creates=False)
    assert (found.row, found.left) == (None, ("flagged:b", reason))


def test_a_record_that_the_contract_makes_is_known_by_its_new_id() -> None:
    found = end(REACH, ROW, live("S", a="low"), (), creates=True)
    assert found.row is not None
    assert (found.row["destination_id"], found.row["delivered_id"]) == ("S", "R")


def test_an_item_goes_whole_and_a_member_leaves() -> None:
    item = end(replace(REACH, kind="items"), ROW, live("R", a="low", b="kept"), (), creates=False)
    assert item.deed == "removed"
    member = end(replace(REACH, kind="members"), ROW, live("R"), (), creates=False)
    assert member.deed == "removed"


@pytest.mark.parametrize(("is_over", "deed"), [(True, "cleared"), (False, None)])
def test_what_was_sent_and_never_answered_has_its_own_age(is_over: bool, deed: str | None) -> None:
    row = ROW | {"certain": False, "sent:a": "high", "sent_is_over": is_over}
    found = end(REACH, row, live("R", a="high"), (), creates=False)
    assert found.deed == deed
    assert found.left == (() if is_over else ("arrived_since:a",))


def test_what_is_only_told_names_its_field_but_for_a_whole_record() -> None:
    assert said(ROW, {"a": "clear", "b": "flag"}) == ("flagged:b",)
    assert said({"tell:": True}, {"": "alert"}) == ("alerted",)
