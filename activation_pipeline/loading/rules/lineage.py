"""Rules against the dbt manifest: models are there, with the columns that are read.

A column is surely missing only where the model's dbt contract is enforced; where columns
are merely documented it is a warning, because documentation may have gaps. A relation that
dbt does not know is written as ``schema.table`` and cannot be checked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.loading.places import Finding, Path
from activation_pipeline.loading.wording import did_you_mean, listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from activation_pipeline.contract import (
        Destination,
        Entity,
        Freshness,
        Matching,
        Source,
        Suppression,
    )
    from activation_pipeline.manifest import Manifest, Relation

_NOT_TIMES = ("varchar", "text", "string", "char", "bool", "int", "bigint", "smallint", "double",
              "float", "real", "decimal", "numeric", "uuid")  # fmt: skip
_IDENTITY = ("key", "destination_id", "destination_key", "rule")
_RULE = ("key", "reason", "since")


def source_has_columns(
    source: Source,
    entity: Entity,
    freshness: Freshness,
    destinations: Mapping[str, Destination],
    manifest: Manifest,
) -> Iterator[Finding]:
    """The source model has the key, the event time and every mapped column."""
    columns: list[tuple[str, Path]] = [
        (entity.key, ("entity", "key")),
        (freshness.column, ("freshness", "column")),
    ]
    for name, destination in destinations.items():
        for field, mapped in destination.fields.items():
            columns.append((mapped.column, ("destinations", name, "fields", field, "from")))
    yield from _findings(manifest, source.model, ("source", "model"), columns)


def event_time_is_a_time(
    source: Source, freshness: Freshness, manifest: Manifest
) -> Iterator[Finding]:
    """Freshness is measured on a column of times."""
    relation = manifest.relation(source.model)
    declared = _types(relation).get(freshness.column.lower(), "") if relation else ""
    if declared.lower().startswith(_NOT_TIMES):
        message = f"{shown(freshness.column)} is declared as {declared}; name a timestamp column"
        yield Finding(("freshness", "column"), "not_a_time", message)


def feeds_model_fits(source: Source, manifest: Manifest) -> Iterator[Finding]:
    """The feeds model tells each feed's newest event."""
    if source.feeds_model is not None:
        path: Path = ("source", "feeds_model")
        yield from _fits(manifest, source.feeds_model, path, ("feed", "as_of"))


def identity_models_fit(matching: Matching, manifest: Manifest) -> Iterator[Finding]:
    """Identity models resolve a key to a record, and say by which rule."""
    is_asked = matching.role_based_email == "exclude"
    columns = [*_IDENTITY, *(["is_role_based_email"] if is_asked else [])]
    if isinstance(matching.identity, str):
        yield from _fits(manifest, matching.identity, ("matching", "identity"), columns)
        return
    for name, model in matching.identity.items():
        yield from _fits(manifest, model, ("matching", "identity", name), columns)


def suppression_models_fit(suppression: Suppression, manifest: Manifest) -> Iterator[Finding]:
    """Suppression and review models say who, why and since when; the holdout has its draw."""
    for section, models in (("models", suppression.models), ("review", suppression.review)):
        for model in models:
            path: Path = ("suppression", section, model)
            yield from _fits(manifest, model, path, _RULE, at_key=True)
    if suppression.holdout is not None:
        path = ("suppression", "holdout", "name")
        yield from _fits(manifest, suppression.holdout.model, path, ("key", "draw"))


def allowed_agrees_with_tests(
    source: Source, destinations: Mapping[str, Destination], manifest: Manifest
) -> Iterator[Finding]:
    """Allowed values are among those that the model's own ``accepted_values`` test accepts."""
    relation = manifest.relation(source.model)
    accepted = {} if relation is None else {k.lower(): v for k, v in relation.allowed.items()}
    for name, destination in destinations.items():
        for field, mapped in destination.fields.items():
            known = accepted.get(mapped.column.lower())
            path: Path = ("destinations", name, "fields", field, "allowed")
            for index, value in enumerate(mapped.allowed or ()):
                if known is not None and str(value) not in known:
                    message = (
                        f"{shown(value)} is not accepted by the test of {source.model}."
                        f"{shown(mapped.column)}, which has {listed(sorted(known))}; "
                        "change one of the two"
                    )
                    yield Finding((*path, index), "contradicts_model", message)


def _fits(
    manifest: Manifest, model: str, path: Path, columns: Iterable[str], *, at_key: bool = False
) -> Iterator[Finding]:
    wanted = [(column, path) for column in columns]
    yield from _findings(manifest, model, path, wanted, at_key=at_key)


def _findings(
    manifest: Manifest,
    model: str,
    path: Path,
    columns: Iterable[tuple[str, Path]],
    *,
    at_key: bool = False,
) -> Iterator[Finding]:
    relation = manifest.relation(model)
    if relation is None:
        if "." not in model:
            hint = did_you_mean(model, manifest.names) or "; run dbt parse, or write schema.table"
            message = f"{shown(model)} is not in the dbt manifest{hint}"
            yield Finding(path, "unknown_model", message, at_key=at_key)
        return
    known = _types(relation)
    for column, place in columns:
        if not known or column.lower() in known:
            continue
        hint = did_you_mean(column, relation.columns) or "; add it to the model, or name another"
        message = f"{shown(model)} has no column {shown(column)}{hint}"
        yield Finding(
            place,
            "unknown_column",
            message,
            severity="error" if relation.enforced else "warning",
            at_key=at_key and place == path,
        )


def _types(relation: Relation) -> dict[str, str]:
    return {name.lower(): declared for name, declared in relation.columns.items()}
