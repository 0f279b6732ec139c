"""``activation pause-rules``: every limit with what is observed, and the pauses that follow."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import exits, opening, output
from activation_pipeline.errors import ActivationError, ContractError
from activation_pipeline.pause_rules import Applied, apply, facts, readings
from activation_pipeline.steps import resume_command

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.pause_rules import Reading
    from activation_pipeline.runtime import Runtime

_COLUMNS = ("rule", "state", "observed", "limit", "left", "what was found", "owner")


def run(name: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Judge one contract, or every one; the fault of one keeps no other from being judged."""
    found = opening.settings()
    every = {name: opening.checked(found, name)} if name else opening.contracts(found)
    documents: list[dict[str, Any]] = []
    with opening.runtime(found) as runtime:
        for each, checked in every.items():
            try:
                if isinstance(checked.result, ContractError):
                    raise checked.result
                document = _judged(checked.result, runtime, dry_run=dry_run, as_json=as_json)
            except ActivationError as error:
                document = _fault(each, error, as_json=as_json)
            documents.append(document)
    code = max((document["exit_code"] for document in documents), default=exits.DONE)
    if as_json:
        output.show_json({"dry_run": dry_run, "exit_code": code, "contracts": documents})
    if code:
        raise typer.Exit(code)


def _judged(
    contract: Contract, runtime: Runtime, *, dry_run: bool, as_json: bool
) -> dict[str, Any]:
    found = _look(contract, runtime) if dry_run else apply(contract, runtime, clock=opening.now)
    if not as_json:
        output.show([_grid(contract, found), *_lines(contract, found)])
    done, failed = (found.restored.done, found.restored.failed) if found.restored else ((), ())
    codes = [exits.code_of_error(error) for error in failed]
    codes += [exits.DONE if each.is_whole else exits.DELIVERED_IN_PART for each in done]
    return {
        "contract": contract.name,
        "rules": [
            asdict(each) | {"margin": each.margin, "pauses": each.rule in found.pausing}
            for each in found.readings
        ],
        "paused": [asdict(pause) for pause in found.written],
        "undone": [each.headline for each in done],
        "failed": [exits.error_document(error) for error in failed],
        "exit_code": max(codes, default=exits.DONE),
    }


def _look(contract: Contract, runtime: Runtime) -> Applied:
    """Read the limits as ``apply`` does, and write nothing."""
    now = opening.now()
    seen = readings(contract, facts(contract, runtime, now=now), now=now)
    pausing = runtime.ledger.rules.pausing(contract.name, now=now)
    return Applied(contract.name, seen, (), tuple(cause.rule for _, cause in pausing))


def _fault(name: str, error: ActivationError, *, as_json: bool) -> dict[str, Any]:
    if not as_json:
        output.note(exits.told(error))
    return {
        "contract": name,
        "exit_code": exits.code_of_error(error),
        "error": exits.error_document(error),
    }


def _grid(contract: Contract, found: Applied) -> output.Grid:
    rows = [
        (
            each.rule,
            _state(each, found),
            output.cell(each.observed),
            output.cell(each.limit),
            output.cell(each.margin),
            each.message,
            each.owner,
        )
        for each in found.readings
    ]
    return output.Grid(f"{contract.name}: pause rules", _COLUMNS, rows)


def _state(reading: Reading, found: Applied) -> str:
    if reading.rule in found.pausing:
        return "pauses"
    if reading.observed is None:
        return "no data"
    return "broken" if reading.breaks else "holds"


def _lines(contract: Contract, found: Applied) -> list[str]:
    name, watch = contract.name, contract.monitoring
    lines = [] if found.readings else [f"{name}: no pause rule in monitoring.pause_when"]
    lines += [f"{name}: paused by {pause.reason}" for pause in found.written]
    if found.restored:
        lines += [each.headline for each in found.restored.done]
        lines += [f"{error}; it is tried again" for error in found.restored.failed]
    if found.pausing:
        again = resume_command(name, role=watch.restarted_by)
        lines.append(f"{watch.restarted_by} may restart: {again}")
    return lines
