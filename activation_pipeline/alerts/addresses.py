"""Where each role hears of changes: addresses from the settings, which are secrets.

An address is an apprise URL, and often holds a token. So it is handed on as a ``Channel``, which
shows its kind and a digest only, and is unwrapped in the one place that sends.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "ACTIVATION_ALERT_"
# An address may hold commas itself, so the next one begins where there is a kind again.
_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+-]*://)")
_KIND = re.compile(r"([A-Za-z][A-Za-z0-9+-]*)://")


class Channel:
    """One address of a role; shown as its kind and a digest of it."""

    __slots__ = ("_address", "name")

    def __init__(self, address: str) -> None:
        """Keep the address out of sight."""
        kind = _KIND.match(address)
        digest = hashlib.sha256(address.encode()).hexdigest()[:8]
        self.name = f"{kind[1].lower() if kind else 'unknown'}-{digest}"
        self._address = address

    def __repr__(self) -> str:
        return f"Channel({self.name})"

    def reveal(self) -> str:
        """Give the address to whoever sends to it, and to nobody else."""
        return self._address


def read_channels(environment: Mapping[str, str]) -> dict[str, tuple[Channel, ...]]:
    """Read ``ACTIVATION_ALERT_<ROLE>``, addresses separated by spaces or commas: role -> channels.

    Whether an address works shows when something is sent there; an empty setting is no address.
    """
    found = {
        name.removeprefix(PREFIX).lower(): tuple(
            Channel(address) for address in _BETWEEN.split(value.strip(" ,\t\r\n")) if address
        )
        for name, value in environment.items()
        if name.startswith(PREFIX) and len(name) > len(PREFIX)
    }
    return {role: channels for role, channels in found.items() if channels}
