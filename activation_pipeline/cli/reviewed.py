"""``activation reviewed``: the workflow owner's word that the first review was held."""

from __future__ import annotations

from dataclasses import asdict

from activation_pipeline.cli import opening, output
from activation_pipeline.first_review import record_first_review


def run(name: str, *, role: str, by: str, reason: str, as_json: bool) -> None:
    """Record a first review of what was delivered last."""
    found = opening.settings()
    contract = opening.contract(found, name, with_models=False)
    with opening.runtime(found) as runtime:
        review = record_first_review(
            contract, runtime, role=role, by=by, reason=reason, now=opening.now()
        )
    if as_json:
        output.show_json({"contract": name, "review": asdict(review)})
        return
    due = contract.monitoring.first_review
    output.show([f"{name}: first review (due {due}) held by {role}, on plan {review.plan}"])
