"""The logic behind some relations of a dbt project, each piece with a digest of its own.

A piece is a model, a snapshot, a source's place, a function, a macro or a variable of the
project file. Followed are ancestors and macros, also through dbt's own macros, which do not
count themselves. Left out is what changes no row: descriptions, tests, tags, schemas; and
data: a seed's rows.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from activation_pipeline.sql_text import significant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_VARIABLE = re.compile(r"\bvar\s*\(\s*(?:(['\"])(?P<name>[^'\"]+)\1)?")
# A table, a view and a part of another query have the same rows.
_PLAIN = frozenset({"", "table", "view", "ephemeral", "seed", "materialized_view"})
_HOOKS = ("pre-hook", "post-hook", "sql_header")
# Where a relation is, who sees it and what is said about it; targets differ in these.
_NEUTRAL = frozenset(
    {"access", "alias", "database", "docs", "enabled", "freshness", "grants", "group", "meta",
     "on_configuration_change", "packages", "persist_docs", "schema", "static_analysis", "tags",
     "target_database", "target_schema"}
)  # fmt: skip


@dataclass(frozen=True)
class Project:
    """What of a dbt project is followed: everything by its unique id, macros apart.

    ``internal`` are the packages that are dbt's own, ``variables`` the ``vars`` of the file.
    """

    nodes: Mapping[str, Mapping[str, Any]]
    macros: Mapping[str, Mapping[str, Any]]
    internal: frozenset[str]
    variables: Mapping[str, Any]


def logic(project: Project, unique_ids: Iterable[str]) -> dict[str, str]:
    """Digest every piece of logic behind some relations: unique id -> 16 hex digits."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    waiting = list(unique_ids)
    building = cache(lambda kind: _materializing(project, kind))
    while waiting:
        unique_id = waiting.pop()
        node = project.nodes.get(unique_id) or project.macros.get(unique_id)
        if node is None or unique_id in seen:
            continue
        seen.add(unique_id)
        depends = node.get("depends_on") or {}
        waiting += [*depends.get("nodes", ()), *depends.get("macros", ())]
        waiting += building(_kind(node))
        if node.get("package_name") not in project.internal:
            found[unique_id] = _digest(_piece(node))
            found |= {name: _digest(value) for name, value in _variables(project, node)}
    return found


def definition(pieces: Mapping[str, str]) -> str:
    """Hash pieces of logic to one version of it: 16 hex digits."""
    return _digest(dict(pieces))


def logic_changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """List what differs between two versions of the logic: ``macro risk_band changed``."""
    return tuple(
        f"{_named(unique_id)} {_became(old.get(unique_id), new.get(unique_id))}"
        for unique_id in sorted({*old, *new}, key=_named)
        if old.get(unique_id) != new.get(unique_id)
    )


def _became(old: str | None, new: str | None) -> str:
    if old is None:
        return "is new"
    return "is no longer used" if new is None else f"changed ({old} -> {new})"


def _named(unique_id: str) -> str:
    """Write dbt's ``model.project.name`` as ``model name``."""
    kind, _, rest = unique_id.partition(".")
    return f"{kind} {rest.partition('.')[2]}"


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _code(node: Mapping[str, Any]) -> str:
    return str(node.get("macro_sql") or node.get("raw_code") or "")


def _piece(node: Mapping[str, Any]) -> list[Any]:
    code = _code(node)
    text = code.strip() if node.get("language") == "python" else significant(code)
    return [text, _settings(node), _types(node), _place(node)]


def _kind(node: Mapping[str, Any]) -> str:
    return str((node.get("config") or {}).get("materialized") or "")


def _settings(node: Mapping[str, Any]) -> dict[str, Any]:
    """Take the settings that change rows: all, where rows stay from build to build."""
    config = node.get("config") or {}
    kept = [name for name in config if name not in _NEUTRAL]
    if _kind(node) in _PLAIN:
        kept = [name for name in kept if name in _HOOKS]
    return {name: config[name] for name in kept if config[name] not in (None, "", [], {})}


def _types(node: Mapping[str, Any]) -> dict[str, str]:
    """Take the columns' types where dbt enforces them: it casts."""
    if not (node.get("contract") or {}).get("enforced"):
        return {}
    return {name: column.get("data_type") or "" for name, column in node["columns"].items()}


def _place(node: Mapping[str, Any]) -> list[Any]:
    """Say which table a source is, as far as the project says so itself and no target does."""
    if node.get("resource_type") != "source":
        return []
    meta = (node.get("unrendered_config") or {}).get("meta") or {}
    place = [node.get("identifier"), node.get("unrendered_schema")]
    return [*place, meta.get("external_location")]


def _variables(project: Project, node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """List the project file's variables that a text reads, or all where it does not say which."""
    package = str(node.get("package_name"))
    own = project.variables.get(package)
    own = own if isinstance(own, dict) else {}
    for match in _VARIABLE.finditer(_code(node)):
        name = match["name"]
        if name is None:
            yield f"var.{package}.*", project.variables
        elif name in own or name in project.variables:
            yield f"var.{package}.{name}", own.get(name, project.variables.get(name))


def _materializing(project: Project, kind: str) -> list[str]:
    """Find the project's own way of building such nodes, where it has one: nothing refers to it."""
    start = f"materialization_{kind}_"
    return [
        unique_id
        for unique_id, macro in project.macros.items()
        if kind and str(macro.get("name", "")).startswith(start)
    ]
