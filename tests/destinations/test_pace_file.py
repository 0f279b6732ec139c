"""The file in which processes count one limit together: shared, mended, cleared, no secrets."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from destination_cases import Waits
from pace_cases import PATH, pace_of

from activation_pipeline.destinations._pace import Ceiling, Pace, pace_file
from activation_pipeline.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def waits() -> Waits:
    return Waits(now=1_000.0)


def test_a_clock_that_was_set_back_stops_nobody_for_long(waits: Waits, tmp_path: Path) -> None:
    pace = pace_of(waits, Ceiling(20, 10.0), tmp_path / "one.sqlite")
    for _ in range(15):
        pace.wait(PATH)
        pace.heard(PATH, None)
    waits.now -= 900
    assert pace.wait(PATH) < 10
    pace.close()


COUNTING = """
import sys, time
from pathlib import Path
from activation_pipeline.destinations._pace import Ceiling, Pace
pace = Pace({"requests": Ceiling(80, 0.5)}, lane_of=lambda _: "requests", told=lambda _: None,
            at_once=1, file=Path(sys.argv[1]))
for _ in range(150):
    pace.wait("/any")
    print(time.time())
    pace.heard("/any", None)
"""


def test_two_processes_keep_one_limit_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNTING, str(tmp_path / "limits" / "one.sqlite")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    times = [[float(line) for line in one.communicate(timeout=60)[0].split()] for one in running]
    assert [one.returncode for one in running] == [0, 0]
    together = sorted(at for each in times for at in each)
    assert len(together) == 300
    most = max(sum(at - 0.5 < one <= at for one in together) for at in together)
    assert most <= 80


HOLDING = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("INSERT INTO requests VALUES ('request', 1)")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of a decision about the same limit."""
    path = tmp_path / "one.sqlite"
    with pace_at(path) as pace:
        pace.wait(PATH)
    command = [sys.executable, "-c", HOLDING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


class pace_at:  # noqa: N801 - reads like a function
    """A pace on a file, closed afterwards."""

    def __init__(self, path: Path) -> None:  # noqa: D107
        self.pace = pace_of(Waits(now=1_000.0), Ceiling(20, 10.0), path)

    def __enter__(self) -> Pace:
        return self.pace

    def __exit__(self, *_: object) -> None:
        self.pace.close()


def test_a_process_that_was_killed_in_the_middle_holds_nobody_up(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    holder.kill()
    holder.wait()
    with pace_at(tmp_path / "one.sqlite") as pace:
        assert pace.wait(PATH) == 0.0


def test_a_process_that_never_ends_its_turn_is_named(
    holder: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holder.poll() is None
    monkeypatch.setattr("activation_pipeline.destinations._pace_log._PATIENCE_S", 0.01)
    with pace_at(tmp_path / "one.sqlite") as pace, pytest.raises(RetryableError, match="locked"):
        pace.wait(PATH)


def test_a_file_that_is_none_of_ours_is_told(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite"
    path.write_text("something else entirely, and long enough to be looked at" * 20)
    with pace_at(path) as pace, pytest.raises(RetryableError, match="not a database"):
        pace.wait(PATH)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "limits").write_text("a file")
    with pace_at(tmp_path / "limits" / "one.sqlite") as pace, pytest.raises(RetryableError):
        pace.wait(PATH)


def test_accounts_are_counted_apart_and_their_files_tell_no_secret(tmp_path: Path) -> None:
    home: dict[str, Any] = {"ACTIVATION_HOME": str(tmp_path)}
    first = pace_file(home, "hubspot", "https://api.example.com", "pat-secret")
    second = pace_file(home, "hubspot", "https://api.example.com", "pat-other")
    assert first is not None
    assert first.parent == tmp_path / "limits"
    assert first != second
    assert "secret" not in first.name
    assert "example" not in first.name
    assert pace_file({}, "hubspot", "https://api.example.com", "pat-secret") is None


def test_what_is_long_past_is_thrown_away(waits: Waits, tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite"
    pace = pace_of(waits, Ceiling(190, 10.0), path)
    for _ in range(2_000):
        pace.wait(PATH)
        pace.heard(PATH, None)
    pace.close()
    with sqlite3.connect(path) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM requests").fetchone()
    connection.close()
    assert kept < 1_000
