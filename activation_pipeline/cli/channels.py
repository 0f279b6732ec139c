"""How alert channels that fail, and roles without an address, are shown by every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from activation_pipeline.alerts import PREFIX
from activation_pipeline.cli import opening, output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from activation_pipeline.alerts import Told


def channel_lines(told: Told, *, silent: Iterable[str] = ()) -> list[str]:
    """Say which channel fails since when, and for which role something waits or nothing can come.

    Args:
        told: what waits.
        silent: more roles that have no address.
    """
    lines = [
        f"alerts: {each.role}: {each.channel} fails since {output.cell(each.since)} "
        f"({each.message}); {each.waiting} wait: {opening.what_to_do('alert_channel')}"
        for each in told.failing
    ]
    waiting = told.without_address
    return lines + [
        f"alerts: {role} has no address, {waiting.get(role, 0)} wait; set {PREFIX}{role.upper()}"
        for role in sorted({*silent, *waiting})
    ]


def channel_document(told: Told) -> dict[str, Any]:
    """Say the same for programs."""
    return {
        "failing": [vars(each) for each in told.failing],
        "waiting_without_address": dict(told.without_address),
    }
