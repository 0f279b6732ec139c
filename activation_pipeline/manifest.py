"""dbt's manifest, as far as contracts need it: relations, columns and logic.

A name in a contract is a dbt model, seed or snapshot, a source as ``source.table``, or a
plain relation as ``schema.table``; so tables of other people's projects can be read
without editing those projects. Reading the file is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from activation_pipeline.errors import WarehouseError
from activation_pipeline.logic import Project, definition, logic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RELATION_TYPES = ("model", "seed", "snapshot")
_PLAIN_PARTS = (2, 3)


@dataclass(frozen=True)
class Relation:
    """A table or view: up to three name parts, and the dbt node behind it where there is one.

    ``columns`` maps documented column names to their declared types ("" where none is);
    ``allowed`` has the values of ``accepted_values`` tests, by column.
    """

    parts: tuple[str, ...]
    node: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    enforced: bool = False


@dataclass(frozen=True)
class Manifest:
    """The parts of one ``manifest.json`` that are looked up by name."""

    nodes: Mapping[str, Mapping[str, Any]]
    macros: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]
    internal: frozenset[str]
    variables: Mapping[str, Any] = field(default_factory=dict)

    def relation(self, name: str) -> Relation | None:
        """Find a relation by a contract's name for it; None where the manifest has none."""
        node_id = self.names.get(name)
        if node_id is None:
            return None
        node = self.nodes[node_id]
        parts = (node.get("database"), node["schema"], node.get("identifier") or node.get("alias"))
        return Relation(
            parts=tuple(part for part in parts if part),
            node=node_id,
            columns={k: v.get("data_type") or "" for k, v in node.get("columns", {}).items()},
            allowed=self._accepted_values(node_id),
            enforced=bool((node.get("contract") or {}).get("enforced")),
        )

    def _accepted_values(self, node_id: str) -> dict[str, frozenset[str]]:
        tests = (
            node["test_metadata"]["kwargs"]
            for node in self.nodes.values()
            if node.get("attached_node") == node_id
            and (node.get("test_metadata") or {}).get("name") == "accepted_values"
        )
        found = {}
        for kwargs in tests:
            values = kwargs.get("values") or kwargs.get("arguments", {}).get("values") or ()
            found[str(kwargs.get("column_name"))] = frozenset(str(value) for value in values)
        return found

    def resolve(self, name: str) -> Relation:
        """Find a relation, or take ``schema.table`` at its word.

        Raises:
            WarehouseError: neither the manifest nor the name itself says where it is.
        """
        found = self.relation(name)
        if found is not None:
            return found
        parts = tuple(name.split("."))
        if len(parts) in _PLAIN_PARTS and all(parts):
            return Relation(parts=parts)
        raise WarehouseError(
            f"{name}: no model, seed, snapshot or source of this name in the dbt manifest; "
            "run dbt parse, or write schema.table"
        )

    def logic(self, names: Iterable[str]) -> dict[str, str]:
        """Digest each piece of logic behind some relations, by dbt's unique id; see ``logic``.

        A name that the manifest does not have counts for nothing.
        """
        project = Project(self.nodes, self.macros, self.internal, self.variables)
        return logic(project, [self.names[name] for name in names if name in self.names])

    def definition(self, names: Iterable[str]) -> str:
        """Hash the logic behind some relations: 16 hex digits.

        Their own SQL, that of all their ancestors and of every macro that these use, except
        dbt's own. Data (seeds) and relations outside the manifest do not count.
        """
        return definition(self.logic(names))


def read_manifest(
    document: Mapping[str, Any], *, variables: Mapping[str, Any] | None = None
) -> Manifest:
    """Index a parsed ``manifest.json``; a name in two packages means the root project's.

    ``variables`` are the ``vars`` of the project's file, which the manifest does not have.
    """
    root = (document.get("metadata") or {}).get("project_name")
    nodes = {
        **document.get("nodes", {}),
        **document.get("sources", {}),
        **document.get("functions", {}),
    }
    names: dict[str, str] = {}
    for unique_id, node in nodes.items():
        if node.get("resource_type") in _RELATION_TYPES:
            if node["name"] not in names or node.get("package_name") == root:
                names[node["name"]] = unique_id
        elif node.get("resource_type") == "source":
            names[f"{node['source_name']}.{node['name']}"] = unique_id
    adapter = (document.get("metadata") or {}).get("adapter_type")
    internal = frozenset({"dbt", f"dbt_{adapter}"})
    return Manifest(nodes, document.get("macros", {}), names, internal, dict(variables or {}))
