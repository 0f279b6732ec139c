"""One contract file, or a folder of them, to contracts or to all their problems.

This is the order of the work and nothing else: text, document, shape, rules, and for a
folder the rules between contracts. A malformed file fails alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from activation_pipeline.contract import Contract
from activation_pipeline.errors import ContractError, Problem
from activation_pipeline.loading.document import START, Fault, Node, Position, read_document
from activation_pipeline.loading.ownership import conflicts
from activation_pipeline.loading.places import Finding, position_of, problems
from activation_pipeline.loading.rules import findings_of
from activation_pipeline.loading.shape import draft
from activation_pipeline.loading.text import read_text
from activation_pipeline.loading.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from activation_pipeline.manifest import Manifest

ENDING = ".yaml"
_OTHER_ENDINGS = frozenset({".yaml", ".yml"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Checked:
    """What became of one file: its contract, when no error was found, and every problem.

    ``problems`` is in file order and includes warnings. ``sections`` holds what is right by
    itself, also in a file that is wrong elsewhere.
    """

    file: str
    contract: Contract | None
    problems: tuple[Problem, ...]
    sections: Mapping[str, Any] = field(default_factory=dict, repr=False)
    root: Node | None = field(default=None, repr=False)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Leave the warnings out."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def result(self) -> Contract | ContractError:
        """Give the contract, or the error that carries all problems."""
        return self.contract or ContractError(self.problems)

    def position(self, *path: str | int) -> Position:
        """Locate a part of the contract in its file, by its path; the file's start if absent."""
        return START if self.root is None else position_of(self.root, path, at_key=True)


def load(path: Path, *, today: date, manifest: Manifest | None = None) -> Contract:
    """Read one contract.

    Args:
        path: the YAML file; its name without the ending is the contract's name.
        today: the day on which a first review may not be past.
        manifest: the dbt project's; models and columns are not checked without it.

    Raises:
        ContractError: carries every problem of the file; fix the file.
    """
    checked = check(path, today=today, manifest=manifest)
    if checked.contract is None:
        raise ContractError(checked.problems)
    return checked.contract


def load_all(
    folder: Path, *, today: date, manifest: Manifest | None = None
) -> dict[str, Contract | ContractError]:
    """Read every contract of a folder; a malformed file is there with its error, alone.

    Returns:
        By file name without ``.yaml``, sorted; unprintable characters of a name are escaped.
    """
    found = check_all(folder, today=today, manifest=manifest)
    return {name: checked.result for name, checked in found.items()}


def check(path: Path, *, today: date, manifest: Manifest | None = None) -> Checked:
    """Find every problem of one file, warnings included; never raises for what it holds."""
    file = _printable(path.as_posix())
    name_faults = _name_faults(path)
    text = read_text(path)
    if not isinstance(text, str):
        return Checked(file, None, _sorted(_from_faults(file, [*name_faults, text])))
    document = read_document(text)
    damage = _from_faults(file, document.faults)
    if document.root is None:
        return Checked(file, None, _sorted(_from_faults(file, name_faults), damage))
    shape = draft(document.root)
    judged = findings_of(shape.parts, today=today, manifest=manifest)
    found = _first_words(
        damage,
        problems(file, document.root, shape.findings),
        problems(file, document.root, judged),
    )
    every = _sorted(_from_faults(file, name_faults), found)
    is_right = all(problem.severity == "warning" for problem in every)
    contract = Contract(name=path.stem, **shape.sections) if is_right else None
    return Checked(file, contract, every, shape.sections, document.root)


def check_all(folder: Path, *, today: date, manifest: Manifest | None = None) -> dict[str, Checked]:
    """Find every problem of every contract file in a folder, those between contracts too.

    Hidden files and other endings are left alone; ``.yml`` is a problem, because a contract
    that is silently not there is worse.
    """
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _OTHER_ENDINGS and not path.name.startswith(".")
    )
    found = {
        _printable(path.stem if path.suffix == ENDING else path.name): check(
            path, today=today, manifest=manifest
        )
        for path in paths
    }
    clashes = conflicts({name: checked.sections for name, checked in found.items()})
    return {name: _with(checked, clashes.get(name, ())) for name, checked in found.items()}


def _with(checked: Checked, findings: tuple[Finding, ...]) -> Checked:
    if not findings or checked.root is None:
        return checked
    found = problems(checked.file, checked.root, findings)
    every = _sorted(checked.problems, found)
    return Checked(checked.file, None, every, checked.sections, checked.root)


def _first_words(*stages: list[Problem]) -> list[Problem]:
    """Join what each stage found; about one place the earliest stage has the word."""
    found: list[Problem] = []
    for stage in stages:
        damaged = {(one.line, one.column) for one in found if not one.path}
        spoken = {(one.line, one.column, one.path) for one in found}
        found += [
            one
            for one in stage
            if (one.line, one.column) not in damaged
            and (one.line, one.column, one.path) not in spoken
        ]
    return found


def _name_faults(path: Path) -> list[Fault]:
    if path.suffix != ENDING:
        message = f"the file's name ends in {shown(path.suffix)}; contracts end in {ENDING}"
        return [Fault(START, "file_ending", message)]
    if _NAME.fullmatch(path.stem):
        return []
    message = (
        f"the file's name {shown(path.stem)} is no contract name; "
        "write lower-case letters, digits and _, a letter first, at most 63 characters"
    )
    return [Fault(START, "file_name", message)]


def _from_faults(file: str, faults: Iterable[Fault]) -> list[Problem]:
    return [
        Problem(file, fault.position.line, fault.position.column, "", fault.code, fault.message)
        for fault in faults
    ]


def _sorted(*stages: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problem for stage in stages for problem in stage))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
