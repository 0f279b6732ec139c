"""The command that does what acts by itself, for cron or beside Dagster.

Its options and help; what it does is in its own module.
"""

import re
from datetime import timedelta
from typing import Annotated

import typer
from pydantic_core import PydanticCustomError

from activation_pipeline.cli.app import AsJson, app
from activation_pipeline.notation import parse_duration

_SECONDS = re.compile(r"([1-9][0-9]{0,5})s")


def _interval(text: str) -> timedelta:
    """Read how long to wait between two looks: 60s, 5m, 1h."""
    seconds = _SECONDS.fullmatch(text)
    if seconds:
        return timedelta(seconds=int(seconds[1]))
    try:
        return parse_duration(text)
    except PydanticCustomError:
        raise typer.BadParameter(f"{text!r} is no interval; write 60s, 5m or 1h") from None


@app.command(epilog="Example: activation watch --every 60s")
def watch(
    *,
    every: Annotated[
        timedelta | None,
        typer.Option(
            parser=_interval, metavar="INTERVAL", help="Look again and again; left out: once."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Do once what acts by itself: pause rules, expiry, alerts.

    Dagster's sensors do the same; from cron it also finds that Dagster is dead. Says what changed,
    which alert channel fails, and which role has no address. Ends with 1 where an alert waits for a
    role without address, and with 5 where a channel or a destination failed.
    """
    from activation_pipeline.cli import watch as command  # noqa: PLC0415 - keeps --help quick

    command.run(every, as_json=as_json)
