"""How single things are written in a pack: values, hidden values, limits, counts.

A value from a warehouse is written in one short line in which nothing is invisible: a mark that
turns the direction of writing would show another account than the one that is meant.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from activation_pipeline.notation import without_addresses, written_duration
from activation_pipeline.verdict import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from activation_pipeline.contract import Contract

    Write = Callable[[Any], str]

_LONGEST = 60


def visible(text: object) -> str:
    """Write text in one line; what has no shape of its own is written as its code."""
    return "".join(
        " "
        if c == "\n"
        else c
        if c.isprintable()
        else c.encode("unicode_escape", "backslashreplace").decode("ascii")
        for c in str(text)
    )


def shown(value: object) -> str:
    """Write one value in at most sixty characters; null and empty text are both empty."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return f"{moment:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:g}"
    text = visible(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def hidden(value: object) -> str:
    """Say only whether there is a value."""
    return "empty" if value is None or value == "" else "set"


def key_as_shown(key: object) -> str:
    """Write a key for who may see values."""
    return shown(key) if key else "(no key)"


def key_as_hidden(key: object) -> str:
    """Write a key so that it can be looked up; an address of a person is masked in it."""
    return without_addresses(key_as_shown(key))


def number(value: float | None) -> str:
    """Write what a gate observed, or its limit; a dash for none."""
    return "-" if value is None else f"{value:g}"


def limits(found: Mapping[str, Any]) -> str:
    """Write the limits of a section in one line: ``rejected above 2%, failed runs 2``."""
    return ", ".join(_limit(name, value) for name, value in found.items())


def _limit(name: str, value: Any) -> str:
    written = value
    if isinstance(value, float):
        written = percent(value)
    elif isinstance(value, timedelta):
        written = written_duration(value)
    return f"{name.replace('_', ' ')} {written}"


def caveats(contract: Contract) -> str:
    """Write how a launch is limited; nothing where it is not."""
    found = contract.launch.caveats
    if found is None:
        return ""
    if found.at_most is not None:
        return f"at most {found.at_most:,} records"
    if found.share is not None:
        return f"{percent(found.share)} of the eligible records"
    if found.fields is not None:
        return f"only {', '.join(found.fields)}"
    return "nothing is sent, changes are only reported"
