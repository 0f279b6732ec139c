"""``activation rollback``: undo what was delivered, in all destinations or in one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import exits, opening, output
from activation_pipeline.errors import ActivationError
from activation_pipeline.rollback import Request, rollback

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.rollback.report import RolledBack
    from activation_pipeline.runtime import Runtime

Asked = Request


def run(name: str, asked: Asked, *, destination: str | None, as_json: bool) -> None:
    """Undo in each destination; one that fails does not keep the others from being undone."""
    found = opening.settings()
    contract = opening.contract(found, name)
    chosen = opening.destinations(contract, destination)
    with opening.runtime(found) as runtime:
        documents = [_undone(contract, each, runtime, asked, as_json=as_json) for each in chosen]
    code = max(document["exit_code"] for document in documents)
    if as_json:
        output.show_json({"contract": name, "exit_code": code, "destinations": documents})
    elif any(document.get("restoring") for document in documents) and not asked.dry_run:
        output.show(_next(contract))
    if code:
        raise typer.Exit(code)


def _undone(
    contract: Contract, destination: str, runtime: Runtime, asked: Asked, *, as_json: bool
) -> dict[str, Any]:
    try:
        done = rollback(contract, destination, runtime, asked, clock=opening.now)
    except ActivationError as error:
        if not as_json:
            output.note(exits.told(error))
        return {
            "destination": destination,
            "headline": str(error),
            "exit_code": exits.code_of_error(error),
            "error": exits.error_document(error),
        }
    if not as_json:
        output.show(_lines(done))
    return _document(done)


def _code(done: RolledBack) -> int:
    if done.is_whole:
        return exits.DONE
    sent = (exits.code_of_outcome(report.outcome) for report in done.reports)
    return max([exits.DELIVERED_IN_PART, *sent])


def _document(done: RolledBack) -> dict[str, Any]:
    return {
        "destination": done.destination,
        "plan": done.plan,
        "restoring": done.restoring,
        "dry_run": done.dry_run,
        "headline": done.headline,
        "exit_code": _code(done),
        "undone": dict(done.tally.done),
        "left_alone": {reason: asdict(each) for reason, each in done.tally.left.items()},
        "sent": [
            {"plan": each.plan, "outcome": each.outcome, **asdict(each.totals)}
            for each in done.reports
        ],
    }


def _lines(done: RolledBack) -> list[str]:
    lines = [done.headline]
    for reason, each in sorted(done.tally.left.items()):
        more = f" and {each.count - len(each.keys):,} more" if each.count > len(each.keys) else ""
        lines.append(f"  {reason}: {', '.join(each.keys)}{more}")
    lines += [f"  {each.headline}" for each in done.reports]
    return lines


def _next(contract: Contract) -> list[str]:
    name, who = contract.name, contract.monitoring.restarted_by
    return [
        f"{name} is paused; {who} may restart: activation resume {name} --by WHO",
        f"next: activation export {name}, for who is in, who is out and why",
    ]
