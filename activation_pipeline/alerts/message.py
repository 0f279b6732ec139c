"""What an alert says: a short title, and the facts that somebody at three in the morning needs.

Reasons and messages were written by people or come from a warehouse, and end in a chat that may
obey them: so they lose line ends, markup, mentions and links before they are put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from activation_pipeline import runbook
from activation_pipeline.notation import without_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from activation_pipeline.transition import Transition

BOARD = "ACTIVATION_BOARD_URL"
_LONGEST = 400
_TITLE = 160
# What a chat takes for markup, mentions ("@channel", "<!here>") or links becomes plain signs.
_HARMLESS = str.maketrans("<>[]|`~\\", "()()/'-/", "*#") | {ord("@"): " at "}
_WORDS = {"pause_ended": "pause ended by itself", "seen": "seen", "changed": "changed"}
_CAUSED = frozenset({"blocked", "paused", "expired"})


@dataclass(frozen=True)
class Links:
    """Where the runbook and the board are served; None: the page in the repository, no board."""

    runbook: str | None = None
    board: str | None = None


def read_links(environment: Mapping[str, str]) -> Links:
    """Read where the runbook and the board are."""
    return Links(environment.get(runbook.ADDRESS) or None, environment.get(BOARD) or None)


def plain(text: str) -> str:
    """Write foreign text in one short line that no chat obeys; addresses are masked."""
    seen = "".join(c if c.isprintable() else " " for c in without_addresses(text))
    words = " ".join(seen.replace("->", "→").replace("://", ": //").translate(_HARMLESS).split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def title(transition: Transition) -> str:
    """Say what changed, in one line that fits a phone."""
    word = _WORDS.get(transition.kind, transition.kind)
    where = f" ({plain(transition.destination)})" if transition.destination else ""
    clause = transition.clause if transition.kind in _CAUSED else None
    named = f" by {plain(clause)}" if clause and clause != "not_paused" else ""
    start = f"{plain(transition.contract)}: {word}{where}{named}"
    message = plain(str(transition.body.get("message") or ""))
    whole = f"{start} ({message})" if message else start
    return whole if len(whole) <= _TITLE else f"{whole[: _TITLE - 2]}…)"


def text(transition: Transition, links: Links) -> str:
    """Give the facts, one a line; what is not known is left out."""
    body = transition.body
    step = body.get("next") or {}
    clause = transition.clause
    facts = {
        "what": plain(str(body.get("message") or "")),
        "clause": clause,
        "destination": transition.destination,
        "since": _moment(body.get("since")),
        "until": _moment(body.get("until")),
        "by": body.get("by"),
        "plan": body.get("plan"),
        "owner": body.get("owner"),
        "may restart": body.get("restarted_by"),
        "next": ": ".join(filter(None, (step.get("role"), step.get("what")))),
        "command": step.get("command"),
        "stands now": body.get("stands"),
        "noticed": _moment(transition.at.isoformat()),
    }
    lines = [f"{name}: {plain(str(value))}" for name, value in facts.items() if value]
    if clause:
        lines.append(f"what to do: {runbook.link(clause, links.runbook)}")
    if links.board:
        lines.append(f"board: {links.board.rstrip('/')}/contracts/{transition.contract}")
    return "\n".join(lines)


def _moment(value: Any) -> str | None:
    return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M} UTC" if value else None
