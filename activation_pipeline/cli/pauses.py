"""``activation pause`` and ``activation resume``: a stop with who, why and until when.

A stop works on a contract whose file is malformed too: who has to stop something in the
night should not have to mend it first.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from pydantic_core import PydanticCustomError

from activation_pipeline import pausing
from activation_pipeline.cli import opening, output
from activation_pipeline.notation import parse_duration
from activation_pipeline.status import status
from activation_pipeline.steps import resume_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from activation_pipeline.evidence import Pause
    from activation_pipeline.loading import Checked


def moment(text: str, *, now: datetime) -> datetime:
    """Read when a stop ends: a duration from now (4h, 2d), or a moment with its zone.

    Raises:
        typer.BadParameter: neither, a moment without zone, or not in the future.
    """
    try:
        until = now + parse_duration(text)
    except PydanticCustomError:
        until = _iso(text)
    if until <= now:
        raise typer.BadParameter(f"--until: {output.cell(until)} is not in the future")
    return until


def _iso(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        hint = "write a duration as in 4h, or a moment as in 2026-12-01T08:00Z"
        raise typer.BadParameter(f"--until: {text!r} is no time; {hint}") from None
    if found.tzinfo is None:
        raise typer.BadParameter(f"--until: {text} has no time zone; write {text}Z for UTC")
    return found.astimezone(UTC)


@dataclass(frozen=True)
class Word:
    """Who restarts, in which role, and what was found."""

    role: str
    by: str
    reason: str


def stop(
    name: str,
    *,
    by: str,
    reason: str,
    until: str | None,
    destination: str | None,
    as_json: bool,
) -> None:
    """Pause a contract, or one of its destinations, from now on."""
    found = opening.settings()
    checked = opening.checked(found, name)
    _check_destination(checked, name, destination)
    now = opening.now()
    end = moment(until, now=now) if until else None
    with opening.runtime(found) as runtime:
        pauses = pausing.pause(
            name,
            destination,
            runtime,
            by=by,
            reason=reason,
            until=end,
            now=now,
            contract=checked.contract,
        )
    if as_json:
        output.show_json(_document(name, pauses))
        return
    limit = f" until {output.cell(end)}" if end else " until somebody resumes it"
    who = checked.contract.monitoring.restarted_by if checked.contract else None
    again = resume_command(name, role=who, destination=destination)
    output.show(
        [
            f"{name}: {destination or 'all destinations'}: paused{limit}; nothing more is sent",
            f"{who or 'its workflow owner'} may restart: {again}",
        ]
    )


def restart(name: str, word: Word, *, destination: str | None, as_json: bool) -> None:
    """End the pause of a contract, or of one of its destinations; says what stays paused."""
    found = opening.settings()
    contract = opening.contract(found, name)
    opening.destinations(contract, destination)
    now = opening.now()
    with opening.runtime(found) as runtime:
        done = pausing.resume(
            contract,
            destination,
            runtime,
            role=word.role,
            by=word.by,
            reason=word.reason,
            now=now,
        )
        standing = status(contract, runtime, now=now)
    if as_json:
        output.show_json({**_document(name, done.left), "resumed": done.was_paused})
        return
    where = destination or "all destinations"
    lines = [f"{name}: {where}: {'resumed' if done.was_paused else 'was not paused'}"]
    lines += [
        f"still paused ({pause.destination or 'all destinations'}) since "
        f"{output.cell(pause.since)}: "
        + resume_command(name, role=word.role, destination=pause.destination)
        for pause in done.left
    ]
    if done.was_paused and not done.left:
        lines += [f"next: {step.command or step.what} ({step.role})" for step in standing.steps[:1]]
        lines += [f"next: activation plan {name}"] if not standing.steps else []
    output.show(lines)


def _check_destination(checked: Checked, name: str, destination: str | None) -> None:
    """Refuse a destination that the contract surely does not have, so that no stop goes astray."""
    known = (
        checked.contract.destinations if checked.contract else checked.sections.get("destinations")
    )
    if destination is not None and known is not None and destination not in known:
        raise typer.BadParameter(
            f"{destination}: {name} has no such destination; it has {', '.join(known)}"
        )


def _document(name: str, pauses: Sequence[Pause]) -> dict[str, Any]:
    return {"contract": name, "pauses": [asdict(pause) for pause in pauses]}
