"""Who may speak for a role, where the installation says so.

A contract names roles; which people they are is a setting of the installation, so that nobody
edits a contract when somebody leaves. Where nothing is set for a role, a name is taken at its
word and kept for the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from activation_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "ACTIVATION_PEOPLE_"


def read_people(environment: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Read ``ACTIVATION_PEOPLE_<ROLE>``, names separated by commas: role -> names, folded."""
    return {
        name.removeprefix(PREFIX).lower(): frozenset(map(_folded, value.split(","))) - {""}
        for name, value in environment.items()
        if name.startswith(PREFIX) and len(name) > len(PREFIX)
    }


def check_speaker(role: str, by: str, people: Mapping[str, frozenset[str]], *, clause: str) -> None:
    """Refuse a word of somebody who may not speak for a role; an empty list means nobody may.

    Raises:
        RefusedError: names the role and the setting, not the people.
    """
    may = people.get(role)
    if may is not None and _folded(by) not in may:
        raise RefusedError(
            f"{role}: whoever spoke is not one of the {len(may)} people of this role; ask one of "
            f"them, or have {PREFIX}{role.upper()} changed",
            clause=clause,
        )


def _folded(name: str) -> str:
    return name.strip().casefold()
