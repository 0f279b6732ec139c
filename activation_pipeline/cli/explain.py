"""``activation explain``: one record's path as a table, one line per stage."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from activation_pipeline.cli import opening, output
from activation_pipeline.contract import fingerprint
from activation_pipeline.explain import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from activation_pipeline.contract import Contract
    from activation_pipeline.explain import Candidate, Change, Explanation, InDestination

Line = tuple[str, str]


def run(name: str, key: str, *, as_json: bool) -> None:
    """Show what is known about one key; an unknown key is an answer, not an error."""
    found = opening.settings()
    contract = opening.contract(found, name)
    with opening.runtime(found) as runtime:
        explanation = explain(contract, key, runtime)
    if as_json:
        output.show_json(_document(contract, explanation))
        return
    rows = list(_lines(contract, explanation))
    output.show([output.Grid(f"{name}: {key}", ["stage", "what was found"], rows)])


def _document(contract: Contract, found: Explanation) -> dict[str, Any]:
    evaluation = found.evaluation
    return {
        "contract": found.contract,
        "key": found.key,
        "version": contract.version,
        "fingerprint": fingerprint(contract),
        "is_candidate": bool(found.candidates),
        "candidates": [asdict(each) for each in found.candidates],
        "identity_now": list(found.identity),
        "plan": evaluation.plan.id if evaluation and evaluation.plan else None,
        "planned_at": evaluation.at if evaluation else None,
        "decision": evaluation.decision if evaluation else None,
        "gates_stopping": [r.gate for r in evaluation.results if r.stops] if evaluation else [],
        "destinations": {each.destination: _place_document(each) for each in found.destinations},
        "signatures": [asdict(each) for each in found.signatures],
        "approvals": [each.model_dump() for each in contract.launch.approvals],
    }


def _place_document(place: InDestination) -> dict[str, Any]:
    document = asdict(place)
    del document["destination"]
    return document


def _lines(contract: Contract, found: Explanation) -> Iterator[Line]:
    owner = contract.owners
    yield "contract", f"version {contract.version}, fingerprint {fingerprint(contract)}"
    yield (
        "owners",
        f"model {owner.source_model}, field {owner.destination_field}, workflow {owner.workflow}",
    )
    evaluation = found.evaluation
    plan = evaluation.plan if evaluation else None
    if evaluation is None:
        yield "candidate", f"no plan yet: run activation plan {found.contract}"
    elif plan is None:
        yield "candidate", f"no plan could be made: {evaluation.message}"
    elif not found.candidates:
        yield (
            "candidate",
            f"not a candidate of plan {plan.id}: {contract.source.model} does not offer this key",
        )
    for candidate in found.candidates:
        yield from _candidate_lines(candidate, contract.matching.rules)
    for line in found.identity:
        yield "identity now", line
    for place in found.destinations:
        yield from _place_lines(place, planned=bool(found.candidates))
    if evaluation is not None and plan is not None:
        stops = [f"{r.gate} ({r.message})" for r in evaluation.results if r.stops]
        passed = sum(result.passed for result in evaluation.results)
        yield (
            "gates",
            f"{passed} of {len(evaluation.results)} passed"
            + (f"; stopped by {'; '.join(stops)}" if stops else ""),
        )
        yield "decision", f"{evaluation.decision}: plan {plan.id}, {output.cell(evaluation.at)}"
    for word in found.signatures:
        yield (
            "signed",
            f"{word.gate} by {word.role} ({word.by}), {output.cell(word.at)}: {word.reason}",
        )
    for approval in contract.launch.approvals:
        current = "" if approval.fingerprint == fingerprint(contract) else " (another version)"
        yield "approved", f"by {approval.role} on {approval.on}{current}"


def _candidate_lines(candidate: Candidate, rules: Sequence[str]) -> Iterator[Line]:
    values = ", ".join(f"{name}={output.cell(v)}" for name, v in candidate.values.items())
    yield "candidate", f"as of {output.cell(candidate.as_of)}" + (f": {values}" if values else "")
    for name, identifier in candidate.ids.items():
        found = identifier or "no single record"
        yield "identity", f"{name}: {found} (rules: {', '.join(rules)})"
    details = f" ({candidate.details})" if candidate.details else ""
    why = f": {', '.join(candidate.reasons)}" if candidate.reasons else ""
    yield "disposition", f"{candidate.disposition}{why}{details}"


def _place_lines(place: InDestination, *, planned: bool) -> Iterator[Line]:
    name = place.destination
    for held in place.held:
        values = ", ".join(f"{field}={output.cell(v)}" for field, v in held.values.items())
        sure = "" if held.certain else ", not certain: sent without a trustworthy answer"
        yield (
            f"{name}: delivered before",
            f"{held.destination_id}: {values or 'on the list'} (plan {held.plan}{sure})",
        )
    if not place.held:
        yield f"{name}: delivered before", "nothing of ours is there"
    for reason in place.withheld:
        yield f"{name}: policy", f"withheld: {reason}"
    for change in place.changes:
        yield from _change_lines(name, change)
    for undo in place.undone:
        word = undo.incident
        when, who = output.cell(word.at), f"by {word.by}: {word.reason}"
        deed = "expired" if word.action == "expire" else "undone"
        yield f"{name}: {deed}", f"plan {word.plan}, {when}, {word.incident_class}, {who}"
        for reason in undo.left:
            yield f"{name}: {deed}", f"left alone: {reason}"
        for change in undo.changes:
            yield from _change_lines(name, change)
    if planned and not place.changes and not place.withheld:
        yield f"{name}: plan", "no change"
    if place.read_back:
        counts = output.counts(place.read_back.counts)
        when = output.cell(place.read_back.at)
        yield f"{name}: read back", f"plan {place.read_back.plan}, {when}, all records: {counts}"


def _change_lines(name: str, change: Change) -> Iterator[Line]:
    yield f"{name}: plan", f"{change.operation} {change.destination_id}"
    for field in change.fields:
        what = f"{output.cell(field.before)} -> {output.cell(field.after)}"
        kept = "" if field.written else "; not written"
        live = f"; live {output.cell(field.live)}" if field.live is not None else ""
        yield f"{name}:   {field.field}", f"{what}{live}{kept}"
    yield f"{name}: delivery", change.state
    for outcome in change.outcomes:
        where = f" {outcome.field}:" if outcome.field else ""
        yield f"{name}:   {outcome.code}", f"{outcome.state}:{where} {outcome.message}"
