"""``activation board``: the page of all contracts, until somebody stops it."""

from __future__ import annotations

import signal

import typer

from activation_pipeline.board import open_door, open_installation, serve
from activation_pipeline.cli import opening, output
from activation_pipeline.errors import ConfigurationError


def run(*, host: str, port: int, as_json: bool) -> None:
    """Serve the board and print its address; SIGINT and SIGTERM end it cleanly."""
    found = opening.settings()
    door = open_door(found.environment, host, clock=opening.now)
    # The server puts these back when it ends and raises the signal again: so a stop is no crash.
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with open_installation(found, clock=opening.now) as installation:
        try:
            serve(
                installation,
                door,
                host=host,
                port=port,
                ready=lambda bound: _announce(host, bound, as_json=as_json),
            )
        except OSError as error:
            raise ConfigurationError(
                f"board: {host} port {port} is not available ({error.strerror}); take another, or 0"
            ) from None


def _stop(_signal: int, _frame: object) -> None:
    raise typer.Exit(0)


def _announce(host: str, port: int, *, as_json: bool) -> None:
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if as_json:
        output.show_json({"url": url})
    else:
        output.show([f"board: {url}"])
