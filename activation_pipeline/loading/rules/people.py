"""Rules on roles and dates: who owns, who approved, when it is looked at again.

Source: "Who should own the activation contract?" and "First review: a post-launch sample
review is scheduled before go-live".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.contract.names import is_data_team
from activation_pipeline.loading.places import Finding
from activation_pipeline.loading.wording import did_you_mean, listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from activation_pipeline.contract import GateSpec, Launch, Monitoring, Owners, Suppression


def owners_are_not_all_data(owners: Owners) -> Iterator[Finding]:
    """Somebody outside the data team answers for a live business workflow."""
    roles = owners.model_dump().values()
    if all(is_data_team(role) for role in roles):
        found = ", ".join(sorted(set(roles)))
        message = f"are all the data team ({found}); name the business role that acts on the value"
        yield Finding(("owners",), "owners_all_data_team", message, at_key=True)


def first_review_is_ahead(monitoring: Monitoring, launch: Launch, today: date) -> Iterator[Finding]:
    """The first review comes after the approval; before there is one, it is not past."""
    review = monitoring.first_review
    newest = max((approval.on for approval in launch.approvals), default=None)
    path = ("monitoring", "first_review")
    if newest is not None and review <= newest:
        message = f"{review} is not after the approval of {newest}; write a later day"
        yield Finding(path, "first_review_past", message)
    if newest is None and review < today:
        message = f"{review} is past, today is {today}; write a day to come"
        yield Finding(path, "first_review_past", message)


def approvals_are_given(launch: Launch, today: date) -> Iterator[Finding]:
    """An approval has been given, not promised."""
    for index, approval in enumerate(launch.approvals):
        if approval.on > today:
            message = f"{approval.on} is in the future, today is {today}; write the day of approval"
            yield Finding(("launch", "approvals", index, "on"), "approval_in_future", message)


def approvers_are_known(
    suppression: Suppression,
    gates: tuple[GateSpec, ...],
    owners: Owners,
    monitoring: Monitoring,
    launch: Launch,
) -> Iterator[Finding]:
    """Who approves has a part in the workflow."""
    known = {
        *owners.model_dump().values(),
        *(rule.owner for rule in suppression.models.values()),
        *suppression.review.values(),
        *monitoring.alert,
        monitoring.restarted_by,
        *(role for spec in gates for role in spec.signers),
    }
    for index, approval in enumerate(launch.approvals):
        if approval.role not in known:
            hint = did_you_mean(approval.role, known) or f"; roles are {listed(sorted(known))}"
            message = f"{shown(approval.role)} is not a role in this contract{hint}"
            yield Finding(("launch", "approvals", index, "role"), "unknown_role", message)
