"""Sections 8 to 10 and the launch: what stops a workflow, who answers for it, who approved it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from activation_pipeline.contract._section import Section

# Pydantic reads these at run time: they are the types of fields.
from activation_pipeline.notation import (
    Count,
    Day,
    Duration,
    Identifier,
    Name,
    Ratio,
    Role,
    Text,
)


class GateSpec(Section):
    """One gate as the contract names it; ``params`` are checked against the gate itself."""

    name: Name
    params: dict[str, Any] = Field(default={})
    warn: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="before")
    @classmethod
    def _one_key(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, dict) or set(value) >= {"name"}:
            return value
        if len(value) != 1:
            code = "gate_is_one_key"
            raise PydanticCustomError(
                code, "a gate is one name with its limits, as in match_rate: {{at_least: 0.98}}"
            )
        name, params = next(iter(value.items()))
        params = (
            dict(params) if isinstance(params, dict) else {"": params} if params is not None else {}
        )
        warn = params.pop("warn", False)
        return {"name": name, "params": params, "warn": warn}

    @property
    def signers(self) -> tuple[str, ...]:
        """Name the roles in ``by``, where the gate has one; a list or a single role."""
        by = self.params.get("by") or ()
        return (by,) if isinstance(by, str) else tuple(by)


class Owners(Section):
    """9. Owners: four roles, not all of them the data team."""

    source_model: Role
    destination_field: Role
    workflow: Role
    outcome: Role


def _is_none(value: object) -> bool:
    return value is None


class PauseRules(Section):
    """When the workflow pauses by itself; at a limit it still runs.

    Only ``failed_runs`` is the count that pauses. ``overdue`` is how long after its due moment a
    run may be missing, ``first_review_missed`` how long after its day the first review may be.
    """

    rejected_above: Ratio | None = None
    drift_above: Ratio | None = None
    failed_runs: Annotated[int, Field(ge=1, strict=True)] | None = None
    match_rate_fall: Ratio | None = None
    # Left out where they say nothing: fingerprints of before there were such rules still hold.
    suppression_change: Annotated[Ratio | None, Field(exclude_if=_is_none)] = None
    overdue: Annotated[Duration | None, Field(exclude_if=_is_none)] = None
    first_review_missed: Annotated[Duration | None, Field(exclude_if=_is_none)] = None


class RollbackRules(Section):
    """What an undo does with records and members that a plan brought to a destination.

    ``created``: the fields that we wrote on a record that we made are emptied, or kept; the record
    itself is never deleted. ``members``: who was added is removed again and who was removed comes
    back, or all is kept.
    """

    created: Literal["clear", "keep"] = "clear"
    members: Literal["restore", "keep"] = "restore"


def _is_usual(rules: RollbackRules) -> bool:
    return rules == RollbackRules()


class Monitoring(Section):
    """10. Monitoring and rollback: who hears of it, what pauses it, who restarts it."""

    alert: Annotated[tuple[Role, ...], Field(min_length=1)]
    pause_when: PauseRules
    on_pause: Literal["keep_previous", "freeze", "restore_previous"]
    restarted_by: Role
    reconcile: Literal["daily", "weekly", "monthly"] = "daily"
    # Left out where it says nothing new: fingerprints of before there were such rules still hold.
    rollback: Annotated[RollbackRules, Field(exclude_if=_is_usual)] = RollbackRules()
    first_review: Day


class Caveats(Section):
    """How a launch with caveats is limited; exactly one limit."""

    at_most: Count | None = None
    share: Ratio | None = None
    alert_only: Literal[True] | None = None
    fields: Annotated[tuple[Identifier, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Caveats:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            code = "one_caveat"
            raise PydanticCustomError(
                code,
                "names {count} limits; write exactly one of at_most, share, alert_only, fields",
                {"count": len(given)},
            )
        return self


class Approval(Section):
    """A named role's word on one fingerprint, one version of the models' logic, and where to.

    ``destinations`` are the accounts that were meant, by the contract's name for each: the
    ``identity`` of its client.
    """

    role: Role
    by: Text
    on: Day
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    definition: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    destinations: dict[Name, Text] = Field(default={})


def _is_nobody(name: str | None) -> bool:
    return name is None


class Launch(Section):
    """The launch review's decision, its caveats, who made the contract and who approved it.

    ``made_by`` asks for a second person: whoever it names may approve neither the contract nor
    one of its plans.
    """

    decision: Literal["launch", "launch_with_caveats", "pause"]
    caveats: Caveats | None = None
    # Left out where it says nothing: fingerprints of before there was such a key still hold.
    made_by: Annotated[Text | None, Field(exclude_if=_is_nobody)] = None
    approvals: tuple[Approval, ...] = ()

    def is_made_by(self, name: str) -> bool:
        """Say whether somebody is the one who made the contract, however they write their name."""
        return self.made_by is not None and _folded(self.made_by) == _folded(name)

    @model_validator(mode="after")
    def _caveats_with_caveats(self) -> Launch:
        if (self.decision == "launch_with_caveats") != (self.caveats is not None):
            code = "caveats_mismatch"
            raise PydanticCustomError(
                code, "caveats and decision launch_with_caveats go together; write both or neither"
            )
        return self


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
