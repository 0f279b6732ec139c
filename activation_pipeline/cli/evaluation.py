"""How an evaluated plan looks: counts per destination, gates, decision, who does what next."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from activation_pipeline.cli import opening, output
from activation_pipeline.dispositions import EXCLUDED
from activation_pipeline.plan import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import GateResult
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.steps import Step


def show(
    contract: Contract, evaluation: Evaluation, steps: Sequence[Step], *, as_json: bool
) -> None:
    """Show one evaluation: counts per destination, gates, decision, next steps."""
    if as_json:
        output.show_json(document(evaluation, steps))
        return
    plan = evaluation.plan.id if evaluation.plan else "none"
    output.show(
        [
            f"{contract.name}: plan {plan}: {evaluation.decision}",
            population_grid(evaluation),
            gates_grid(evaluation.results),
            *decision_lines(evaluation),
            *step_lines(steps),
        ]
    )


def document(evaluation: Evaluation, steps: Sequence[Step]) -> dict[str, Any]:
    """Describe an evaluation for ``--json``."""
    plan, measures = evaluation.plan, evaluation.measures
    return {
        "contract": evaluation.contract,
        "plan": plan.id if plan else None,
        "decision": evaluation.decision,
        "message": evaluation.message,
        "at": evaluation.at,
        "fingerprint": plan.fingerprint if plan else None,
        "definition": plan.definition if plan else None,
        **{name: measures.get(name) for name in ("candidates", "dispositions", "reasons")},
        "suppressed": measures.get("suppressed"),
        "destinations": {
            part.destination: {
                "planned": part.rows,
                "operations": dict(part.operations),
                "withheld": dict(part.withheld),
                "baseline": part.baseline,
            }
            for part in (plan.parts if plan else ())
        },
        "efforts": measures.get("efforts"),
        "gates": [asdict(result) | {"stops": result.stops} for result in evaluation.results],
        "next": [asdict(step) for step in steps],
    }


def population_grid(evaluation: Evaluation) -> output.Grid:
    """Lay out candidates, dispositions, reasons and changes, one column per destination."""
    plan, measures = evaluation.plan, evaluation.measures
    parts = plan.parts if plan else ()
    names = [part.destination for part in parts]
    rows: list[tuple[str, ...]] = []

    def add(label: str, values: Iterable[int | None]) -> None:
        rows.append((label, *("-" if value is None else f"{value:,}" for value in values)))

    dispositions = measures["dispositions"]
    add("candidates", [measures["candidates"]] * len(names))
    add("eligible", [dispositions.get("eligible", 0)] * len(names))
    for disposition in EXCLUDED:
        add(f"excluded: {disposition}", [dispositions.get(disposition, 0)] * len(names))
        if disposition == "suppressed":
            for reason, values in _by_destination(measures["suppressed"], names).items():
                add(f"  {reason}", values)
    add("planned", [part.rows for part in parts])
    for operation in OPERATIONS:
        add(f"  {operation}", [part.operations.get(operation, 0) for part in parts])
    for reason in sorted({reason for part in parts for reason in part.withheld}):
        add(f"withheld: {reason}", [part.withheld.get(reason, 0) for part in parts])
    return output.Grid("Population and changes", ["", *names], rows)


def _by_destination(
    reasons: Mapping[str, int], names: Sequence[str]
) -> dict[str, list[int | None]]:
    """Put ``reason:destination`` into that destination's column; other reasons into all."""
    found: dict[str, list[int | None]] = {}
    for reason, count in reasons.items():
        kind, _, where = reason.rpartition(":")
        if kind and where in names:
            found.setdefault(kind, [None] * len(names))[names.index(where)] = count
        else:
            found[reason] = [count] * len(names)
    return found


def gates_grid(results: Iterable[GateResult]) -> output.Grid:
    """Lay out the gates: result, observed against limit, what it means, whose it is."""
    rows = [
        (
            result.gate,
            _word(result),
            output.cell(result.observed),
            output.cell(result.limit),
            result.message,
            result.owner,
        )
        for result in results
    ]
    return output.Grid("Gates", ["gate", "result", "observed", "limit", "message", "owner"], rows)


def _word(result: GateResult) -> str:
    if result.passed:
        return "passed"
    if result.overridden_by:
        return f"signed by {result.overridden_by}"
    return "STOPS" if result.blocking else "warns"


def decision_lines(evaluation: Evaluation) -> list[str]:
    """Say the decision and what stops it, in one line each."""
    stops = [result.gate for result in evaluation.results if result.stops]
    why = f" (stopped by {', '.join(stops)})" if stops else ""
    lines = ["", f"decision: {evaluation.decision}{why}"]
    return lines + [f"  what to do: {opening.what_to_do(gate)}" for gate in stops]


def step_lines(steps: Sequence[Step]) -> list[str]:
    """Say who does what next, with the exact command."""
    lines = ["next:"] if steps else []
    for step in steps:
        lines.append(f"  {step.role}: {step.what}")
        lines += [f"    {step.command}"] if step.command else []
    return lines
