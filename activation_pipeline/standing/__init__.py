"""How a contract stands, as one word: live, caveats, blocked, paused, expired or overdue.

Each state comes with its clause, what was observed against which limit, since when, who may
act and what to do next. All of it is read from the ledger, so it is told while the warehouse is
locked, a destination is down or a file is malformed. Several may hold at once: the first word is
the one that somebody has to act on first, the others stand beside it in ``also``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from activation_pipeline.cadence import grace, overdue_since
from activation_pipeline.notation import without_addresses, written_duration
from activation_pipeline.standing.state import STATES, Standing, State, first_of
from activation_pipeline.standing.stops import blocked, is_making
from activation_pipeline.standing.words import of_expiry, of_pause
from activation_pipeline.status import status
from activation_pipeline.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Pause
    from activation_pipeline.incident import Incident
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.loading import Checked
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.status import Sent, Status

__all__ = ["STATES", "Standing", "State", "known", "standing", "standings"]

_SENT = frozenset({"delivered", "delivered_in_part"})


def standing(contract: Contract, runtime: Runtime, *, now: datetime) -> Standing:
    """Tell how a valid contract stands at a moment (UTC)."""
    found = status(contract, runtime, now=now)
    evaluation = found.evaluation or runtime.ledger.newest(contract.name, finished=True)
    # A pause holds whatever writes the same fields, also under another contract's name.
    pauses = runtime.ledger.pauses(contract.name, now=now, owned=contract.owned(None))
    states = [
        *_paused(contract.name, pauses, contract.monitoring.restarted_by),
        *_expired(contract, found, evaluation, runtime),
        *blocked(contract, found, evaluation, runtime, now=now),
        *_overdue(contract, runtime, now=now),
    ] or [_running(contract, evaluation)]
    plan = evaluation.plan.id if evaluation and evaluation.plan else None
    busy = is_making(contract, found, runtime, now=now) or any(
        each.outcome == "sending" for each in found.sent
    )
    return first_of([replace(each, plan=each.plan or plan, busy=busy) for each in states])


def standings(
    every: Mapping[str, Checked], runtime: Runtime, *, now: datetime
) -> dict[str, Standing]:
    """Tell how every contract file stands; a malformed one is blocked by ``contract``."""
    return {
        name: standing(checked.contract, runtime, now=now)
        if checked.contract
        else _malformed(name, checked, runtime, now=now)
        for name, checked in every.items()
    }


def _paused(name: str, pauses: tuple[Pause, ...], restarted_by: str | None) -> Iterator[Standing]:
    for pause in sorted(pauses, key=lambda each: (each.contract != name, each.destination or "")):
        found = of_pause(pause, restarted_by=restarted_by)
        if pause.contract != name:
            message = f"{pause.contract}, which writes the same, is paused: {found.message}"
            found = replace(found, contract=name, message=message)
        yield found


def _expired(
    contract: Contract, found: Status, evaluation: Evaluation | None, runtime: Runtime
) -> Iterator[Standing]:
    newest: dict[str | None, Incident] = {
        incident.destination: incident
        for incident in runtime.ledger.incidents.all(contract.name)
        if incident.action == "expire"
    }
    for name, incident in newest.items():
        sent = next((each for each in found.sent if each.destination == name), None)
        if sent is not None and not _is_restored(incident, sent, evaluation, runtime):
            yield of_expiry(incident, owner=contract.owners.source_model)


def _is_restored(
    incident: Incident, sent: Sent, evaluation: Evaluation | None, runtime: Runtime
) -> bool:
    """Say whether a plan was allowed since an expiry, and what it had for here went out."""
    if not runtime.ledger.history.allowed_since(incident.contract, incident.at):
        return False
    if evaluation is None or evaluation.decision == "pause" or not sent.waiting:
        return True
    last = sent.last
    return (
        last is not None
        and last.at > incident.at
        and last.plan != incident.restoring
        and sent.outcome in _SENT
    )


def _overdue(contract: Contract, runtime: Runtime, *, now: datetime) -> Iterator[Standing]:
    """Find the run that was due and that nobody started, whatever any scheduler thinks."""
    missed = overdue_since(contract, runtime, now=now)
    if missed is None:
        return
    owner, limit = contract.owners.source_model, grace(contract)
    yield Standing(
        contract=contract.name,
        state="overdue",
        clause="overdue",
        message=f"due at {missed:%Y-%m-%d %H:%M} UTC and not begun, at most "
        f"{written_duration(limit)} later",
        since=missed,
        owner=owner,
        observed=round((now - missed) / timedelta(hours=1), 2),
        limit=round(limit / timedelta(hours=1), 2),
        next_step=Step(
            owner,
            "see that the scheduler is alive and its schedule on, or plan by hand",
            f"activation plan {contract.name}",
        ),
    )


def _running(contract: Contract, evaluation: Evaluation | None) -> Standing:
    """Describe a contract in which nothing is wrong."""
    caveats = contract.launch.caveats
    limited = caveats is not None
    told = caveats.model_dump(mode="json", exclude_none=True) if caveats else {}
    limits = ", ".join(f"{name} {value}" for name, value in told.items())
    return Standing(
        contract=contract.name,
        state="caveats" if limited else "live",
        clause=None,
        message=f"launched with caveats: {limits}" if limited else "launched",
        since=evaluation.at if evaluation else None,
        owner=contract.owners.workflow,
    )


def _malformed(name: str, checked: Checked, runtime: Runtime, *, now: datetime) -> Standing:
    """Describe a file that is no contract; a pause in force counts for it as well."""
    owner = known(checked, "owners", "workflow")
    # By its folder and name: an alert goes where nobody knows this machine.
    file = "/".join(checked.file.split("/")[-2:])
    errors = [replace(problem, file=file) for problem in checked.errors]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    blocked = Standing(
        contract=name,
        state="blocked",
        clause="contract",
        message=without_addresses(f"{errors[0]}{more}" if errors else "malformed"),
        since=None,
        owner=owner,
        next_step=Step(owner or "workflow owner", "mend the file", f"activation validate {file}"),
    )
    restarted_by = known(checked, "monitoring", "restarted_by")
    pauses = runtime.ledger.pauses(name, now=now)
    return first_of([*_paused(name, pauses, restarted_by), blocked])


def known(checked: Checked, section: str, name: str) -> Any:
    """Take a value of a contract's file, or None; also what is right in a file wrong elsewhere."""
    if checked.contract is not None:
        return getattr(getattr(checked.contract, section), name)
    found = checked.sections.get(section)
    return vars(found).get(name) if found is not None else None
