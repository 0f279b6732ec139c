"""``activation review``: the pack for the launch review, as Markdown, HTML or JSON.

The page of HTML is a file of its owner's alone: with ``--show-values`` it has values of real
records in it. Everything else goes to standard output, where values are hidden unless asked for.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from activation_pipeline.cli import opening, output
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.review import pack
from activation_pipeline.review.rendering import html, markdown


@dataclass(frozen=True)
class Asked:
    """What to show: an older plan, values, and the file of the page; None: Markdown."""

    plan: str | None
    html: Path | None
    show_values: bool


def run(name: str, asked: Asked, *, as_json: bool) -> None:
    """Build the pack from the contract and its plan, and write it in the form that was asked for.

    Raises:
        ConfigurationError: the plan is not there, or the page cannot be written.
    """
    found = opening.settings()
    contract = opening.contract(found, name)
    with opening.runtime(found) as runtime:
        made = pack(
            contract,
            runtime,
            now=opening.now(),
            plan=asked.plan,
            show_values=asked.show_values,
        )
    if asked.html is not None:
        _write(asked.html, html(made))
    if as_json:
        output.show_json(asdict(made) | {"html": asked.html})
    elif asked.html is not None:
        said = "values of the sample are shown" if made.shows_values else "values are hidden"
        typer.echo(f"{output.printable(str(asked.html))}: written, {said}")
    else:
        typer.echo(markdown(made), nl=False)


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written ({error.strerror})") from None
