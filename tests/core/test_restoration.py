"""One row's undo as a comparison of before, ours and now: whatever the values are."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from activation_pipeline.contract import RollbackRules
from activation_pipeline.destinations import LiveRecord
from activation_pipeline.restoration import Rules, Undone, undo

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
