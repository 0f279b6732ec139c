"""``activation watch``: one look at everything that acts by itself, or one every so often."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.alerts import read_channels, read_links
from activation_pipeline.alerts.message import title
from activation_pipeline.cli import exits, opening, output
from activation_pipeline.cli.channels import channel_document, channel_lines
from activation_pipeline.errors import ActivationError
from activation_pipeline.watch import Tick, tick

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from activation_pipeline.watch import Known


def run(every: timedelta | None, *, as_json: bool) -> None:
    """Look once and end with what was found, or look until somebody stops it."""
    known: Known = {}
    if every is not None:
        loop(lambda: _look(known, as_json=as_json), every, sleep=time.sleep)
        return
    code = _look(known, as_json=as_json)
    if code:
        raise typer.Exit(code)


def loop(look: Callable[[], object], every: timedelta, *, sleep: Callable[[float], None]) -> None:
    """Look, wait, and look again, whatever a look ends with; settings and files are read anew."""
    while True:
        try:
            look()
        except ActivationError as error:
            output.note(exits.told(error))
        sleep(every.total_seconds())


def _look(known: Known, *, as_json: bool) -> int:
    settings = opening.settings()
    every = opening.contracts(settings)
    with opening.runtime(settings) as runtime:
        done = tick(
            every,
            runtime,
            channels=read_channels(settings.environment),
            links=read_links(settings.environment),
            clock=opening.now,
            known=known,
        )
    code = _code(done)
    if as_json:
        output.show_json(_document(done) | {"exit_code": code})
    else:
        output.show(_lines(done))
    return code


def _code(done: Tick) -> int:
    """Sum a look up: the highest code of what failed, a channel and a missing address among it."""
    codes = [exits.code_of_error(error) for error in done.errors]
    if done.told is not None and done.told.failing:
        codes.append(exits.DESTINATION_FAILED)
    if done.told is not None and done.told.without_address:
        codes.append(exits.WRONG_CONTRACT_OR_SETTINGS)
    return max(codes, default=exits.DONE)


def _document(done: Tick) -> dict[str, Any]:
    told = done.told
    return {
        "at": done.at,
        "contracts": done.contracts,
        "did": [
            {
                "part": each.part,
                "contract": each.contract,
                "message": each.message,
                "failed": each.error is not None,
            }
            for each in done.did
        ],
        "changes": [
            {
                "contract": each.contract,
                "kind": each.kind,
                "clause": each.clause,
                "destination": each.destination,
                **each.body,
            }
            for each in done.changes
        ],
        "sent": told.sent if told else 0,
        **(channel_document(told) if told else {}),
        "roles_without_address": list(done.silent),
    }


def _lines(done: Tick) -> list[str]:
    lines = [f"{each.part}: {each.message}" for each in done.did]
    lines += [f"changed: {title(each)}" for each in done.changes]
    told = done.told
    if told is not None:
        if told.sent:
            lines.append(f"alerts: {told.sent} sent")
        lines += channel_lines(told, silent=done.silent)
    if not done.did and not done.changes:
        lines.insert(0, f"nothing changed: {done.contracts} contracts at {output.cell(done.at)}")
    return lines
