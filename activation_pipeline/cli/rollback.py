"""``activation rollback``: undo what was delivered, in all destinations or in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import opening, output
from activation_pipeline.cli.amending import in_each
from activation_pipeline.rollback import Request, rollback
from activation_pipeline.steps import resume_command

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract
    from activation_pipeline.rollback.report import RolledBack

Asked = Request


def run(name: str, asked: Asked, *, destination: str | None, as_json: bool) -> None:
    """Undo in each destination; one that fails does not keep the others from being undone."""
    found = opening.settings()
    contract = opening.contract(found, name)
    chosen = opening.destinations(contract, destination)
    with opening.runtime(found) as runtime:

        def undone(where: str) -> RolledBack:
            return rollback(contract, where, runtime, asked, clock=opening.now)

        documents = in_each(chosen, undone, _own, as_json=as_json)
    code = max(document["exit_code"] for document in documents)
    if as_json:
        output.show_json({"contract": name, "exit_code": code, "destinations": documents})
    elif any(document.get("restoring") for document in documents) and not asked.dry_run:
        output.show(_next(contract))
    if code:
        raise typer.Exit(code)


def _own(done: RolledBack) -> dict[str, Any]:
    return {"restoring": done.restoring, "undone": dict(done.tally.done)}


def _next(contract: Contract) -> list[str]:
    name, who = contract.name, contract.monitoring.restarted_by
    return [
        f"{name} is paused; {who} may restart: {resume_command(name, role=who)}",
        f"next: activation export {name}, for who is in, who is out and why",
    ]
