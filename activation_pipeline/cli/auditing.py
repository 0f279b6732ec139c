"""The command of whoever doubts the ledger: is it still what was written?

Its options and help; what it does is in its own module.
"""

import re
from typing import Annotated

import typer

from activation_pipeline.cli.app import AsJson, app

_HEAD = re.compile(r"[0-9a-f]{64}")


def _whole(head: str | None) -> str | None:
    """Refuse what is no head, so that a slip of the hand is not taken for a broken chain."""
    if head is not None and not _HEAD.fullmatch(head.strip().lower()):
        raise typer.BadParameter("write all 64 digits of a head that activation verify printed")
    return head.strip().lower() if head else None


@app.command(epilog="Example: activation verify --json")
def verify(
    *,
    head: Annotated[
        str | None,
        typer.Option(help="A head that was kept: is it still on the chain?", callback=_whole),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether the ledger's words are still what was written.

    Gate results, decisions, plan approvals, pauses and incidents are chained. Names the first one
    that was changed, removed, moved or added past this package, and ends with 3. An end that was
    cut off is found only with a head that was kept elsewhere.
    """
    from activation_pipeline.cli import verify as command  # noqa: PLC0415 - keeps --help quick

    command.run(head, as_json=as_json)
