"""What the dbt manifest says of the models that a contract reads: known, descended, tested.

Only that there are tests is seen here; whether they pass is dbt's to say, when it builds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from activation_pipeline.errors import ConfigurationError
from activation_pipeline.sources import model_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from activation_pipeline.contract import Contract
    from activation_pipeline.manifest import Manifest


@dataclass(frozen=True)
class Lineage:
    """The models of a contract that dbt does not know, that have no tests, or come from nowhere.

    ``foreign`` are suppression and review lists that dbt does not build: another tool's tables.
    ``unread`` says why nothing could be seen; the other fields are empty then.
    """

    unread: str = ""
    unknown: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()
    rootless: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    key_is_tested: bool = True


def read_lineage(contract: Contract, read_manifest: Callable[[], Manifest]) -> Lineage:
    """Look a contract's models up in the manifest; that there is none is an answer, too."""
    try:
        manifest = read_manifest()
    except ConfigurationError as error:
        return Lineage(unread=str(error))
    names = model_names(contract)
    tests = _tests(manifest)
    nodes = {name: manifest.names.get(name, "") for name in names}
    built = {n: i for n, i in nodes.items() if manifest.nodes.get(i, {}).get("resource_type")
             in ("model", "seed", "snapshot")}  # fmt: skip
    models = [n for n, i in built.items() if manifest.nodes[i]["resource_type"] == "model"]
    lists = (*contract.suppression.models, *contract.suppression.review)
    source = nodes[contract.source.model]
    return Lineage(
        unknown=tuple(name for name in names if name not in built),
        untested=tuple(name for name, node in built.items() if not tests[node]),
        rootless=tuple(n for n in models if not _parents(manifest, built[n])),
        foreign=tuple(name for name in lists if name not in built),
        key_is_tested=any("unique" in t and contract.entity.key in t for t in tests[source]),
    )


def _parents(manifest: Manifest, node: str) -> bool:
    return bool((manifest.nodes[node].get("depends_on") or {}).get("nodes"))


def _tests(manifest: Manifest) -> dict[str, list[str]]:
    """List each node's tests, as their names and columns in one text; constraints count as well."""
    found: dict[str, list[str]] = defaultdict(list)
    for unique_id, node in manifest.nodes.items():
        if node.get("resource_type") == "test":
            kind = (node.get("test_metadata") or {}).get("name") or node.get("name")
            arguments = (node.get("test_metadata") or {}).get("kwargs") or {}
            found[str(node.get("attached_node"))].append(f"{kind} {arguments}")
        for name, each in (node.get("columns") or {}).items():
            kinds = [str(one.get("type")) for one in each.get("constraints") or ()]
            found[unique_id] += [f"unique {name}" for kind in kinds if kind in _KEYS]
    return found


_KEYS = ("primary_key", "unique")
