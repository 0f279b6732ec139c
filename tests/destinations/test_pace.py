"""No thread and no process asks more often than the account allows, whoever else asks too."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from destination_cases import Waits
from pace_cases import PATH, Account, answer, pace_of
from requests.structures import CaseInsensitiveDict

from activation_pipeline.destinations._exchange import Clockwork
from activation_pipeline.destinations._pace import Ceiling, Pace
from activation_pipeline.errors import RetryableError

if TYPE_CHECKING:
    from pathlib import Path


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
