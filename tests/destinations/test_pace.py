"""No thread and no process asks more often than the account allows, whoever else asks too."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from destination_cases import Waits
from requests.structures import CaseInsensitiveDict

from activation_pipeline.destinations._exchange import Clockwork
from activation_pipeline.destinations._pace import Ceiling, Pace, Told, pace_file
from activation_pipeline.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "/any"


def told(headers: CaseInsensitiveDict[str]) -> Told | None:
    if "most" not in headers:
        return None
    return Told(int(headers["most"]), int(headers["left"]))


def answer(most: int, left: int) -> CaseInsensitiveDict[str]:
    return CaseInsensitiveDict({"most": str(most), "left": str(left)})


def pace_of(waits: Waits, ceiling: Ceiling, file: Path | None = None, at_once: int = 8) -> Pace:
    return Pace(
        {"requests": ceiling},
        lane_of=lambda _: "requests",
        told=told,
        at_once=at_once,
        file=file,
        clockwork=Clockwork(waits.sleep, waits.clock),
    )


@dataclass
class Account:
    """What the vendor counts: every request of the last ten seconds, whoever made it."""

    waits: Waits
    most: int
    taken: list[float] = field(default_factory=list)

    def take(self) -> CaseInsensitiveDict[str]:
        left = self.left() - 1
        assert left >= 0, f"the request at {self.waits.now} s is one too many"
        self.taken.append(self.waits.now)
        return answer(self.most, left)

    def left(self) -> int:
        return self.most - sum(at > self.waits.now - 10 for at in self.taken)


@pytest.fixture(params=["memory", "file"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "limits" / "one.sqlite" if request.param == "file" else None


@pytest.fixture
def waits() -> Waits:
    return Waits(now=1_000.0)


def test_a_rolling_limit_is_reached_and_never_passed(waits: Waits, file: Path | None) -> None:
    pace, account = pace_of(waits, Ceiling(190, 10.0), file), Account(waits, 190)
    for _ in range(1_000):
        pace.wait(PATH)
        pace.heard(PATH, account.take())
    took = waits.now - 1_000
    assert took == pytest.approx(pace.seconds("requests", 1_000), abs=0.1)
    assert 1_000 / (190 * (1 + took / 10)) >= 0.85  # the last window is only begun
    pace.close()


def test_the_least_time_is_known_before(waits: Waits) -> None:
    pace = pace_of(waits, Ceiling(190, 10.0))
    assert [pace.seconds("requests", n) for n in (0, 1, 180, 181, 361)] == [0, 0, 0, 10, 20]
    assert pace_of(waits, Ceiling(None, 10.0)).seconds("requests", 10**9) == 0


@pytest.mark.parametrize("most", [20, 100, 110, 250])
def test_the_accounts_own_limit_replaces_the_usual_one(
    waits: Waits, file: Path | None, most: int
) -> None:
    pace, account = pace_of(waits, Ceiling(190, 10.0), file), Account(waits, most)
    for _ in range(3 * most):
        pace.wait(PATH)
        pace.heard(PATH, account.take())
    left_unused = most - pace._lanes["requests"].most  # type: ignore[operator] # it has a limit
    assert 0 < left_unused <= max(10, most // 10)
    pace.close()


@pytest.mark.parametrize(("told_most", "expected"), [(250, 90), (60, 50)])
def test_an_answer_lowers_a_limit_of_the_settings_and_never_raises_it(
    waits: Waits, told_most: int, expected: int
) -> None:
    pace = pace_of(waits, Ceiling(100, 10.0, is_fixed=True))
    pace.wait(PATH)
    pace.heard(PATH, answer(told_most, told_most - 1))
    assert pace._lanes["requests"].most == expected


def test_without_a_limit_nobody_waits(waits: Waits) -> None:
    pace = pace_of(waits, Ceiling(None, 10.0))
    for _ in range(1_000):
        pace.wait(PATH)
        pace.heard(PATH, None)
    assert waits.slept == []


@pytest.mark.parametrize("others_in_ten_seconds", [20, 126, 170])
def test_an_account_that_others_use_too_is_not_overdrawn(
    waits: Waits, others_in_ten_seconds: int
) -> None:
    """Somebody asks steadily, before us and meanwhile; what is left is ours."""
    pace, account = pace_of(waits, Ceiling(190, 10.0)), Account(waits, 190)
    theirs, ours = 990.0, 0
    while waits.now < 1_060:
        pace.wait(PATH)
        while theirs < waits.now:
            account.taken.append(theirs)
            theirs += 10 / others_in_ten_seconds
        pace.heard(PATH, account.take())
        ours += 1
        waits.now += 0.02
    left_over = 6 * (190 - others_in_ten_seconds)
    assert left_over / 2 < ours <= left_over + 190


def test_another_process_of_ours_is_not_taken_for_somebody_else(
    waits: Waits, tmp_path: Path
) -> None:
    """It counts already; leaving it its share as well would halve the pace of both."""
    account = Account(waits, 190)
    both = [pace_of(waits, Ceiling(190, 10.0), tmp_path / "one.sqlite") for _ in range(2)]
    for at in range(540):
        pace = both[at % 2]
        pace.wait(PATH)
        pace.heard(PATH, account.take())
    assert waits.now - 1_000 == pytest.approx(20, abs=0.5)
    for pace in both:
        pace.close()


def test_near_the_end_everybody_waits_and_one_goes_to_find_out(waits: Waits) -> None:
    pace = pace_of(waits, Ceiling(190, 10.0))
    pace.wait(PATH)
    pace.heard(PATH, answer(190, 3))
    assert pace.wait(PATH) == 1.0
    gone = threading.Event()

    def go() -> None:
        pace.wait(PATH)
        gone.set()

    second = threading.Thread(target=go)
    second.start()
    assert not gone.wait(0.05)
    pace.heard(PATH, answer(190, 100))
    second.join()
    assert gone.is_set()


def test_after_one_too_many_nobody_goes_for_as_long_as_was_said(waits: Waits) -> None:
    pace = pace_of(waits, Ceiling(190, 10.0))
    pace.wait(PATH)
    pace.heard(PATH, None)
    pace.hold(PATH, 10.0)
    pace.hold(PATH, 2.0)
    assert pace.wait(PATH) == 10.0
    pace.heard(PATH, answer(190, 180))
    assert pace.wait(PATH) == 0.0


def test_an_answer_that_tells_nothing_ends_going_one_by_one(waits: Waits) -> None:
    """A proxy may take the headers away: one throttle must not slow down the rest of a run."""
    pace = pace_of(waits, Ceiling(190, 10.0))
    pace.wait(PATH)
    pace.heard(PATH, None)
    pace.hold(PATH, 1.0)
    pace.wait(PATH)
    pace.heard(PATH, CaseInsensitiveDict())
    assert [pace.wait(PATH) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_a_count_that_fails_after_the_answer_does_not_lose_the_answer(
    waits: Waits, tmp_path: Path
) -> None:
    pace = pace_of(waits, Ceiling(190, 10.0), tmp_path / "one.sqlite")
    pace.wait(PATH)
    connection = pace._books._connection
    assert connection is not None
    connection.execute("DROP TABLE requests")
    pace.heard(PATH, answer(190, 100))
    with pytest.raises(RetryableError, match="no such table"):
        pace.wait(PATH)
    pace.close()


def test_one_limit_does_not_hold_up_another(waits: Waits) -> None:
    pace = Pace(
        {"few": Ceiling(4, 60.0), "many": Ceiling(None, 60.0)},
        lane_of=lambda path: path,
        told=lambda _: None,
        at_once=8,
        clockwork=Clockwork(waits.sleep, waits.clock),
    )
    for _ in range(3):
        pace.wait("few")
    pace.hold("few", 60.0)
    assert pace.wait("many") == 0.0


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
