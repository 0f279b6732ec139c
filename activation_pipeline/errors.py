"""What can go wrong, told apart by what the caller should do about it.

Every error of the package is one of these, so a caller never has to read a message to
decide: fix the file, leave it, wait and try again, or give up. Messages carry keys and
counts, never field values, addresses of people or tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from activation_pipeline import runbook

if TYPE_CHECKING:
    from collections.abc import Iterable


class ActivationError(Exception):
    """Something that this package refuses or failed to do, said in one line.

    ``section`` is the runbook's that says what to do.
    """

    section: str

    @property
    def runbook(self) -> str:
        """Link to what to do, in the page that this package comes with."""
        return runbook.link(self.section)


class ConfigurationError(ActivationError):
    """A setting or a folder is missing or wrong; fix the environment, then run again."""

    section = "settings"


class WarehouseError(ActivationError):
    """The warehouse cannot answer: no such relation or column, or a broken file."""

    section = "warehouse"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a contract file.

    ``line`` and ``column`` count from 1; ``code`` is stable and meant for programs;
    ``path`` is dotted (``gates.match_rate.at_least``); ``severity`` is ``error`` or ``warning``.
    """

    file: str
    line: int
    column: int
    path: str
    code: str = field(compare=False)
    message: str = field(compare=False)
    severity: str = field(default="error", compare=False)

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ContractError(ActivationError):
    """A contract file is wrong; fix the file. Carries every problem found, not the first."""

    section = "contract"

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in file order."""
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RefusedError(ActivationError):
    """A safety rule said no. Never retry: a person has to act first.

    ``clause`` names the gate or rule that refused, as the contract spells it.
    """

    def __init__(self, message: str, *, clause: str) -> None:
        """Say which clause refused."""
        self.clause = self.section = clause
        super().__init__(message)


class RetryableError(ActivationError):
    """The far side or the warehouse cannot answer now; trying again later may work.

    ``retry_after`` is in seconds where the far side named one.
    """

    section = "no_answer"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """Keep the wait that was asked for."""
        self.retry_after = retry_after
        super().__init__(message)


class PermanentError(ActivationError):
    """The far side refuses for good (credentials, permission, mapping); a person has to act."""

    section = "destination_refuses"
