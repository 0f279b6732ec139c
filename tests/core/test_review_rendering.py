"""The review pack laid out: both forms say the same, and nothing in a value is obeyed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from review_packs import SAMPLE, a_pack, with_every_text

from activation_pipeline.review.rendering import html, in_markdown, markdown
from activation_pipeline.review.writing import hidden, shown, visible

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a | b || c",
    "one\ntwo\r\nthree\n\n# four\n- five",
    "\u202edellac si oga\u202c \u2066x\u2069\u200b",
    "[press](https://example.org) ![x](y) `code` **bold** _it_ ~~no~~ $x$ &lt; \\",
    "{{ 7 * 7 }} {% raw %}",
    "</style></table></main>",
    "\x00\x1b[31mred\x07\ud800",
    "=HYPERLINK(1)",
]


class _Tags(HTMLParser):
    """Lists the tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}", ()))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def shape(text: str) -> list[tuple[str, int]]:
    """Each line's beginning, and its columns where it is of a table."""
    return [
        (re.sub(r"[^#|*\-\[].*", "", line), len(re.findall(r"(?<!\\)\|", line)))
        for line in text.splitlines()
    ]


def test_every_section_is_in_both_forms() -> None:
    pack = a_pack()
    page = "".join(_Tags(html(pack)).text)
    text = markdown(pack).replace("\\", "")
    said = ["renewal_risk", "at most 50 records", "pause", "signed renewal", "suppress_a",
            "everything is paused", "Band__c", "keep 30d", "weekly planning", "list 7",
            "99 of 100 matched", "stops", "signed", "A-3", "asked for it", "low → high",
            "edited by hand", "into 1 empty field", "remove", "the grain is unclear",
            "make it one row", "10 of 11 known", "Who looks at it?", "activation approve",
            "contract approved on", "0123456789abcdef", "fedcba9876543210", "00112233445566aa",
            "2026-11-20 09:00", "nothing changes", "kept back", "meta"]  # fmt: skip
    for words in said:
        assert words in page, words
        assert words in text, words
    for answer in pack.answers:
        assert f"{answer.minutes} min" in page
        assert f"{answer.question} ({answer.minutes} min, cs_director)" in text


def test_a_page_is_whole_by_itself() -> None:
    page = html(a_pack())
    assert "://" not in page
    tags = {tag for tag, _ in _Tags(page).tags}
    assert not tags & {"script", "link", "img", "a", "iframe", "form", "svg"}
    assert "default-src 'none'" in page
    assert "@page { size: A4" in page


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_changes_the_shape_of_a_page(value: str) -> None:
    usual, spoilt = a_pack(), with_every_text(a_pack(), lambda text: f"{text} {value}")
    assert _Tags(html(spoilt)).tags == _Tags(html(usual)).tags


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_changes_the_shape_of_the_markdown(value: str) -> None:
    usual, spoilt = a_pack(), with_every_text(a_pack(), lambda text: f"{text} {value}")
    assert shape(markdown(spoilt)) == shape(markdown(usual))
    assert not re.search(r"(?<!\\)<|(?<!`)(?<!\\)\[(?! \])", _outside_code(markdown(spoilt)))


def _outside_code(text: str) -> str:
    return re.sub(r"(?<!\\)`[^`]*`", "", text)


@pytest.mark.parametrize("value", HOSTILE)
def test_what_is_invisible_is_written_out(value: str) -> None:
    spoilt = with_every_text(a_pack(), lambda text: f"{text} {value}")
    for text in (html(spoilt), markdown(spoilt)):
        assert all(c.isprintable() or c == "\n" for c in text)


def test_both_forms_show_the_sample_in_the_same_order() -> None:
    pack = a_pack()
    keys = [one.key for one in SAMPLE]
    found = ["".join(_Tags(html(pack)).text), markdown(pack).partition("## Sample")[2]]
    for text in found:
        places = [text.index(key) for key in keys]
        assert places == sorted(places)


def test_only_a_pack_with_values_says_that_it_has_personal_data() -> None:
    for shows, count in ((True, 1), (False, 0)):
        pack = a_pack(shows_values=shows)
        assert html(pack).count("Personal data.") == count
        assert markdown(pack).count("personal data") == count


def test_a_pack_without_a_plan_says_what_is_missing() -> None:
    pack = a_pack(
        plan=None, made_at=None, definition=None, verdict=None, stops=(), waterfall=None,
        gates=(), sample=(), no_plan="the warehouse is not there",
    )  # fmt: skip
    for text in (html(pack), markdown(pack)):
        assert "No plan" in text
        assert "the warehouse is not there" in text
        assert "No gate has judged anything yet" in text


def test_names_stay_readable_in_markdown() -> None:
    assert in_markdown("Risk_Reason__c") == "Risk_Reason__c"
    assert in_markdown("_it_ a__b __c") == "\\_it\\_ a__b \\_\\_c"
    assert in_markdown("https://x") == "https\\://x"


def test_a_hidden_value_says_only_whether_there_is_one() -> None:
    assert [hidden(value) for value in (None, "", 0, False, "x")] == [
        "empty", "empty", "set", "set", "set",
    ]  # fmt: skip
    assert shown("x" * 100) == "x" * 59 + "…"
    assert visible("a\u202eb\nc") == "a\\u202eb c"
