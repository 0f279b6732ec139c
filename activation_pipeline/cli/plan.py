"""``activation plan``: make a plan, judge it, and show what it would change and what stops it."""

from __future__ import annotations

from activation_pipeline.cli import opening
from activation_pipeline.cli.evaluation import show
from activation_pipeline.prepare import prepare
from activation_pipeline.steps import next_steps


def run(name: str, *, retry_rejected: bool, as_json: bool) -> None:
    """Prepare one contract; a plan that was made ends with 0, whatever its decision."""
    found = opening.settings()
    contract = opening.contract(found, name)
    with opening.runtime(found) as runtime:
        evaluation = prepare(contract, runtime, now=opening.now(), retry_rejected=retry_rejected)
        pauses = runtime.ledger.pauses(name, now=opening.now())
    show(contract, evaluation, next_steps(contract, evaluation, pauses), as_json=as_json)
