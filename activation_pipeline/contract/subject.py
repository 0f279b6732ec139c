"""Sections 1 to 7: what a workflow changes, for whom, where, and how old it may be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from activation_pipeline.contract._section import Section

# Pydantic reads these at run time: they are the types of fields.
from activation_pipeline.notation import (
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


def _is_unnamed(names: tuple[str, ...]) -> bool:
    return not names


class Workflow(Section):
    """1. Workflow name and decision: the business action that the sync supports.

    ``caught_by`` names the gates and lists that would catch what ``embarrassment`` fears.
    """

    decision: Sentence
    kind: Literal["score", "audience", "ai_context"]
    risk: Literal["low", "medium", "high"]
    decision_window: Duration
    latency: Literal["batch", "micro_batch", "real_time"] = "batch"
    embarrassment: Sentence
    # Left out where it says nothing: fingerprints of before there was such a key still hold.
    caught_by: Annotated[tuple[Identifier, ...], Field(exclude_if=_is_unnamed)] = ()


class Entity(Section):
    """2. Entity grain: what one row is about."""

    grain: Literal[
        "account", "contact", "user", "opportunity", "subscription", "workspace", "household"
    ]
    key: Identifier
    one_row_per: Text


class Matching(Section):
    """3. Matching rule: the identity model, one for all destinations or one each, and its rules."""

    identity: Identifier | dict[Name, Identifier]
    rules: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    ambiguous: Literal["exclude", "review"] = "exclude"
    role_based_email: Literal["exclude", "allow"] | None = None

    def identity_for(self, destination: str) -> str:
        """Name the identity model that resolves keys for one destination."""
        return self.identity if isinstance(self.identity, str) else self.identity[destination]


class Source(Section):
    """4. Source lineage: the model, the systems behind it and each feed's own staleness."""

    model: Identifier
    systems: Annotated[tuple[Text, ...], Field(min_length=1)]
    feeds: dict[Name, Duration] = Field(default={})
    feeds_model: Identifier | None = None


def _is_value(role: str) -> bool:
    return role == "value"


class MappedField(Section):
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


class Destination(Section):
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
    fields: dict[Identifier, MappedField] = Field(default={})
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

    def owns(self, name: str) -> dict[tuple[str, str, str], tuple[str, ...]]:
        """List what no second contract may write, each with its path below this destination.

        Kind, object and field, where a list is an object of all lists and a store's object is
        one field. Names are in lower case, because the vendors compare them so; ``name`` is the
        destination's in its contract.
        """
        kind, what = self.kind or name, self.object.lower()
        if self.list is not None:
            return {(kind, "list", self.list.lower()): ("list",)}
        if self.behavior == "mirror":
            return {(kind, "object", what): ("object",)}
        return {(kind, what, field.lower()): ("fields", field) for field in self.fields}


class Freshness(Section):
    """6. Freshness expectation: the event-time column, its cadence, staleness and expiry."""

    column: Identifier
    refresh: Text
    timezone: Text = "UTC"
    stale_after: Duration
    expire_after: Duration
    on_expiry: Literal["remove"] | dict[Identifier, Literal["clear", "flag", "alert"]]


def _is_unset(given: bool) -> bool:  # noqa: FBT001 - pydantic hands the value over
    return not given


class SuppressionRule(Section):
    """One suppression model: who answers for it, and which feed it depends on.

    ``may_be_empty`` believes a list that has become empty, as long as its feed is fresh.
    """

    owner: Role
    feed: Name | None = None
    # Left out where it says nothing new: fingerprints of before there was such a key still hold.
    may_be_empty: Annotated[bool, Field(strict=True, exclude_if=_is_unset)] = False


class Holdout(Section):
    """A share of entities that no destination gets; drawn in the dbt model ``holdout_<name>``."""

    share: Ratio
    name: Name

    @property
    def model(self) -> str:
        """Name the dbt model with the draw of every key: ``key``, ``draw`` from 0 to below 1."""
        return f"holdout_{self.name}"


class Suppression(Section):
    """7. Suppression logic: who is left alone, who waits for a person, who is held out."""

    models: Annotated[dict[Identifier, SuppressionRule], Field(min_length=1)]
    review: dict[Identifier, Role] = Field(default={})
    holdout: Holdout | None = None
