"""``activation expire``: take away what outlived its promise, in all destinations or in one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import exits, opening, output
from activation_pipeline.errors import ActivationError
from activation_pipeline.expire import expire

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.expire.report import Expired
    from activation_pipeline.runtime import Runtime


def run(name: str, *, destination: str | None, dry_run: bool, as_json: bool) -> None:
    """Expire in each destination; one that fails does not keep the others."""
    found = opening.settings()
    contract = opening.contract(found, name, with_models=False)
    chosen = opening.destinations(contract, destination)
    with opening.runtime(found) as runtime:
        documents = [
            _expired(contract, each, runtime, dry_run=dry_run, as_json=as_json) for each in chosen
        ]
    code = max(document["exit_code"] for document in documents)
    if as_json:
        output.show_json({"contract": name, "exit_code": code, "destinations": documents})
    if code:
        raise typer.Exit(code)


def _expired(
    contract: Contract, destination: str, runtime: Runtime, *, dry_run: bool, as_json: bool
) -> dict[str, Any]:
    try:
        done = expire(
            contract, destination, runtime, clock=opening.now, again=True, dry_run=dry_run
        )
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


def _code(done: Expired) -> int:
    if done.is_whole:
        return exits.DONE
    sent = (exits.code_of_outcome(report.outcome) for report in done.reports)
    return max([exits.DELIVERED_IN_PART, *sent])


def _document(done: Expired) -> dict[str, Any]:
    return {
        "destination": done.destination,
        "plan": done.plan,
        "dry_run": done.dry_run,
        "headline": done.headline,
        "exit_code": _code(done),
        "over": done.over,
        "first": done.first,
        "next": done.next,
        "done": dict(done.tally.done),
        "left_alone": {reason: asdict(each) for reason, each in done.tally.left.items()},
        "sent": [
            {"plan": each.plan, "outcome": each.outcome, **asdict(each.totals)}
            for each in done.reports
        ],
    }


def _lines(done: Expired) -> list[str]:
    lines = [done.headline]
    for reason, each in sorted(done.tally.left.items()):
        more = f" and {each.count - len(each.keys):,} more" if each.count > len(each.keys) else ""
        lines.append(f"  {reason}: {', '.join(each.keys)}{more}")
    return [*lines, *(f"  {each.headline}" for each in done.reports)]
