"""Rules that need more than one value of a contract, or the world outside its file.

A rule is a public function of a module of this package. Its parameters are the sections
that it needs, plus ``today``, ``kinds`` or ``manifest``. A rule that asks for a value that
is missing or wrong is not answered, so that one mistake is not reported twice.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from activation_pipeline import destinations
from activation_pipeline.loading.partial import NotThereError
from activation_pipeline.loading.rules import (
    lineage,
    mapping,
    monitoring,
    people,
    references,
    stores,
    timing,
    workflow,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

    from activation_pipeline.loading.places import Finding
    from activation_pipeline.manifest import Manifest

    Rule = Callable[..., Iterator[Finding]]


def every_rule() -> dict[str, Rule]:
    """Name every rule, from the modules themselves."""
    return {
        name: function
        for module in (workflow, mapping, stores, timing, references, people, monitoring, lineage)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


def findings_of(
    sections: Mapping[str, Any], *, today: date, manifest: Manifest | None
) -> list[Finding]:
    """Ask every rule whose sections are there, whole or in part."""
    given = {**sections, "today": today, "kinds": destinations.kinds()}
    if manifest is not None:
        given["manifest"] = manifest
    findings: list[Finding] = []
    for rule in every_rule().values():
        needed = inspect.signature(rule).parameters
        if all(name in given for name in needed):
            # What the rule found before it asked for a value that is not there stays found.
            with suppress(NotThereError):
                for finding in rule(**{name: given[name] for name in needed}):
                    findings.append(finding)  # noqa: PERF402 - extend would lose them
    return findings
