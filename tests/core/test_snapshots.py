"""Files that are there whole or not at all, and that nobody may change afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from activation_pipeline import processes
from activation_pipeline.errors import RefusedError
from activation_pipeline.snapshots import Snapshots, content_hash, publish, verify_content

if TYPE_CHECKING:
    from pathlib import Path


def test_a_workspace_is_private_on_the_same_disk_and_gone_afterwards(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    with snapshots.workspace() as one, snapshots.workspace() as other:
        assert one != other
        assert one.stat().st_dev == tmp_path.stat().st_dev
        (one / "half").write_text("written", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), snapshots.workspace() as folder:
        raise KeyboardInterrupt
    assert not folder.exists()
    assert list((tmp_path / "work").iterdir()) == []


HOUR_S = 3600


@pytest.mark.parametrize(
    ("process", "host", "age_s", "stays"),
    [
        ("killed", None, HOUR_S + 60, False),
        ("killed", None, HOUR_S - 60, True),
        ("killed", "another-machine", 9 * HOUR_S, True),
        ("living", None, 9 * HOUR_S, True),
        ("another of its pid", None, HOUR_S + 60, False),
    ],
)
def test_what_a_killed_process_left_is_removed_an_hour_later(
    tmp_path: Path, process: str, host: str | None, age_s: int, *, stays: bool
) -> None:
    snapshots = Snapshots(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        mark = {
            "killed": f"{2**22 + 1}-7",
            "living": f"{living.pid}-{processes.started(living.pid)}",
            "another of its pid": f"{living.pid}-7",
        }[process]
        left = tmp_path / "work" / f"{mark}-{host or processes.this_host()}-a1b2_c3d"
        left.mkdir(parents=True)
        (left / "part.parquet").write_bytes(b"half")
        with snapshots.workspace() as folder:
            then = folder.stat().st_mtime - age_s
        os.utime(left, (then, then))
        with snapshots.workspace():
            assert left.exists() == stays
        living.kill()


def test_nothing_that_is_not_a_workspace_is_swept(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    kept = tmp_path / "work" / "notes of the on-call"
    kept.mkdir(parents=True)
    os.utime(kept, (0, 0))
    with snapshots.workspace():
        assert kept.is_dir()


def test_a_file_is_published_whole(tmp_path: Path) -> None:
    source, final = tmp_path / "new", tmp_path / "deep" / "down" / "final"
    source.write_bytes(b"whole")
    publish(source, final)
    assert (final.read_bytes(), source.exists()) == (b"whole", False)


def test_a_plan_that_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    for text in ("first", "second"):
        with snapshots.workspace() as folder:
            (folder / "plan").mkdir()
            (folder / "plan" / "crm.parquet").write_text(text, encoding="utf-8")
            snapshots.publish_plan(folder / "plan", "c", "p")
    assert snapshots.part("c", "p", "crm").read_text(encoding="utf-8") == "first"
    assert snapshots.population("c", "p").parent == snapshots.withheld("c", "p", "crm").parent


def test_a_snapshot_that_is_gone_or_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "crm.parquet"
    with pytest.raises(RefusedError, match=r"^crm\.parquet: the plan's snapshot is gone"):
        verify_content(path, "0" * 64)
    path.write_bytes(b"x" * (2 << 20))
    expected = content_hash(path)
    verify_content(path, expected)
    path.write_bytes(b"x" * (2 << 20) + b" ")
    with pytest.raises(RefusedError, match="is not what was gated; plan again"):
        verify_content(path, expected)


def test_the_newest_base_and_only_the_deltas_after_it_count(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    assert snapshots.delivered("c", "crm") == (None, ())
    files = [snapshots.delta("c", "crm", number) for number in (9, 10, 11, 100)]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert snapshots.delivered("c", "crm") == (None, tuple(files))
    for number in (9, 10):
        snapshots.base("c", "crm", number).touch()
    assert snapshots.delivered("c", "crm") == (snapshots.base("c", "crm", 10), tuple(files[2:]))
    snapshots.base("c", "crm", 100).touch()
    assert snapshots.delivered("c", "crm") == (snapshots.base("c", "crm", 100), ())
