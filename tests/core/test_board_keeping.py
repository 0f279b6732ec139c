"""Which standings are read again: those with news, those that are over, a few others in turns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from board_place import malformed
from company import NOW

from activation_pipeline.board.keeping import FRESH_FOR, IN_TURNS, KEPT_FOR, Keeping
from activation_pipeline.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from activation_pipeline.loading import Checked


@dataclass
class Source:
    """Tells who was asked for; a contract named in ``ends`` is paused until then."""

    ends: dict[str, datetime] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def read(self, every: Mapping[str, Checked], now: datetime) -> dict[str, Standing]:
        self.asked = sorted(every)
        return {name: self.standing(name, now) for name in every}

    def standing(self, name: str, now: datetime) -> Standing:
        live = Standing(name, "live", None, f"{now}", None)
        if name in self.ends:
            return replace(live, also=(replace(live, state="paused", until=self.ends[name]),))
        return live


def files(count: int) -> dict[str, Checked]:
    return {f"c{n:02d}": malformed(f"c{n:02d}") for n in range(count)}


def look(
    source: Source, keeping: Keeping, every: dict[str, Checked], news: str = "", after: float = 0
) -> list[str]:
    source.asked = []
    marks = {name: name == news for name in every}
    found = keeping.standings(every, marks, now=NOW + timedelta(seconds=after))
    assert list(found) == list(every)
    return source.asked


def test_only_what_the_ledger_has_news_of_is_read_again() -> None:
    source = Source()
    keeping, every = Keeping(source.read), files(30)
    assert len(look(source, keeping, every)) == 30
    assert look(source, keeping, every) == []
    assert look(source, keeping, every, news="c07") == ["c07"]


def test_a_file_that_changed_is_read_again_and_one_that_is_gone_is_not_shown() -> None:
    source = Source()
    keeping, every = Keeping(source.read), files(3)
    look(source, keeping, every)
    changed = {"c00": malformed("c00", "another problem"), "c01": every["c01"]}
    assert look(source, keeping, changed) == ["c00"]


def test_an_end_that_has_come_shows_at_once() -> None:
    source = Source(ends={"c01": NOW + timedelta(seconds=5)})
    keeping, every = Keeping(source.read), files(3)
    look(source, keeping, every)
    assert look(source, keeping, every, after=4.999) == []
    assert look(source, keeping, every, after=5) == ["c01"]
    assert look(source, keeping, every, after=6) == []


def test_what_time_alone_may_change_is_read_in_turns() -> None:
    source = Source()
    keeping, every = Keeping(source.read), files(2 * IN_TURNS)
    look(source, keeping, every)
    later = FRESH_FOR.total_seconds()
    first = look(source, keeping, every, after=later)
    second = look(source, keeping, every, after=later)
    assert (len(first), len(second)) == (IN_TURNS, IN_TURNS)
    assert {*first, *second} == set(every)
    assert look(source, keeping, every, after=later) == []


def test_nothing_is_kept_for_long_nor_from_the_future() -> None:
    source = Source()
    keeping, every = Keeping(source.read), files(30)
    look(source, keeping, every)
    assert len(look(source, keeping, every, after=KEPT_FOR.total_seconds())) == 30
    assert len(look(source, keeping, every, after=-60)) == 30
