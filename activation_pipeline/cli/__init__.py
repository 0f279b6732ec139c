"""The ``activation`` command: what a person types, at a desk or at three in the morning.

Commands read settings, call one use case each and show what came back; they decide nothing.
Importing this package stays cheap: use cases are imported by the command that needs them.
"""

from __future__ import annotations

from activation_pipeline.cli import auditing, on_call, ruling, watching  # noqa: F401 - commands join
from activation_pipeline.cli.app import app, main

__all__ = ["app", "main"]
