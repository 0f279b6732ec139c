"""What an undo did, or would do: counted by records, said in words, never with a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from activation_pipeline.amending.tally import Tally

if TYPE_CHECKING:
    from activation_pipeline.amending.ours import Row
    from activation_pipeline.report import Report
    from activation_pipeline.rollback.restoration import Undone

# Somebody has to look: not left alone on purpose, but because it could not be undone.
_UNDONE_IN_PART = frozenset(
    {"cannot_restore", "not_checked", "unanswered", "ambiguous_in_destination",
     "other_record_in_destination"}
)  # fmt: skip
_GREEN = frozenset({"delivered", "nothing_to_send"})
# Held back by an undo that goes on later: meanwhile somebody changed it, or may not come back.
OVERTAKEN, BARRED = "changed_since", "barred"


def deed(found: Undone) -> str | None:
    """Say what is done with a row: ``restored``, ``cleared``, ``removed`` or ``rejoined``.

    ``cleared`` has all of its fields emptied; None: nothing is done.
    """
    return _deed(found.row) if found.row is not None else None


def _deed(row: Row) -> str:
    if row["operation"] in {"add", "remove"}:
        return "rejoined" if row["operation"] == "add" else "removed"
    written = [n.removeprefix("write:") for n, on in row.items() if n.startswith("write:") and on]
    return "restored" if any(row[f"after:{name}"] is not None for name in written) else "cleared"


@dataclass(frozen=True)
class RolledBack:
    """What an undo did in one destination, or would do.

    ``plan`` was undone (None: nothing was ever delivered), by the plan ``restoring`` (None: nothing
    was to be put back). ``reports`` say what became of the rows that were sent: an interrupted
    undo's first, then this one's.
    """

    contract: str
    destination: str
    plan: str | None
    restoring: str | None = None
    tally: Tally = field(default_factory=Tally)
    reports: tuple[Report, ...] = ()
    dry_run: bool = False

    @property
    def is_whole(self) -> bool:
        """Say whether all that should be undone was; what was left on purpose does not count."""
        arrived = all(each.outcome in _GREEN and _is_meant(each) for each in self.reports)
        return arrived and not _UNDONE_IN_PART.intersection(self.tally.left)

    @property
    def changes_nothing(self) -> bool:
        """Say whether nothing was, or would be, written."""
        return self.restoring is None and not self.reports

    @property
    def headline(self) -> str:
        """Say it in one line, with counts and never a value."""
        where = f"{self.contract}: {self.destination}"
        if self.plan is None:
            return f"{where}: nothing was ever delivered; nothing to undo"
        left = ", ".join(f"{each.count} {reason}" for reason, each in self.tally.left.items())
        return f"{where}: plan {self.plan}: {self._done}{'; left alone: ' + left if left else ''}"

    @property
    def _done(self) -> str:
        if self.changes_nothing:
            return "nothing of ours is left to undo; nothing was written"
        done = [f"{count} {deed}" for deed, count in sorted(self.tally.done.items())]
        if self.dry_run:
            return f"would be undone: {', '.join(done)}"
        finished = self.reports[:-1] if self.restoring else self.reports
        done += [f"{each.totals.accepted} of an interrupted undo" for each in finished]
        lost = sum(each.totals.rejected + each.totals.unknown for each in self.reports)
        return f"undone: {', '.join(done)}{f'; {lost} did not arrive' if lost else ''}"


def _is_meant(report: Report) -> bool:
    """Say whether what was held back at send was held back on purpose."""
    return all(code.partition(":")[0] in {OVERTAKEN, BARRED} for code in report.faults)
