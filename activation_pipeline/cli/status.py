"""``activation status``: how one contract stands, or all of them, and what is next."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from activation_pipeline import alerts
from activation_pipeline.cli import opening, output
from activation_pipeline.cli.channels import channel_document, channel_lines
from activation_pipeline.cli.evaluation import step_lines
from activation_pipeline.notation import elapsed, written_duration
from activation_pipeline.status import status

if TYPE_CHECKING:
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.loading import Checked
    from activation_pipeline.status import Sent, Status


def run(name: str | None, *, as_json: bool) -> None:
    """Show one contract's standing, or every contract's; a malformed one is shown as such."""
    found = opening.settings()
    every = {name: opening.checked(found, name)} if name else opening.contracts(found)
    now = opening.now()
    documents: list[dict[str, Any]] = []
    with opening.runtime(found) as runtime:
        for contract_name, checked in every.items():
            if checked.contract is None:
                documents.append(_malformed(contract_name, checked))
                continue
            standing = status(checked.contract, runtime, now=now)
            documents.append(_document(checked.contract, standing, now))
            if not as_json:
                output.show(_lines(checked.contract, standing, now))
        told = alerts.told(runtime, alerts.read_channels(found.environment), now=now)
    if as_json:
        output.show_json({"contracts": documents, "alerts": channel_document(told)})
        return
    for document in documents:
        if not document["valid"]:
            heading = f"{document['contract']}: malformed; nothing is sent until it is mended"
            output.show([heading, *(f"  {problem}" for problem in document["problems"]), ""])
    output.show(channel_lines(told))


def _malformed(name: str, checked: Checked) -> dict[str, Any]:
    return {"contract": name, "valid": False, "problems": [str(each) for each in checked.errors]}


def _document(contract: Contract, found: Status, now: datetime) -> dict[str, Any]:
    evaluation = found.evaluation
    return {
        "contract": found.contract,
        "valid": True,
        "decision": found.decision,
        "plan": evaluation.plan.id if evaluation and evaluation.plan else None,
        "planned_at": evaluation.at if evaluation else None,
        "plan_age_s": (now - evaluation.at) if evaluation else None,
        "plan_age_limit_s": contract.workflow.decision_window,
        "newest_event": found.newest_event,
        "event_age_s": (now - found.newest_event) if found.newest_event else None,
        "event_age_limit_s": contract.freshness.stale_after,
        "incident": asdict(found.incident) if found.incident else None,
        "stopped_by": [asdict(result) | {"runbook": opening.what_to_do(result.gate)}
                       for result in found.stopping],
        "pauses": [asdict(p) | {"restarted_by": contract.monitoring.restarted_by}
                   for p in found.pauses],
        "destinations": {each.destination: _sent_document(each) for each in found.sent},
        "next": [asdict(step) for step in found.steps],
    }  # fmt: skip


def _sent_document(sent: Sent) -> dict[str, Any]:
    return {
        "planned": sent.planned,
        **asdict(sent.totals),
        "waiting": sent.waiting,
        "holds": sent.holds,
        "last_delivery": asdict(sent.last) | {"outcome": sent.outcome} if sent.last else None,
        "last_read_back": asdict(sent.read_back) if sent.read_back else None,
    }


def _lines(contract: Contract, found: Status, now: datetime) -> list[str | output.Grid]:
    lines: list[str | output.Grid] = [f"{found.contract}: {found.decision}"]
    lines += [f"  {line}" for line in _plan_lines(contract, found, now)]
    for pause in found.pauses:
        until = f" until {output.cell(pause.until)}" if pause.until else ""
        lines.append(
            f"  paused ({pause.destination or 'all destinations'}) since "
            f"{output.cell(pause.since)}{until} by {pause.by}: {pause.reason}; "
            f"{contract.monitoring.restarted_by} may restart"
        )
    if found.incident is not None:
        who = f"by {found.incident.by}: {found.incident.reason}"
        lines.append(f"  last incident: {found.incident.told}; {who}")
    for r in found.stopping:
        lines.append(f"  stopped by {r.gate}: {r.message} (owner {r.owner})")
        lines.append(f"    what to do: {opening.what_to_do(r.gate)}")
    lines.append(_sent_grid(found))
    return [*lines, *step_lines(found.steps), ""]


def _plan_lines(contract: Contract, found: Status, now: datetime) -> list[str]:
    evaluation = found.evaluation
    if evaluation is None:
        return ["no plan yet"]
    window = written_duration(contract.workflow.decision_window)
    age = elapsed(now - evaluation.at)
    if evaluation.plan is None:
        return [f"the last plan, {age} ago, could not be made: {evaluation.message}"]
    lines = [f"plan {evaluation.plan.id}, {age} old, at most {window}"]
    if found.newest_event is not None:
        old = elapsed(now - found.newest_event)
        limit = written_duration(contract.freshness.stale_after)
        lines.append(f"newest {contract.freshness.column} is {old} old, at most {limit}")
    return lines


def _sent_grid(found: Status) -> output.Grid:
    columns = ["destination", "planned", "accepted", "rejected", "held", "unknown", "waiting",
               "ours there", "last delivery", "outcome"]  # fmt: skip
    rows = []
    for sent in found.sent:
        numbers = [sent.planned, *asdict(sent.totals).values(), sent.waiting, sent.holds]
        last = sent.last
        row = [sent.destination, *numbers, last.at if last else None, sent.outcome]
        rows.append(tuple(output.cell(value) for value in row))
    return output.Grid("Newest plan", columns, rows)
