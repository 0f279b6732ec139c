"""The activation contract: ten sections and the launch, as frozen models.

A contract says what one workflow may change downstream, and on what conditions. This
module holds the shape of each section, the rules inside one section, and the
fingerprint of the meaning. Reading YAML, positions in files and the rules that need more
than one section or the dbt project are in ``loading``; gate parameters are checked
against ``gates``.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

# Pydantic reads these at run time: they are the types of fields.
from activation_pipeline.notation import (
    Count,
    Day,
    Duration,
    Identifier,
    Name,
    Ratio,
    Role,
    Scalar,
    Sentence,
    Text,
)

_ON_EDIT = r"^(keep|keep [1-9][0-9]{0,5}[mhdw]|overwrite|flag)$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Workflow(_Section):
    """1. Workflow name and decision: the business action that the sync supports."""

    decision: Sentence
    kind: Literal["score", "audience", "ai_context"]
    risk: Literal["low", "medium", "high"]
    decision_window: Duration
    latency: Literal["batch", "micro_batch", "real_time"] = "batch"
    embarrassment: Sentence


class Entity(_Section):
    """2. Entity grain: what one row is about."""

    grain: Literal[
        "account", "contact", "user", "opportunity", "subscription", "workspace", "household"
    ]
    key: Identifier
    one_row_per: Text


class Matching(_Section):
    """3. Matching rule: the identity model, one for all destinations or one each, and its rules."""

    identity: Identifier | dict[Name, Identifier]
    rules: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    ambiguous: Literal["exclude", "review"] = "exclude"
    role_based_email: Literal["exclude", "allow"] | None = None

    def identity_for(self, destination: str) -> str:
        """Name the identity model that resolves keys for one destination."""
        return self.identity if isinstance(self.identity, str) else self.identity[destination]


class Source(_Section):
    """4. Source lineage: the model, the systems behind it and each feed's own staleness."""

    model: Identifier
    systems: Annotated[tuple[Text, ...], Field(min_length=1)]
    feeds: dict[Name, Duration] = {}
    feeds_model: Identifier | None = None


def _is_value(role: str) -> bool:
    return role == "value"


class MappedField(_Section):
    """One destination field: where its value comes from and what may happen to it.

    ``role`` is ``meta`` for what travels beside the values of an item: its reason, its consent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    column: Annotated[Identifier, Field(alias="from")]
    # Left out where it says nothing new: fingerprints of before there was a role still hold.
    role: Annotated[Literal["value", "meta"], Field(exclude_if=_is_value)] = "value"
    allowed: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    on_null: Literal["preserve", "clear", "flag"] = "preserve"
    on_edit: Annotated[str, StringConstraints(pattern=_ON_EDIT)] = "keep"


class Destination(_Section):
    """5. Destination mapping: one system's object or list, and the fields that we write there.

    ``key`` is the destination's external-id field; ``list`` names a static list, and then
    there are no fields: members are added and removed. ``behavior: mirror`` with fields is for
    stores of whole items.
    """

    kind: Name | None = None
    object: Identifier
    key: Identifier | None = None
    list: Identifier | None = None
    behavior: Literal["update_only", "create_only", "upsert", "mirror"]
    fields: dict[Identifier, MappedField] = {}
    read_by: Annotated[tuple[Text, ...], Field(min_length=1)]
    edited_by: Text

    @model_validator(mode="after")
    def _fields_or_list(self) -> Destination:
        if (self.list is None) == (not self.fields):
            code = "fields_or_list"
            raise PydanticCustomError(code, "names neither or both of fields and list; write one")
        if self.list is not None and self.behavior != "mirror":
            code = "mirror_is_for_lists"
            raise PydanticCustomError(
                code, "behavior mirror and a list go together; fields take update_only or upsert"
            )
        return self


class Freshness(_Section):
    """6. Freshness expectation: the event-time column, its cadence, staleness and expiry."""

    column: Identifier
    refresh: Text
    timezone: Text = "UTC"
    stale_after: Duration
    expire_after: Duration
    on_expiry: Literal["remove"] | dict[Identifier, Literal["clear", "flag", "alert"]]


class SuppressionRule(_Section):
    """One suppression model: who answers for it, and which feed it depends on."""

    owner: Role
    feed: Name | None = None


class Holdout(_Section):
    """A share of entities that no destination gets; drawn in the dbt model ``holdout_<name>``."""

    share: Ratio
    name: Name

    @property
    def model(self) -> str:
        """Name the dbt model with the draw of every key: ``key``, ``draw`` from 0 to below 1."""
        return f"holdout_{self.name}"


class Suppression(_Section):
    """7. Suppression logic: who is left alone, who waits for a person, who is held out."""

    models: Annotated[dict[Identifier, SuppressionRule], Field(min_length=1)]
    review: dict[Identifier, Role] = {}
    holdout: Holdout | None = None


class GateSpec(_Section):
    """One gate as the contract names it; ``params`` are checked against the gate itself."""

    name: Name
    params: dict[str, Any] = {}
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


class Owners(_Section):
    """9. Owners: four roles, not all of them the data team."""

    source_model: Role
    destination_field: Role
    workflow: Role
    outcome: Role


class PauseRules(_Section):
    """When the workflow pauses by itself; each limit is inclusive: at the limit it still runs."""

    rejected_above: Ratio | None = None
    drift_above: Ratio | None = None
    failed_runs: Annotated[int, Field(ge=1, strict=True)] | None = None
    match_rate_fall: Ratio | None = None


class RollbackRules(_Section):
    """What an undo does with records and members that a plan brought to a destination.

    ``created``: the fields that we wrote on a record that we made are emptied, or kept; the record
    itself is never deleted. ``members``: who was added is removed again and who was removed comes
    back, or all is kept.
    """

    created: Literal["clear", "keep"] = "clear"
    members: Literal["restore", "keep"] = "restore"


def _is_usual(rules: RollbackRules) -> bool:
    return rules == RollbackRules()


class Monitoring(_Section):
    """10. Monitoring and rollback: who hears of it, what pauses it, who restarts it."""

    alert: Annotated[tuple[Role, ...], Field(min_length=1)]
    pause_when: PauseRules
    on_pause: Literal["keep_previous", "freeze", "restore_previous"]
    restarted_by: Role
    reconcile: Literal["daily", "weekly", "monthly"] = "daily"
    # Left out where it says nothing new: fingerprints of before there were such rules still hold.
    rollback: Annotated[RollbackRules, Field(exclude_if=_is_usual)] = RollbackRules()
    first_review: Day


class Caveats(_Section):
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


class Approval(_Section):
    """A named role's word on one fingerprint and one version of the source model's logic."""

    role: Role
    by: Text
    on: Day
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    definition: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None


class Launch(_Section):
    """The launch review's decision, its caveats and who approved."""

    decision: Literal["launch", "launch_with_caveats", "pause"]
    caveats: Caveats | None = None
    approvals: tuple[Approval, ...] = ()

    @model_validator(mode="after")
    def _caveats_with_caveats(self) -> Launch:
        if (self.decision == "launch_with_caveats") != (self.caveats is not None):
            code = "caveats_mismatch"
            raise PydanticCustomError(
                code, "caveats and decision launch_with_caveats go together; write both or neither"
            )
        return self


class Contract(_Section):
    """One workflow's activation contract; ``name`` is its file's name without the ending."""

    name: Name
    version: Annotated[int, Field(ge=1, strict=True)]
    workflow: Workflow
    entity: Entity
    matching: Matching
    source: Source
    destinations: Annotated[dict[Name, Destination], Field(min_length=1)]
    freshness: Freshness
    suppression: Suppression
    gates: Annotated[tuple[GateSpec, ...], Field(min_length=1)]
    owners: Owners
    monitoring: Monitoring
    launch: Launch

    @property
    def asset_kind(self) -> str:
        """Name the activated asset's last key part: ``audience``, ``score`` or ``context``."""
        return "context" if self.workflow.kind == "ai_context" else self.workflow.kind

    @property
    def roles(self) -> frozenset[str]:
        """Every role that the contract names, wherever it names one."""
        owners = self.owners.model_dump().values()
        suppression = (rule.owner for rule in self.suppression.models.values())
        signers = (role for spec in self.gates for role in spec.signers)
        return frozenset(
            {*owners, *suppression, *signers, *self.suppression.review.values(),
             *self.monitoring.alert, self.monitoring.restarted_by}
        )  # fmt: skip


def fingerprint(contract: Contract) -> str:
    """Hash the meaning of a contract: 16 hex digits.

    Order of keys, comments, white space and the spelling of durations do not change it;
    ``launch.approvals`` is left out, because an approval names the fingerprint.
    """
    meaning = contract.model_dump(mode="json", by_alias=True, exclude={"launch": {"approvals"}})
    text = json.dumps(meaning, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
