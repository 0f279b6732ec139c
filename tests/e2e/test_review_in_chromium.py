"""The review's page in a real browser: it prints on two sheets, on a desk and from a phone."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from chromium import running_tab
from review_packs import GATES, SAMPLE, WATERFALL, a_pack, with_every_text

from activation_pipeline.review.rendering import html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chromium import Tab

    from activation_pipeline.review.document import Pack

A4_POINTS = (595, 842)


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with running_tab() as found:
        yield found


def a_full_pack() -> Pack:
    """As much as a large contract says: twenty records, sixteen gates, twenty rules."""
    first, rule, last = WATERFALL.falls
    falls = (first, *(replace(rule, reason=f"suppress_of_rule_{n}") for n in range(20)), last)
    sample = [
        replace(SAMPLE[n % 4], key=f"KEY-000{n}", details="a reason of six or seven words")
        for n in range(20)
    ]
    return a_pack(
        gates=tuple(replace(GATES[n % 4], gate=f"gate_of_number_{n}") for n in range(16)),
        waterfall=replace(WATERFALL, falls=falls),
        sample=tuple(sample),
        conditions=a_pack().conditions * 5,
        questions=a_pack().questions * 8,
    )


def opened(tab: Tab, pack: Pack, folder: Path) -> None:
    page = folder / "review.html"
    page.write_text(html(pack), encoding="utf-8")
    tab.open(page.as_uri())


def printed(tab: Tab) -> tuple[int, set[tuple[int, int]]]:
    """Print the page: how many sheets, and their sizes in points."""
    pdf = base64.b64decode(tab.ask("Page.printToPDF", preferCSSPageSize=True)["data"])
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    sizes = {(round(float(width)), round(float(height))) for width, height in boxes}
    return len(re.findall(rb"/Type\s*/Page\b", pdf)), sizes


@pytest.mark.parametrize("pack", [a_pack(), a_full_pack()], ids=["small", "full"])
def test_a_review_prints_on_two_sheets_at_most(tab: Tab, tmp_path: Path, pack: Pack) -> None:
    opened(tab, pack, tmp_path)
    sheets, sizes = printed(tab)
    assert sheets in (1, 2)
    assert sizes == {A4_POINTS}


def test_the_page_shows_what_is_in_the_pack(tab: Tab, tmp_path: Path) -> None:
    opened(tab, a_pack(), tmp_path)
    text = tab.text()
    for words in ("Question of 25-30?", "Band__c: low → high", "= eligible", "☐ launch"):
        assert words in text
    assert tab.run("document.querySelectorAll('table').length") == 6
    assert tab.run("getComputedStyle(document.querySelector('main')).maxWidth") == "960px"


def test_a_phone_shows_the_page_without_scrolling_it_aside(tab: Tab, tmp_path: Path) -> None:
    tab.resize(390, 800)
    opened(tab, a_full_pack(), tmp_path)
    assert tab.run("document.documentElement.scrollWidth") <= 390
    tab.resize(1200, 900)


def test_a_script_in_a_value_never_runs(tab: Tab, tmp_path: Path) -> None:
    hostile = (
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    )
    opened(tab, with_every_text(a_pack(), lambda text: text + hostile), tmp_path)
    assert tab.run("document.images.length + document.scripts.length") == 0
    assert tab.run("document.title").startswith("Launch review")
    assert printed(tab)[0] >= 1
