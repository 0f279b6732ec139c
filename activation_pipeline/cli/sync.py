"""``activation sync``: send the newest plan to all destinations of a contract, or to one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import exits, opening, output
from activation_pipeline.deliver import deliver
from activation_pipeline.errors import ActivationError

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.runtime import Runtime


def run(name: str, *, destination: str | None, as_json: bool) -> None:
    """Deliver to each destination; one that fails does not keep the others from being served."""
    found = opening.settings()
    contract = opening.contract(found, name)
    chosen = opening.destinations(contract, destination)
    reports = []
    with opening.runtime(found) as runtime:
        for each in chosen:
            report = _deliver(contract, each, runtime)
            reports.append(report)
            if not as_json:
                typer.echo(_line(report), err="error" in report)
    code = max(report["exit_code"] for report in reports)
    if as_json:
        output.show_json({"contract": name, "exit_code": code, "destinations": reports})
    if code:
        raise typer.Exit(code)


def _line(report: dict[str, Any]) -> str:
    again = not report.get("answered_now", 1) and report["planned"]
    line = report["headline"] + (" (nothing was left to send)" if again else "")
    return output.printable(
        line + (f"\nwhat to do: {report['runbook']}" if "runbook" in report else "")
    )


def _deliver(contract: Contract, destination: str, runtime: Runtime) -> dict[str, Any]:
    before = _answered(contract.name, destination, runtime)
    try:
        report = deliver(contract, destination, runtime, clock=opening.now)
    except ActivationError as error:
        return {
            "destination": destination,
            "outcome": "failed" if exits.code_of_error(error) != exits.REFUSED else "refused",
            "headline": str(error),
            "exit_code": exits.code_of_error(error),
            "error": exits.error_document(error),
            "runbook": opening.what_to_do(error.section),
        }
    found = {
        "destination": destination,
        "plan": report.plan,
        "outcome": report.outcome,
        "headline": report.headline,
        "exit_code": exits.code_of_outcome(report.outcome),
        "planned": report.rows,
        **asdict(report.totals),
        "answered_now": _answered(contract.name, destination, runtime) - before,
        "faults": dict(report.faults),
    }
    lost = exits.code_of_outcome(report.outcome) != exits.DONE
    return found | ({"runbook": opening.what_to_do(report.outcome)} if lost else {})


def _answered(contract: str, destination: str, runtime: Runtime) -> int:
    """Count the newest plan's answered rows: a delivery reports over all of its attempts."""
    evaluation = runtime.ledger.newest(contract)
    if evaluation is None or evaluation.plan is None:
        return 0
    return sum(asdict(runtime.ledger.deliveries.totals(evaluation.plan.id, destination)).values())
