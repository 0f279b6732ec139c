"""``activation review``: the pack for the launch review, one to two pages of Markdown.

Six questions in the order of the meeting, each with this contract's answer, then a sample of
who is in and who is out. The people in the room are not all from the data team.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import opening, output
from activation_pipeline.contract import Contract, fingerprint
from activation_pipeline.dispositions import EXCLUDED
from activation_pipeline.notation import written_duration
from activation_pipeline.review import Sampled, sample, sample_size
from activation_pipeline.steps import next_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from activation_pipeline.contract import Caveats, RollbackRules
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.steps import Step


def run(name: str, *, show_values: bool, as_json: bool) -> None:
    """Write the pack from the contract and its newest plan; without a plan it says so."""
    found = opening.settings()
    contract = opening.contract(found, name)
    with opening.runtime(found) as runtime:
        evaluation = runtime.ledger.newest(name)
        plan = evaluation.plan if evaluation else None
        size = sample_size(contract)
        drawn = sample(contract, plan, runtime, records=size) if plan else ()
        pauses = runtime.ledger.pauses(name, now=opening.now())
    steps = next_steps(contract, evaluation, pauses)
    if as_json:
        output.show_json(_document(contract, evaluation, drawn, steps, show_values=show_values))
        return
    lines = [
        *_heading(contract, evaluation),
        *_questions(contract, evaluation),
        *_sample_lines(drawn, show_values=show_values),
        *_ending(contract, steps),
    ]
    for line in lines:
        typer.echo(output.printable(line))


def _document(
    contract: Contract,
    evaluation: Evaluation | None,
    drawn: Sequence[Sampled],
    steps: Sequence[Step],
    *,
    show_values: bool,
) -> dict[str, Any]:
    return {
        "contract": contract.model_dump(mode="json", by_alias=True),
        "fingerprint": fingerprint(contract),
        "rollback": contract.monitoring.rollback.model_dump(),
        "plan": evaluation.plan.id if evaluation and evaluation.plan else None,
        "decision": evaluation.decision if evaluation else None,
        "measures": dict(evaluation.measures) if evaluation else {},
        "gates": [asdict(result) for result in evaluation.results] if evaluation else [],
        "sample": [
            {
                "key": each.key,
                "disposition": each.disposition,
                "reasons": list(each.reasons),
                "details": each.details if show_values else None,
                "values": _values(each, show_values=show_values),
            }
            for each in drawn
        ],
        "next": [asdict(step) for step in steps],
    }


def _values(each: Sampled, *, show_values: bool) -> dict[str, Any]:
    if show_values:
        return dict(each.values)
    return {name: "empty" if value is None else "set" for name, value in each.values.items()}


def _heading(contract: Contract, evaluation: Evaluation | None) -> Iterator[str]:
    plan = evaluation.plan if evaluation else None
    yield f"# Launch review: {contract.name}"
    yield ""
    yield (
        f"Version {contract.version}, fingerprint {fingerprint(contract)}. Proposed decision: "
        f"**{contract.launch.decision}**{_caveats(contract.launch.caveats)}."
    )
    if evaluation is None or plan is None:
        why = evaluation.message if evaluation else "none was made yet"
        yield f"**No plan**: {why}. Run `activation plan {contract.name}` before the meeting."
    else:
        at = output.cell(evaluation.at)
        yield f"Plan {plan.id} of {at}: **{evaluation.decision}**."
    yield ""
    yield f"What would embarrass us: *{contract.workflow.embarrassment}*"


def _caveats(caveats: Caveats | None) -> str:
    if caveats is None:
        return ""
    given = caveats.model_dump(exclude_none=True)
    return " (" + ", ".join(f"{name}: {value}" for name, value in given.items()) + ")"


def _questions(contract: Contract, evaluation: Evaluation | None) -> Iterator[str]:
    owners, workflow, entity = contract.owners, contract.workflow, contract.entity
    yield from _title("1. Which decision may this change?", "0-5", owners.workflow)
    window = written_duration(workflow.decision_window)
    yield f"{workflow.decision} Worthless {window} after the event; risk {workflow.risk}."
    who = f"{owners.source_model}, {owners.destination_field}"
    yield from _title("2. Which grain and which match do we trust?", "5-10", who)
    yield f"One row per {entity.one_row_per} ({entity.grain}, key `{entity.key}`)."
    rules, models = ", ".join(contract.matching.rules), contract.matching.identity
    names = models if isinstance(models, str) else ", ".join(sorted({*models.values()}))
    yield f"Matched by {rules} in `{names}`; ambiguous: {contract.matching.ambiguous}."
    yield f"From `{contract.source.model}`: {', '.join(contract.source.systems)}."
    yield from _title("3. What is written, and what reads it?", "10-15", owners.destination_field)
    yield from _mapping(contract)
    yield from _title("4. Who is left alone, who waits for a person?", "15-20", owners.workflow)
    yield from _waterfall(contract, evaluation)
    yield from _title("5. What can block the launch?", "20-25", owners.source_model)
    yield from _gates(evaluation)
    yield from _title("6. What stops it, and who restarts it?", "25-30", owners.workflow)
    yield from _stops(contract)
    yield from _undo(contract.monitoring.rollback)


def _title(question: str, minutes: str, who: str) -> tuple[str, str, str]:
    return "", f"## {question} ({minutes} min, {who})", ""


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(value.replace("|", "\\|") for value in map(output.cell, row)) + " |"


def _mapping(contract: Contract) -> Iterator[str]:
    rows: list[tuple[str, ...]] = []
    for name, destination in contract.destinations.items():
        where = f"{name} {destination.object}"
        for field, mapping in destination.fields.items():
            allowed = ", ".join(map(str, mapping.allowed)) if mapping.allowed else "any"
            shown = f"{field} (meta)" if mapping.role == "meta" else field
            rows.append((where, shown, mapping.column, allowed, mapping.on_null, mapping.on_edit))
        if destination.list is not None:
            rows.append((where, f"list {destination.list}", "members", "-", "-", "-"))
    columns = ("destination", "field", "from", "allowed", "if empty", "if a person edited")
    yield from _table(columns, rows)
    yield ""
    for name, destination in contract.destinations.items():
        readers = ", ".join(destination.read_by)
        hands = destination.edited_by
        yield f"- {name}: {destination.behavior}; read by {readers}; edited by {hands}"


def _waterfall(contract: Contract, evaluation: Evaluation | None) -> Iterator[str]:
    suppression = contract.suppression
    if evaluation is None or not evaluation.measures:
        owned = (f"{model} ({rule.owner})" for model, rule in suppression.models.items())
        yield f"Suppressed by {', '.join(owned)}."
        return
    measures = evaluation.measures
    rows = [("candidates", f"{measures['candidates']:,}", contract.owners.source_model)]
    owner = {model: rule.owner for model, rule in suppression.models.items()} | suppression.review
    reasons = measures["reasons"]
    for disposition in EXCLUDED:
        count = measures["dispositions"].get(disposition, 0)
        if count:
            rows.append((f"- {disposition}", f"{count:,}", ""))
        if disposition == "suppressed":
            rows += [(f"· {m}", f"{reasons.get(m, 0):,}", owner[m]) for m in suppression.models]
        if disposition == "review":
            rows += [(f"· {m}", f"{reasons.get(m, 0):,}", owner[m]) for m in suppression.review]
    eligible = measures["dispositions"].get("eligible", 0)
    rows.append(("= eligible", f"{eligible:,}", contract.owners.workflow))
    for part in evaluation.plan.parts if evaluation.plan else ():
        operations = output.counts({n: c for n, c in part.operations.items() if c})
        rows.append((f"planned in {part.destination}: {operations}", f"{part.rows:,}", ""))
    yield from _table(("", "records", "owner"), rows)
    yield ""
    yield "Lists overlap: a record may be under several of them, and is counted under each (·)."


def _gates(evaluation: Evaluation | None) -> Iterator[str]:
    if evaluation is None or not evaluation.results:
        yield "No gate has judged anything yet."
        return
    rows = []
    for result in evaluation.results:
        word = (
            "passed" if result.passed else f"**{'stops' if result.stops else 'signed or warns'}**"
        )
        numbers = (output.cell(result.observed), output.cell(result.limit))
        signer = result.signer or "nobody"
        rows.append((result.gate, word, *numbers, result.message, result.owner, signer))
    columns = ("gate", "result", "observed", "limit", "in words", "owner", "may sign")
    yield from _table(columns, rows)


def _stops(contract: Contract) -> Iterator[str]:
    watch = contract.monitoring
    limits = watch.pause_when.model_dump(exclude_none=True)
    written = ", ".join(f"{name} {value}" for name, value in limits.items())
    yield f"Pauses by itself at: {written or 'no limit set'}; then {watch.on_pause}."
    yield f"Told: {', '.join(watch.alert)}. **Restarted by {watch.restarted_by}.**"
    yield (
        f"Read back {watch.reconcile}. First review on {watch.first_review}; the outcome is "
        f"answered for by {contract.owners.outcome}."
    )


def _undo(rules: RollbackRules) -> Iterator[str]:
    """Say what an undo does with what a plan brought; a field that was there is always put back."""
    created = {
        "clear": "the fields that we wrote on it are emptied, the record stays",
        "keep": "the fields that we wrote on it keep their values",
    }
    members = {
        "restore": "who was added leaves again, who was removed comes back",
        "keep": "whoever was added stays, whoever was removed stays away",
    }
    yield ""
    yield f"- undo of a record that the plan made (`{rules.created}`): {created[rules.created]}"
    yield f"- undo of a member or an item (`{rules.members}`): {members[rules.members]}"


def _sample_lines(drawn: Sequence[Sampled], *, show_values: bool) -> Iterator[str]:
    if not drawn:
        return
    yield ""
    yield "## Sample: does each of these make sense to you?"
    yield ""
    rows = []
    for each in drawn:
        values = _values(each, show_values=show_values)
        written = ", ".join(f"{name}={output.cell(value)}" for name, value in values.items())
        details = f" ({each.details})" if show_values and each.details else ""
        why = ", ".join(each.reasons) or "included"
        rows.append((each.key, each.disposition, f"{why}{details}", written or "-"))
    yield from _table(("key", "disposition", "why", "values"), rows)


def _ending(contract: Contract, steps: Sequence[Step]) -> Iterator[str]:
    yield ""
    yield "## Decision: launch, launch with caveats, or pause"
    yield ""
    for step in steps:
        command = f": `{step.command}`" if step.command else ""
        yield f"- {step.role}: {step.what}{command}"
    if not steps:
        yield f"- {contract.owners.workflow}: nothing is open"
