"""The board: one page of all contracts, worst first, and one page for each.

Plain HTML made on the server out of the ledger and the snapshots, so that it answers while the
warehouse is locked and destinations are down. Pausing, resuming and signing from it are the use
cases of the command line; nothing is decided here.
"""

from __future__ import annotations

from activation_pipeline.board.app import create_board
from activation_pipeline.board.door import Door, open_door
from activation_pipeline.board.installation import (
    ContractsFolder,
    Installation,
    open_installation,
)
from activation_pipeline.board.server import serve

__all__ = [
    "ContractsFolder",
    "Door",
    "Installation",
    "create_board",
    "open_door",
    "open_installation",
    "serve",
]
