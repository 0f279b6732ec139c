"""Who hears of what: changes of a contract's standing, once each, to the roles that it names.

Noticing writes the ledger, sending needs the network: two steps, so that a channel that is down
never keeps a change from being noticed, nor anything else from being done.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from activation_pipeline.alerts.addresses import PREFIX, Channel, read_channels
from activation_pipeline.alerts.message import Links, read_links
from activation_pipeline.alerts.noticing import Look, changes
from activation_pipeline.alerts.telling import Failing, Told, due, tell, told
from activation_pipeline.standing import known, standings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from activation_pipeline.loading import Checked
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.transition import Transition

__all__ = [
    "PREFIX",
    "Channel", "Failing", "Links", "Told", "alerted_roles", "due", "notice", "read_channels",
    "read_links", "silent_roles", "tell", "told",
]  # fmt: skip


def notice(
    name: str, checked: Checked, runtime: Runtime, *, now: datetime
) -> tuple[Transition, ...]:
    """Note what changed about one contract since anybody looked, with a notice to each role.

    A malformed file's roles are those that it names where that part is right, else who was told
    last.
    """
    found = standings({name: checked}, runtime, now=now)[name]
    look = Look(found, now, known(checked, "monitoring", "restarted_by"))
    new = runtime.ledger.transitions.look(
        name, partial(changes, look), roles=alerted_roles(checked), now=now
    )
    return tuple(each for each in new if each.is_told)


def alerted_roles(checked: Checked) -> tuple[str, ...]:
    """List the roles that a contract's file wants told, as far as it can be read."""
    return tuple(known(checked, "monitoring", "alert") or ())


def silent_roles(
    every: Iterable[Checked], channels: Mapping[str, tuple[Channel, ...]]
) -> tuple[str, ...]:
    """List the roles that contracts want told and that have no address."""
    wanted = {role for checked in every for role in alerted_roles(checked)}
    return tuple(sorted(wanted - set(channels)))
