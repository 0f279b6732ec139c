"""``activation expire``: take away what outlived its promise, in all destinations or in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import opening, output
from activation_pipeline.cli.amending import in_each
from activation_pipeline.expire import expire

if TYPE_CHECKING:
    from activation_pipeline.expire.report import Expired


def run(name: str, *, destination: str | None, dry_run: bool, as_json: bool) -> None:
    """Expire in each destination; one that fails does not keep the others."""
    found = opening.settings()
    contract = opening.contract(found, name, with_models=False)
    chosen = opening.destinations(contract, destination)
    with opening.runtime(found) as runtime:

        def ended(where: str) -> Expired:
            clock = opening.now
            return expire(contract, where, runtime, clock=clock, again=True, dry_run=dry_run)

        documents = in_each(chosen, ended, _own, as_json=as_json)
    code = max(document["exit_code"] for document in documents)
    if as_json:
        output.show_json({"contract": name, "exit_code": code, "destinations": documents})
    if code:
        raise typer.Exit(code)


def _own(done: Expired) -> dict[str, Any]:
    moments = {"over": done.over, "first": done.first, "next": done.next}
    return {**moments, "done": dict(done.tally.done)}
