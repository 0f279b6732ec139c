"""Turn plans, gate results and delivery reports into Dagster's metadata: counts and names only.

Nothing here can carry a value of a field or an address of a person: it sees the ledger's
counts, never the rows. Every number is plotted over time by Dagster's page on its own.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import dagster as dg

from activation_pipeline import runbook
from activation_pipeline.orchestration.resources import process_environment
from activation_pipeline.plan import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from activation_pipeline.evidence import GateResult
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.plan import Plan
    from activation_pipeline.reconcile import Reconciliation
    from activation_pipeline.report import Report

Metadata = dict[str, dg.MetadataValue]
_Cell = str | int


def line_of_contract(file: Path, line: int) -> dg.CodeReferencesMetadataValue:
    """Link to a line of a contract's file, as "Open contract in editor" on Dagster's page."""
    with warnings.catch_warnings():
        # Dagster calls the link beta, once for each asset, in front of every command's output.
        warnings.simplefilter("ignore", dg.BetaWarning)
        place = dg.LocalFileCodeReference(file_path=str(file), line_number=line, label="contract")
        return dg.CodeReferencesMetadataValue(code_references=[place])


def what_to_do(section: str) -> dg.MetadataValue:
    """Link to the runbook's section of a clause, where this installation has the page."""
    return runbook_value(section, process_environment().get(runbook.ADDRESS))


def runbook_value(section: str, address: str | None) -> dg.MetadataValue:
    """Make a link that can be clicked on where the page has an address, else name the file."""
    found = runbook.link(section, address)
    if found.startswith(("https://", "http://")):
        return dg.MetadataValue.url(found)
    return dg.MetadataValue.text(found)


def plan_metadata(evaluation: Evaluation) -> Metadata:
    """Describe a judged plan: its id, its decision, and every count that was measured."""
    plan, measures = evaluation.plan, evaluation.measures
    found: Metadata = {
        "decision": dg.MetadataValue.text(evaluation.decision),
        "stopped_by": dg.MetadataValue.text(evaluation.message or "nothing"),
        "candidates": dg.MetadataValue.int(measures.get("candidates", 0)),
        "dispositions": _counts("disposition", measures.get("dispositions", {})),
        "suppressed": _counts("rule", measures.get("suppressed", {})),
        "reasons": _counts("reason", measures.get("reasons", {})),
        "dagster/row_count": dg.MetadataValue.int(
            measures.get("dispositions", {}).get("eligible", 0)
        ),
    }
    if plan is None:
        return found
    return found | {
        "plan": dg.MetadataValue.text(plan.id),
        "fingerprint": dg.MetadataValue.text(plan.fingerprint),
        "definition": dg.MetadataValue.text(plan.definition),
        "planned": dg.MetadataValue.int(sum(part.rows for part in plan.parts)),
        "operations": _operations(plan),
        "withheld": _withheld(plan),
        "efforts": _efforts(measures.get("efforts", {})),
    }


def check_metadata(result: GateResult) -> Metadata:
    """Describe one gate's result: the number, its limit, and who has to act."""
    found: Metadata = {"owner": dg.MetadataValue.text(result.owner)}
    if result.observed is not None:
        found["observed"] = dg.MetadataValue.float(float(result.observed))
    if result.limit is not None:
        found["limit"] = dg.MetadataValue.float(float(result.limit))
    if not result.passed:
        found["runbook"] = what_to_do(result.gate)
    if result.signer is not None:
        found["may_be_signed_by"] = dg.MetadataValue.text(result.signer)
    if result.overridden_by is not None:
        found["signed_by"] = dg.MetadataValue.text(result.overridden_by)
    return found


def report_metadata(report: Report) -> Metadata:
    """Describe what became of a plan in one destination."""
    totals = report.totals
    lost = report.outcome in runbook.STATES
    return ({"runbook": what_to_do(report.outcome)} if lost else {}) | {
        "outcome": dg.MetadataValue.text(report.outcome),
        "plan": dg.MetadataValue.text(report.plan),
        "planned": dg.MetadataValue.int(report.rows),
        "accepted": dg.MetadataValue.int(totals.accepted),
        "rejected": dg.MetadataValue.int(totals.rejected),
        "held": dg.MetadataValue.int(totals.held),
        "unknown": dg.MetadataValue.int(totals.unknown),
        "faults": _counts("code", report.faults),
        "dagster/row_count": dg.MetadataValue.int(totals.accepted),
    }


def reconciliation_metadata(found: Reconciliation) -> Metadata:
    """Describe how the delivered records look in the destination now."""
    return {
        "plan": dg.MetadataValue.text(found.plan or "none"),
        "records": dg.MetadataValue.int(found.records),
        "drift": dg.MetadataValue.float(float(found.drift)),
        "findings": _counts("finding", found.counts),
    }


def _counts(name: str, counts: Mapping[str, int]) -> dg.TableMetadataValue:
    rows: list[dict[str, _Cell]] = [
        {name: key, "count": count} for key, count in sorted(counts.items())
    ]
    columns = [dg.TableColumn(name, "string"), dg.TableColumn("count", "int")]
    return _table(rows, columns)


def _operations(plan: Plan) -> dg.TableMetadataValue:
    rows: list[dict[str, _Cell]] = [
        {
            "destination": part.destination,
            "planned": part.rows,
            # -1 would be plotted and 0 would be a lie: nothing was ever delivered there.
            "delivered before": "never" if part.baseline is None else str(part.baseline),
            **{name: part.operations.get(name, 0) for name in OPERATIONS},
        }
        for part in plan.parts
    ]
    columns = [dg.TableColumn("destination", "string"), dg.TableColumn("planned", "int")]
    columns += [dg.TableColumn("delivered before", "string")]
    columns += [dg.TableColumn(name, "int") for name in OPERATIONS]
    return _table(rows, columns)


def _withheld(plan: Plan) -> dg.TableMetadataValue:
    rows: list[dict[str, _Cell]] = [
        {"destination": part.destination, "reason": reason, "count": count}
        for part in plan.parts
        for reason, count in sorted(part.withheld.items())
    ]
    columns = [dg.TableColumn("destination", "string"), dg.TableColumn("reason", "string")]
    return _table(rows, [*columns, dg.TableColumn("count", "int")])


def _efforts(efforts: Mapping[str, Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Show what sending costs: requests, seconds at least, and what the day's quota has left."""
    names = ("requests", "seconds", "left_today", "daily")
    rows: list[dict[str, _Cell]] = [
        {
            "destination": destination,
            **{name: "-" if effort[name] is None else f"{effort[name]:,.0f}" for name in names},
        }
        for destination, effort in efforts.items()
    ]
    columns = [dg.TableColumn(name, "string") for name in ("destination", *names)]
    return _table(rows, columns)


def _table(rows: list[dict[str, _Cell]], columns: list[dg.TableColumn]) -> dg.TableMetadataValue:
    # The schema is given, because an empty table has no first row to take it from.
    records = [dg.TableRecord(row) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))
