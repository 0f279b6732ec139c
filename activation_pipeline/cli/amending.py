"""What undoing and expiring share on the command line: each destination in turn, and its report."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from activation_pipeline.cli import exits, output
from activation_pipeline.errors import ActivationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from activation_pipeline.expire.report import Expired
    from activation_pipeline.rollback.report import RolledBack

Amended = TypeVar("Amended", "Expired", "RolledBack")


def in_each(
    destinations: Iterable[str],
    amend: Callable[[str], Amended],
    own: Callable[[Amended], dict[str, Any]],
    *,
    as_json: bool,
) -> list[dict[str, Any]]:
    """Amend every destination, and show each at once; one that fails does not keep the others.

    Args:
        destinations: by name.
        amend: does it in one of them.
        own: what its document has besides what all have.
        as_json: show nothing; the documents are shown by whoever called.
    """
    documents = []
    for destination in destinations:
        try:
            done = amend(destination)
        except ActivationError as error:
            if not as_json:
                output.note(exits.told(error))
            failed = {"headline": str(error), "exit_code": exits.code_of_error(error)}
            documents.append(
                {"destination": destination, **failed, "error": exits.error_document(error)}
            )
            continue
        if not as_json:
            output.show(_lines(done))
        documents.append(_document(done, own(done)))
    return documents


def _code(done: Expired | RolledBack) -> int:
    if done.is_whole:
        return exits.DONE
    sent = (exits.code_of_outcome(report.outcome) for report in done.reports)
    return max([exits.DELIVERED_IN_PART, *sent])


def _document(done: Expired | RolledBack, own: dict[str, Any]) -> dict[str, Any]:
    return {
        "destination": done.destination,
        "plan": done.plan,
        "dry_run": done.dry_run,
        "headline": done.headline,
        "exit_code": _code(done),
        **own,
        "left_alone": {reason: asdict(each) for reason, each in done.tally.left.items()},
        "sent": [
            {"plan": each.plan, "outcome": each.outcome, **asdict(each.totals)}
            for each in done.reports
        ],
    }


def _lines(done: Expired | RolledBack) -> list[str]:
    lines = [done.headline]
    for reason, each in sorted(done.tally.left.items()):
        more = f" and {each.count - len(each.keys):,} more" if each.count > len(each.keys) else ""
        lines.append(f"  {reason}: {', '.join(each.keys)}{more}")
    return [*lines, *(f"  {each.headline}" for each in done.reports)]
