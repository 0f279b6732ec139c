"""Exit codes, and the one place where an error becomes one.

Scripts and schedulers read the code, people read the message: never a traceback for an
error of this package. A command that reports several deliveries ends with the highest code.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from activation_pipeline.errors import (
    ActivationError,
    ContractError,
    PermanentError,
    RefusedError,
    RetryableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

DONE = 0
WRONG_CONTRACT_OR_SETTINGS = 1
REFUSED = 3
DELIVERED_IN_PART = 4
DESTINATION_FAILED = 5
INTERRUPTED = 130
JSON_WANTED = "activation_pipeline.cli.json"

_OUTCOMES = {"delivered_in_part": DELIVERED_IN_PART, "rejected": DESTINATION_FAILED}


def code_of_error(error: ActivationError) -> int:
    """Say which exit code an error ends with."""
    if isinstance(error, RefusedError):
        return REFUSED
    if isinstance(error, RetryableError | PermanentError):
        return DESTINATION_FAILED
    return WRONG_CONTRACT_OR_SETTINGS


def code_of_outcome(outcome: str) -> int:
    """Say which exit code a finished delivery ends with."""
    return _OUTCOMES.get(outcome, DONE)


def error_document(error: ActivationError) -> Mapping[str, Any]:
    """Describe an error for ``--json``: kind, message, exit code, and what the kind adds."""
    document: dict[str, Any] = {
        "kind": type(error).__name__.removesuffix("Error").lower(),
        "message": str(error),
        "exit_code": code_of_error(error),
        "runbook": _what_to_do(error),
    }
    if isinstance(error, RefusedError):
        document["clause"] = error.clause
    if isinstance(error, ContractError):
        document["problems"] = [vars(problem) for problem in error.problems]
    if isinstance(error, RetryableError):
        document["retry_after_s"] = error.retry_after
    return document


def told(error: ActivationError) -> str:
    """Say what went wrong, and below it where to read what to do about it."""
    return f"{error}\nwhat to do: {_what_to_do(error)}"


def _what_to_do(error: ActivationError) -> str:
    # It loads contracts, which `--help` can do without.
    from activation_pipeline.cli import opening  # noqa: PLC0415 - see above

    return opening.what_to_do(error.section)


class Commands(TyperGroup):
    """A group of commands whose errors end in a message and a code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error is told on standard error, as JSON on standard output too."""
        try:
            return super().invoke(ctx)
        except ActivationError as error:
            typer.echo(told(error), err=True)
            if ctx.meta.get(JSON_WANTED):
                typer.echo(json.dumps({"error": error_document(error)}, indent=2))
            raise typer.Exit(code_of_error(error)) from None
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
