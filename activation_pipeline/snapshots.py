"""The files under ``ACTIVATION_HOME``: frozen plans and what each destination holds from us.

A file is written beside its final name and moved there whole, so a reader sees all of it or
none; a published file never changes. What is delivered is a base and small deltas, so that
moving on costs as much as what changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from activation_pipeline import processes
from activation_pipeline.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 1 << 20
_LEFT_S = 3600.0
_WORKSPACE = re.compile(r"(?P<pid>\d+)-(?P<started>[a-z0-9]*)-(?P<host>.*)-[a-z0-9_]+")


@dataclass(frozen=True)
class Snapshots:
    """All snapshot files of one installation."""

    home: Path

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Give a private folder on the same disk, gone afterwards, so that moves are atomic."""
        work = self.home / "work"
        work.mkdir(parents=True, exist_ok=True)
        me = f"{os.getpid()}-{processes.started(os.getpid())}-{processes.this_host()}-"
        folder = Path(tempfile.mkdtemp(prefix=me, dir=work))
        _sweep(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def plan_folder(self, contract: str, plan: str) -> Path:
        """Locate one plan's folder."""
        return self.home / "plans" / contract / plan

    def part(self, contract: str, plan: str, destination: str) -> Path:
        """Locate the changes of one plan for one destination."""
        return self.plan_folder(contract, plan) / f"{destination}.parquet"

    def withheld(self, contract: str, plan: str, destination: str) -> Path:
        """Locate what one plan keeps back for one destination."""
        return self.plan_folder(contract, plan) / f"{destination}.withheld.parquet"

    def population(self, contract: str, plan: str) -> Path:
        """Locate the population that one plan was made from."""
        return self.plan_folder(contract, plan) / "population.parquet"

    def population_of(self, contract: str, plan: str, preparation: int) -> Path:
        """Locate what one preparation found, where several made an equal plan."""
        own = self.plan_folder(contract, plan) / f"population.{preparation}.parquet"
        return own if own.is_file() else self.population(contract, plan)

    def publish_plan(self, folder: Path, contract: str, plan: str) -> None:
        """Move a finished plan folder to its place; an equal plan that is there already stays."""
        final = self.plan_folder(contract, plan)
        final.parent.mkdir(parents=True, exist_ok=True)
        if not final.exists():
            folder.replace(final)

    def publish_population(self, folder: Path, contract: str, plan: str, preparation: int) -> None:
        """Keep the population of an equal plan, too: what changed nothing was still refreshed."""
        source = folder / "population.parquet"
        if source.is_file():
            publish(source, self.plan_folder(contract, plan) / f"population.{preparation}.parquet")

    def delivered_folder(self, contract: str, destination: str) -> Path:
        """Locate what one destination holds from one contract."""
        return self.home / "delivered" / contract / destination

    def delivered(self, contract: str, destination: str) -> tuple[Path | None, tuple[Path, ...]]:
        """Find the newest base and the deltas after it, oldest first; a base may be missing."""
        files = sorted(self.delivered_folder(contract, destination).glob("*.parquet"))
        bases = [file for file in files if file.stem.endswith("-base")]
        base = bases[-1] if bases else None
        since = base.name[:12] if base else ""
        deltas = (f for f in files if not f.stem.endswith("-base") and f.name[:12] > since)
        return base, tuple(deltas)

    def delta(self, contract: str, destination: str, position: int) -> Path:
        """Locate one delivery's delta; ``position`` counts the contract's deliveries there."""
        return self.delivered_folder(contract, destination) / f"{position:012d}.parquet"

    def base(self, contract: str, destination: str, position: int) -> Path:
        """Locate the base that holds everything up to and including one position."""
        return self.delivered_folder(contract, destination) / f"{position:012d}-base.parquet"


def _sweep(mine: Path) -> None:
    """Remove what killed processes of this machine left beside a new workspace.

    Only after an hour, by the clock of the file system: where machines of one name share a disk,
    a process that is not seen here may live there.
    """
    now = mine.stat().st_mtime
    for folder in mine.parent.iterdir():
        named = _WORKSPACE.fullmatch(folder.name)
        if named is None or named["host"] != processes.this_host():
            continue
        with suppress(FileNotFoundError):
            is_old = now - folder.stat().st_mtime > _LEFT_S
            if is_old and processes.started(int(named["pid"])) != named["started"]:
                shutil.rmtree(folder, ignore_errors=True)


def publish(source: Path, final: Path) -> None:
    """Move one finished file to its place, durably."""
    final.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(final)


def content_hash(path: Path) -> str:
    """Hash a file's bytes: SHA-256, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def verify_content(path: Path, expected: str) -> None:
    """Refuse a snapshot that is gone or differs from what was gated.

    Raises:
        RefusedError: the file is missing or its bytes changed; plan again.
    """
    if not path.is_file():
        raise RefusedError(f"{path.name}: the plan's snapshot is gone; plan again", clause="plan")
    if content_hash(path) != expected:
        raise RefusedError(
            f"{path.name}: the plan's snapshot is not what was gated; plan again", clause="plan"
        )
