"""Where the tests' folders are, and the longest files first: neither a disk nor a worker waits."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# They start whole processes: dbt, Dagster, the demo from its beginning to its end.
LONGEST = ("test_readme.py", "test_demo_data.py", "orchestration")

_MEMORY = Path("/dev/shm")  # noqa: S108 - a fresh folder in it
_ENOUGH_BYTES = 2 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Keep all folders of the tests in memory where there is room: ledgers commit to disk often.

    Workers are told by the process that starts them; who names ``--basetemp`` has it there.
    """
    is_told = config.option.basetemp is not None
    if is_told or not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ENOUGH_BYTES:
        return
    folder = tempfile.mkdtemp(prefix="activation-", dir=_MEMORY)
    config.option.basetemp = Path(folder) / "tests"
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files, and leave the order within them."""

    def place(item: pytest.Item) -> int:
        parts = item.path.parts
        return next((n for n, name in enumerate(LONGEST) if name in parts), len(LONGEST))

    items.sort(key=place)
