"""One row's undo as a comparison of before, ours and now: whatever the values are."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation_pipeline.amending.ours import is_overtaken
from activation_pipeline.contract import RollbackRules
from activation_pipeline.destinations import LiveRecord
from activation_pipeline.rollback.restoration import Rules, Undone, undo

FIELDS = ("a", "b", "c")
VALUES = st.sampled_from([None, "", "low", "high", "3", "by hand"])
RULES = Rules(
    kind="records",
    types=dict.fromkeys(FIELDS, pa.string()),
    contract=RollbackRules(),
    broken=(),
    needed=(),
    as_read=lambda values: values,
    barred=lambda _key, _id: None,
)
values = st.fixed_dictionaries(dict.fromkeys(FIELDS, VALUES))
flags = st.fixed_dictionaries(dict.fromkeys(FIELDS, st.booleans()))


def planned(
    before: dict[str, Any], ours: dict[str, Any], written: dict[str, bool], *, first: bool
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": "K",
        "destination_id": "R",
        "destination_key": "K",
        "operation": "add" if first else "update",
        "held": True,
    }
    for name in FIELDS:
        row[f"live:{name}"] = json.dumps(before[name])
        row[f"after:{name}"] = row[f"held:{name}"] = ours[name]
        row[f"write:{name}"] = written[name]
    return row


def judged(row: dict[str, Any], now: dict[str, Any]) -> Undone:
    return undo(RULES, row, LiveRecord("K", ("R",), now), noted=(), is_sure=True)


def item(operation: str = "update", **changes: Any) -> dict[str, Any]:
    """An item that a plan changed from low to high, in all of its fields."""
    low, high = dict.fromkeys(FIELDS, "low"), dict.fromkeys(FIELDS, "high")
    row = planned(low, high, dict.fromkeys(FIELDS, True), first=False)
    return {**row, "operation": operation, **changes}


def item_undone(row: dict[str, Any], now: dict[str, Any] | None, **changes: Any) -> Undone:
    live = LiveRecord("K", ("R",) if now is not None else (), now or {})
    rules = replace(RULES, kind="items", **changes)
    return undo(rules, row, live, noted=(), is_sure=True)


HIGH = dict.fromkeys(FIELDS, "high")
KEEP = {"contract": RollbackRules(members="keep")}


@pytest.mark.parametrize(
    ("row", "now", "rules", "left"),
    [
        (item(), HIGH | {"b": "by hand"}, {}, ("changed_since:b",)),
        (item(), None, {}, ("not_in_destination",)),
        (item(), HIGH, {"broken": ("c",)}, ("cannot_restore:c",)),
        (item(), dict.fromkeys(FIELDS, "low"), {}, ()),
        (item("add"), HIGH, KEEP, ("member_kept",)),
        (item("add"), None, {}, ()),
        (item("remove"), None, KEEP, ("member_kept",)),
        (item("remove"), HIGH, {}, ()),
        (item("remove"), None, {"barred": lambda _key, _id: "suppressed"}, ("suppressed",)),
        (item("remove", **{"live:a": None}), None, {}, ("cannot_restore",)),
        (item("remove", **{"live:a": "5"}), None, {}, ("cannot_restore",)),
    ],
)
def test_an_item_is_left_alone_as_a_whole(
    row: dict[str, Any], now: dict[str, Any] | None, rules: dict[str, Any], left: tuple[str, ...]
) -> None:
    found = item_undone(row, now, **rules)
    assert (found.row, found.left) == (None, left)


def test_an_items_field_that_the_plan_left_alone_keeps_what_is_there_now() -> None:
    found = item_undone(item(**{"write:c": False}), HIGH | {"c": "by hand"})
    assert found.row is not None
    assert [found.row[f"after:{name}"] for name in FIELDS] == ["low", "low", "by hand"]
    assert all(found.row[f"write:{name}"] for name in FIELDS)


def refusing(_values: object) -> dict[str, Any]:
    raise ValueError


def test_a_value_that_would_not_read_back_as_it_stood_is_not_put_back() -> None:
    """A destination that trims, rounds or refuses must not be told to put back half a value."""
    row = planned({"a": "low", "b": "", "c": "x"}, HIGH, dict.fromkeys(FIELDS, True), first=False)
    live = LiveRecord("K", ("R",), HIGH)
    for as_read in (lambda _: dict.fromkeys(FIELDS, "cut"), lambda _: {}, refusing):
        rules = replace(RULES, as_read=as_read)
        found = undo(rules, row, live, noted=(), is_sure=True)
        assert set(found.left) >= {"cannot_restore:a", "cannot_restore:c"}


def test_a_value_of_ours_stands_in_the_destinations_own_spelling() -> None:
    row = planned(dict.fromkeys(FIELDS), HIGH, dict.fromkeys(FIELDS, True), first=True)
    rules = replace(RULES, as_read=lambda v: {n: x and x.upper() for n, x in v.items()})
    live = LiveRecord("K", ("R",), dict.fromkeys(FIELDS, "HIGH"))
    assert undo(rules, row, live, noted=(), is_sure=True).row is not None


def test_a_field_that_cannot_be_empty_stays_and_so_the_record_is_still_ours() -> None:
    row = planned(dict.fromkeys(FIELDS), HIGH, dict.fromkeys(FIELDS, True), first=True)
    rules = replace(RULES, needed=("b",))
    found = undo(rules, row, LiveRecord("K", ("R",), HIGH), noted=(), is_sure=True)
    assert found.left == ("cannot_be_empty:b",)
    assert found.row is not None
    assert (found.row["operation"], found.row["write:b"]) == ("clear", False)


@pytest.mark.parametrize(
    ("ids", "now", "broken", "expected"),
    [
        (("R",), "high", (), False),  # as it was found: not written yet
        (("R",), "low", (), False),  # written, and nobody heard of it
        (("R",), "by hand", (), True),
        (("R",), "high", ("a",), True),
        (("R", "S"), "high", (), True),
        ((), None, (), False),  # the send will say so
    ],
)
def test_an_interrupted_undo_is_overtaken_by_whoever_changed_the_record(
    ids: tuple[str, ...], now: str | None, broken: tuple[str, ...], expected: bool
) -> None:
    row = planned({"a": "high", "b": None, "c": None}, {"a": "low", "b": None, "c": None},
                  {"a": True, "b": False, "c": False}, first=False)  # fmt: skip
    live = LiveRecord("K", ids, {"a": now})
    assert is_overtaken(replace(RULES, broken=broken), row, live) is expected
    assert not is_overtaken(replace(RULES, kind="members"), row, live)


def is_same(one: object, other: object) -> bool:
    return (one or None) == (other or None)


@given(before=values, ours=values, now=values, written=flags, first=st.booleans())
def test_a_field_is_put_back_just_where_ours_stands_and_twice_changes_nothing(
    before: dict[str, Any],
    ours: dict[str, Any],
    now: dict[str, Any],
    written: dict[str, bool],
    first: bool,
) -> None:
    row = planned(before, ours, written, first=first)
    found = judged(row, now)
    sent = {name: bool(found.row and found.row[f"write:{name}"]) for name in FIELDS}
    after = dict(now)
    for name in FIELDS:
        stands, moved = is_same(ours[name], now[name]), not is_same(before[name], now[name])
        assert sent[name] == (written[name] and stands and moved)
        assert (f"changed_since:{name}" in found.left) == (written[name] and not stands and moved)
        if found.row and sent[name]:
            after[name] = found.row[f"after:{name}"]
            assert is_same(after[name], before[name])
    again = judged(row, after)
    assert again.row is None
    assert again.left == found.left


@given(before=values, ours=values, written=flags, first=st.booleans())
def test_a_record_is_ours_no_more_just_where_the_plan_wrote_it_first_and_all_of_it_goes(
    before: dict[str, Any], ours: dict[str, Any], written: dict[str, bool], first: bool
) -> None:
    row = planned(before, ours, written, first=first)
    found = judged(row, ours).row
    if found is not None:
        others = any(ours[name] is not None and not written[name] for name in FIELDS)
        assert (found["operation"] == "withdraw") == (first and not others)
