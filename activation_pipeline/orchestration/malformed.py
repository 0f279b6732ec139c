"""A file that is no contract: an asset of its own that is there and red.

A malformed file fails alone; all other contracts load and run. Its check and its
materialization fail with every problem, each with its line. Nothing can be sent from it,
because it has no sync.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator  # noqa: TC003 - Dagster reads annotations
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from activation_pipeline.orchestration.naming import job_name, malformed_key
from activation_pipeline.orchestration.reporting import line_of_contract, what_to_do

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from activation_pipeline.errors import Problem
    from activation_pipeline.loading import Checked

CONTRACT_VALID = "contract_valid"
_MEANING = "The file is a contract: every problem in it is listed here."
_SHOWN = 200


def malformed_definitions(stem: str, checked: Checked, *, file: Path) -> dg.Definitions:
    """Make the red asset of one file, its check and its job.

    Args:
        stem: what the file is called, printable.
        checked: with at least one problem of severity ``error``.
        file: the file itself, for the link to its line.
    """
    key, name = malformed_key(stem), job_name(stem)
    shown = f"{file.parent.name}/{file.name}"
    found = [replace(problem, file=shown) for problem in checked.problems]
    headline = _headline([problem for problem in found if problem.severity == "error"])
    problems = _table(found)
    line = checked.errors[0].line if checked.errors else 1

    @dg.asset(
        key=key,
        group_name=name,
        description=headline,
        kinds={"yaml"},
        code_version=hashlib.sha256(headline.encode()).hexdigest()[:16],
        # Tried once by itself, and again when the problems change: so it is red unasked.
        automation_condition=dg.AutomationCondition.initial_evaluation()
        | dg.AutomationCondition.code_version_changed(),
        metadata={"dagster/code_references": line_of_contract(file, line)},
        check_specs=[dg.AssetCheckSpec(CONTRACT_VALID, asset=key, description=_MEANING)],
    )
    def malformed() -> Iterator[dg.AssetCheckResult]:
        metadata = {"problems": problems, "runbook": what_to_do("contract")}
        yield dg.AssetCheckResult(
            passed=False, check_name=CONTRACT_VALID, description=headline, metadata=metadata
        )
        raise dg.Failure(description=headline, metadata=metadata, allow_retries=False)

    job = dg.define_asset_job(name, selection=dg.AssetSelection.assets(key))
    return dg.Definitions(assets=[malformed], jobs=[job])


def _headline(errors: Sequence[Problem]) -> str:
    told = [str(problem) for problem in errors[:_SHOWN]]
    more = len(errors) - len(told)
    return "\n".join([*told, f"and {more} more"] if more else told)


def _table(problems: Sequence[Problem]) -> dg.TableMetadataValue:
    columns = [
        dg.TableColumn(name, "int" if name in ("line", "column") else "string")
        for name in ("file", "line", "column", "path", "code", "severity", "message")
    ]
    records = [
        dg.TableRecord({column.name: getattr(problem, column.name) for column in columns})
        for problem in problems[:_SHOWN]
    ]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))
