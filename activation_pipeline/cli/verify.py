"""``activation verify``: walk the chain over the ledger's words and say what was touched."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from activation_pipeline.cli import exits, opening, output

if TYPE_CHECKING:
    from activation_pipeline.ledger.chain import Verification


def run(head: str | None, *, as_json: bool) -> None:
    """Walk the chain; ends with 3 where a word is not what was written."""
    with opening.runtime(opening.settings()) as runtime:
        found = runtime.ledger.chain.verify(head)
    if as_json:
        output.show_json(_document(found))
    else:
        output.show(_lines(found, head))
    if not found.is_sound:
        raise typer.Exit(exits.REFUSED)


def _document(found: Verification) -> dict[str, Any]:
    return {
        "sound": found.is_sound,
        "head": found.head,
        "kept_head_is_on_the_chain": found.has_kept,
        "intact": dict(found.intact),
        "older_than_the_chain": found.older,
        "findings": [asdict(each) | {"told": each.told} for each in found.findings],
    }


def _lines(found: Verification, kept: str | None) -> list[str]:
    words = sum(found.intact.values())
    lines = [f"ledger: {words:,} words stand as they were written: {output.counts(found.intact)}"]
    if found.older:
        lines.append(f"{found.older:,} of all are older than the chain, sealed when it began")
    if found.findings:
        count = len(found.findings)
        lines.append(f"ledger: tampered with: {count:,} found; first: {found.findings[0].told}")
    if found.has_kept is False:
        lines.append(f"ledger: tampered with: the kept head {kept} is not on the chain")
    if found.has_kept:
        lines.append("the kept head is on the chain")
    if not found.is_sound:
        lines.append(f"what to do: {opening.what_to_do('ledger')}")
    return [*lines, f"head: {found.head} (keep it elsewhere; --head looks for it again)"]
