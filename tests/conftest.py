"""Where the tests' folders are, and the longest files first: neither a disk nor a worker waits."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer

# They start whole processes: dbt, Dagster, the demo from its beginning to its end.
LONGEST = ("orchestration", "test_readme.py", "test_demo_data.py")

# dbt builds these tests' company: once, where one worker takes all of them.
TOGETHER = "tests/orchestration/"

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


class ByFile(LoadFileScheduling):
    """One file, one worker; what shares a company that takes long to build is one file here."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Tell pytest-xdist which worker takes what."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files, and leave the order within them."""

    def place(item: pytest.Item) -> int:
        parts = item.path.parts
        return next((n for n, name in enumerate(LONGEST) if name in parts), len(LONGEST))

    items.sort(key=place)
