"""Whatever a vendor answers, each record leaves exactly once and nothing is taken for written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from destination_cases import mapped, target
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from activation_pipeline.destinations import BatchOutcome, OutgoingRecord
from activation_pipeline.destinations import _braze_write as braze
from activation_pipeline.destinations import _hubspot_write as hubspot
from activation_pipeline.destinations import _salesforce_write as salesforce
from activation_pipeline.destinations import _webhook_write as webhook
from activation_pipeline.destinations._batch import Ready, WholeRefusal
from activation_pipeline.destinations._http import Answer
from activation_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

PART = [
    Ready(OutgoingRecord(f"k{at}", f"10{at}", f"C-{at}", "update", {"a": "v"}), {"a": "v"})
    for at in range(3)
]
TARGET = target("contacts", key="a_key", fields={"a": mapped("a")})
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from(["0", "1", "C-2", "102", "x", "created", "rejected"]),
)
names = st.sampled_from(
    ["id", "ids", "success", "created", "errors", "results", "context", "objectWriteTraceId", "new",
     "properties", "a_key", "category", "message", "statusCode", "fields", "errorCode", "index",
     "input_array", "type", "key", "status", "error", "code", "field"]
)  # fmt: skip
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=20,
)
bodies = st.one_of(
    anything,
    st.fixed_dictionaries({"results": st.lists(anything, max_size=4), "errors": anything}),
    st.lists(anything, min_size=3, max_size=3),
    st.fixed_dictionaries(
        {"message": st.sampled_from(["success", "queued", "Valid data must be provided"])},
        optional={"attributes_processed": leaves, "errors": anything},
    ),
)


def answered(status: int, body: Any) -> Answer:
    return Answer(status, orjson.dumps(body), CaseInsensitiveDict())


@settings(max_examples=300, deadline=None)
@given(bodies, st.sampled_from([200, 201, 207, 400, 404, 409]))
def test_any_answer_accounts_for_each_record_once(body: Any, status: int) -> None:
    readings: list[Callable[[Answer], BatchOutcome | WholeRefusal]] = [
        lambda answer: hubspot.outcome_of(answer, PART, TARGET),
        lambda answer: salesforce.outcome_of(answer, PART, creates=False),
        lambda answer: braze.outcome_of(answer, PART),
        lambda answer: webhook.outcome_of(answer, PART),
    ]
    for read in readings:
        try:
            outcome = read(answered(status, body))
        except PermanentError:
            assert status >= 400
            continue
        assert isinstance(outcome, BatchOutcome | WholeRefusal)
        if isinstance(outcome, BatchOutcome):
            faulty = [one.key for one in outcome.faults]
            assert len(faulty) == len(set(faulty))
            assert not set(faulty) & set(outcome.created)
            assert set(faulty) | set(outcome.created) <= {"k0", "k1", "k2"}


@settings(max_examples=200, deadline=None)
@given(anything)
def test_without_a_word_of_success_nothing_is_accepted(body: Any) -> None:
    for word in (b"success", b"results"):
        if word in orjson.dumps(body):
            return
    for outcome in (
        hubspot.outcome_of(answered(200, body), PART, TARGET),
        salesforce.outcome_of(answered(200, body), PART, creates=False),
        braze.outcome_of(answered(200, body), PART),
        webhook.outcome_of(answered(200, body), PART),
    ):
        assert isinstance(outcome, BatchOutcome)
        assert [one.key for one in outcome.faults] == ["k0", "k1", "k2"]
