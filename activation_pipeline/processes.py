"""Which processes of this machine live: for leases, and for folders that a killed one left.

A pid alone names nobody, since it is used again; with its start it does.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

_DEAD = frozenset("ZXx")


def this_host() -> str:
    """Name this machine."""
    return socket.gethostname()


def started(pid: int) -> str:
    """Tell when a living process of this machine started, in clock ticks; empty: there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        state, *rest = status.rpartition(")")[2].split()
        # A dead process that its parent has not asked about yet is listed, and sends nothing.
        return "" if state in _DEAD else rest[18]
    except OSError:
        pass  # no such process, or a system without /proc: ask the kernel
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "running"
    return "running"
