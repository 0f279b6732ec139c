"""What the board reads: the contracts as their files are now, the ledger, the snapshots.

Contracts are read again once a file, the dbt manifest or the day has changed, because checking
fifty of them takes longer than making a page. Reading shares one runtime among threads; whatever
writes opens its own, since clients of destinations belong to one thread.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from activation_pipeline.alerts import read_channels
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.loading import check_all
from activation_pipeline.manifest import read_manifest
from activation_pipeline.runbook import ADDRESS
from activation_pipeline.runtime import open_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.alerts import Channel
    from activation_pipeline.loading import Checked
    from activation_pipeline.manifest import Manifest
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.settings import Settings


@dataclass(frozen=True)
class Installation:
    """One installation as the board sees it.

    ``runtime`` is for reading, by any thread; ``opened`` gives one of its own to what writes.
    ``contracts`` gives every contract file as it is now; ``clock`` tells the time, UTC.
    ``channels`` are where each role hears of changes; ``runbook`` is where the runbook is served.
    """

    runtime: Runtime
    contracts: Callable[[], Mapping[str, Checked]]
    opened: Callable[[], AbstractContextManager[Runtime]]
    clock: Callable[[], datetime]
    channels: Mapping[str, tuple[Channel, ...]] = field(default_factory=dict)
    runbook: str | None = None


@contextmanager
def open_installation(
    settings: Settings, *, clock: Callable[[], datetime]
) -> Iterator[Installation]:
    """Open an installation for as long as the block lasts.

    Raises:
        ConfigurationError: no contracts folder, or the ledger does not open.
    """
    folder = ContractsFolder(settings.contracts, settings.manifest, clock)
    folder.read()

    @contextmanager
    def opened() -> Iterator[Runtime]:
        own = open_runtime(settings)
        try:
            yield own
        finally:
            own.close()

    runtime = open_runtime(settings, reads_only=True)
    try:
        channels = read_channels(settings.environment)
        address = settings.environment.get(ADDRESS) or None
        yield Installation(runtime, folder.read, opened, clock, channels, address)
    finally:
        runtime.close()


class ContractsFolder:
    """The contract files, checked again only after a change."""

    def __init__(self, folder: Path, manifest: Path, clock: Callable[[], datetime]) -> None:
        """Read the files of a folder, against dbt's manifest where there is one."""
        self._folder = folder
        self._manifest = manifest
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: object = None
        self._found: Mapping[str, Checked] = {}

    def read(self) -> Mapping[str, Checked]:
        """Check every file, or give what was found when they were as they are now.

        Raises:
            ConfigurationError: there is no such folder.
        """
        if not self._folder.is_dir():
            raise ConfigurationError(
                f"ACTIVATION_CONTRACTS: {self._folder.name}/ is not a folder; name the folder"
            )
        with self._lock:
            today = self._clock().date()
            files = (*sorted(self._folder.iterdir()), self._manifest)
            seen = (today, tuple(_state(file) for file in files))
            if seen != self._seen:
                found = check_all(self._folder, today=today, manifest=self._read_manifest())
                self._found = {name: _in_short(each) for name, each in found.items()}
                self._seen = seen
            return self._found

    def _read_manifest(self) -> Manifest | None:
        """Read dbt's manifest; while dbt writes it, contracts are checked without it."""
        try:
            return read_manifest(json.loads(self._manifest.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def _in_short(checked: Checked) -> Checked:
    """Name a file by its folder and its name: where that lies is nobody's business on a page."""
    file = "/".join(checked.file.split("/")[-2:])
    problems = tuple(replace(problem, file=file) for problem in checked.problems)
    return replace(checked, file=file, problems=problems)


def _state(file: Path) -> tuple[str, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (file.name, 0, 0)
    return (file.name, found.st_mtime_ns, found.st_size)
