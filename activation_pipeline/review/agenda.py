"""The six questions of the launch review, in the order and the minutes of the meeting.

Each has an owner in the room: a role of the contract, not a person. What is a table on the page
(mapping, waterfall, gates) is not repeated here.

Source: "A simple launch review agenda".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.approval import terms_of
from activation_pipeline.notation import written_duration
from activation_pipeline.plan import written_fields
from activation_pipeline.review.document import Answer, MappedColumn, MappedPlace
from activation_pipeline.review.writing import limits
from activation_pipeline.verdict import percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from activation_pipeline.contract import Contract, Destination

_KINDS = {"score": "A score", "audience": "An audience", "ai_context": "Context for an assistant,"}
_ON_PAUSE = {
    "keep_previous": "what is there stays as it is",
    "freeze": "the audience stays as it is: nobody joins, nobody leaves",
    "restore_previous": "the last plan is undone, where ours still stands",
}
_CREATED = {
    "clear": "the fields that we wrote on it are emptied, the record stays",
    "keep": "the fields that we wrote on it keep their values",
}
_MEMBERS = {
    "restore": "who was added leaves again, who was removed comes back",
    "keep": "whoever was added stays, whoever was removed stays away",
}


def answers(contract: Contract, *, counted: bool) -> tuple[Answer, ...]:
    """Answer the six questions from the contract.

    Args:
        contract: as it is now.
        counted: there is a waterfall, which names every list and its owner.
    """
    owners = contract.owners
    data = f"{owners.source_model} and {owners.destination_field}"
    workflow = owners.workflow
    return (
        Answer("0-5", "Which decision may this change?", workflow, tuple(_decision(contract))),
        Answer("5-10", "Which grain and which match do we trust?", data, tuple(_match(contract))),
        Answer(
            "10-15", "What is written, and what reads it?", owners.destination_field,
            tuple(_written(contract)),
        ),
        Answer(
            "15-20", "Who is left alone, who waits for a person?", workflow,
            tuple(_left_alone(contract, counted=counted)),
        ),
        Answer(
            "20-25", "What can block the launch?", owners.source_model, tuple(_blocks(contract)),
        ),
        Answer("25-30", "What stops it, and who restarts it?", workflow, tuple(_stops(contract))),
    )  # fmt: skip


def _decision(contract: Contract) -> Iterator[str]:
    workflow = contract.workflow
    window = written_duration(workflow.decision_window)
    yield workflow.decision
    yield f"{_KINDS[workflow.kind]} of {workflow.risk} risk, worthless {window} after its event."


def _match(contract: Contract) -> Iterator[str]:
    entity, matching, source = contract.entity, contract.matching, contract.source
    yield f"One row per {entity.one_row_per} (grain {entity.grain}, key {entity.key})."
    models = ", ".join(sorted({matching.identity_for(name) for name in contract.destinations}))
    unsure = "wait for a person" if matching.ambiguous == "review" else "are left out"
    text = f"Matched by {', then '.join(matching.rules)} in {models}; ambiguous matches {unsure}"
    if matching.role_based_email == "exclude":
        text += ", and so are addresses such as info@"
    elif matching.role_based_email == "allow":
        text += "; addresses such as info@ may go"
    yield f"{text}."
    feeds = ", ".join(f"{name} {written_duration(age)}" for name, age in source.feeds.items())
    oldest = f" Oldest feeds allowed: {feeds}." if feeds else ""
    yield f"From {source.model}, made of {', '.join(source.systems)}.{oldest}"


def _written(contract: Contract) -> Iterator[str]:
    freshness = contract.freshness
    yield (
        f"Refreshed at {freshness.refresh} ({freshness.timezone}), stale after "
        f"{written_duration(freshness.stale_after)}, expires "
        f"{written_duration(freshness.expire_after)} after {freshness.column}"
        f"{', then removed' if freshness.on_expiry == 'remove' else ''}."
    )


def _left_alone(contract: Contract, *, counted: bool) -> Iterator[str]:
    suppression = contract.suppression
    held = suppression.holdout
    if held is not None:
        yield f"Held out everywhere, to compare with: {percent(held.share)} ({held.name})."
    if counted:
        return
    owned = ", ".join(f"{model} ({rule.owner})" for model, rule in suppression.models.items())
    yield f"Left alone by {owned}."
    if suppression.review:
        waits = ", ".join(f"{model} ({role})" for model, role in suppression.review.items())
        yield f"Waits for a person: {waits}."


def _blocks(contract: Contract) -> Iterator[str]:
    terms = terms_of(contract)
    yield (
        f"Has to be approved by {', '.join(terms.by)}: for this version, its models' logic and "
        f"these accounts, for {written_duration(terms.valid_for)}. At a limit a gate passes."
    )


def _stops(contract: Contract) -> Iterator[str]:
    watch = contract.monitoring
    rules = limits(watch.pause_when.model_dump(exclude_none=True))
    yield f"Pauses by itself at: {rules or 'no limit set'}; then {_ON_PAUSE[watch.on_pause]}."
    yield f"Told: {', '.join(watch.alert)}. Restarted by {watch.restarted_by}, with a reason."
    yield (
        f"Read back {watch.reconcile}. First review on {watch.first_review}; the outcome is "
        f"answered for by {contract.owners.outcome}."
    )
    rules_of_undo = watch.rollback
    yield (
        f"An undo of a record that a plan made: {_CREATED[rules_of_undo.created]}. "
        f"Of a member or an item: {_MEMBERS[rules_of_undo.members]}."
    )


def mapping(contract: Contract) -> tuple[MappedPlace, ...]:
    """List what is written where, who reads it and who may edit it there."""
    return tuple(
        MappedPlace(
            destination=name,
            what=where.object if where.list is None else f"{where.object}, list {where.list}",
            behavior=where.behavior.replace("_", " "),
            owner=contract.owners.destination_field,
            read_by=where.read_by,
            edited_by=where.edited_by,
            columns=tuple(_columns(contract, where)),
        )
        for name, where in contract.destinations.items()
    )


def _columns(contract: Contract, where: Destination) -> Iterator[MappedColumn]:
    sent = written_fields(where, contract.launch.caveats)
    expiry = contract.freshness.on_expiry
    for field, mapped in where.fields.items():
        yield MappedColumn(
            field=field,
            column=mapped.column,
            allowed=", ".join(map(str, mapped.allowed)) if mapped.allowed else "any",
            on_null=mapped.on_null,
            on_edit=mapped.on_edit,
            on_expiry="remove" if isinstance(expiry, str) else expiry.get(field, "stays"),
            is_meta=mapped.role == "meta",
            sent=field in sent,
        )
