"""Contract files to contracts, with every problem of a file at once.

A file is read safely, its shape is compared with the models, then come the rules between
sections, against the dbt manifest, and between contracts. Nothing is executed and no
warehouse or destination is asked; ``today`` is an argument.
"""

from __future__ import annotations

from activation_pipeline.loading.files import Checked, check, check_all, load, load_all
from activation_pipeline.loading.schema import json_schema

__all__ = ["Checked", "check", "check_all", "json_schema", "load", "load_all"]
