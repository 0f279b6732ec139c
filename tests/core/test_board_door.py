"""Who may come in to the board, and which forms it takes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import desk
import pytest
from board_place import LONG_TOKEN, URL, WORDS, Board, board_of, valid

from activation_pipeline.board import open_door
from activation_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from company import Company

NAME = "renewal_risk"
PAGE = f"/contracts/{NAME}"
PAUSE = f"{PAGE}/pause"


@pytest.fixture
def board(company: Company) -> Iterator[Board]:
    with board_of(company, valid(desk.build(company))) as found:
        yield found


@pytest.fixture
def locked(company: Company) -> Iterator[Board]:
    settings = {"ACTIVATION_BOARD_TOKEN": LONG_TOKEN}
    with board_of(company, valid(desk.build(company)), environment=settings) as found:
        yield found


@pytest.mark.parametrize("form", [None, "", "0" * 64, "no token"])
def test_a_form_without_its_own_token_does_nothing(board: Board, form: str | None) -> None:
    board.page(PAGE)
    fields = {**WORDS} if form is None else {**WORDS, "form": form}
    answer = board.post(PAUSE, fields)
    assert answer.status_code == 403
    assert "Open the page again" in answer.text
    assert board.pauses(NAME) == ()


def test_a_token_of_another_browser_does_nothing(board: Board) -> None:
    stolen = board.token(PAGE)
    board.browser = board.new_browser()
    board.page(PAGE)
    assert board.post(PAUSE, {**WORDS, "form": stolen}).status_code == 403
    assert board.pauses(NAME) == ()


def test_a_form_of_before_a_restart_does_nothing(company: Company, board: Board) -> None:
    old = board.token(PAGE)
    with board_of(company, valid(desk.build(company))) as anew:
        anew.browser.cookies = board.browser.cookies
        assert anew.post(PAUSE, {**WORDS, "form": old}).status_code == 403
        assert anew.pauses(NAME) == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": ""},
        {"origin": "", "referer": "https://elsewhere.example/contracts"},
        {"origin": "", "referer": "http://[broken"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_of_another_page_does_nothing(board: Board, headers: dict[str, str]) -> None:
    fields = {**WORDS, "destination": "", "until": "", "form": board.token(PAGE)}
    answer = board.post(PAUSE, fields, **headers)
    assert answer.status_code == 403
    assert "did not come from the board" in answer.text
    assert board.pauses(NAME) == ()


def test_a_browser_that_only_tells_its_referrer_is_let_in(board: Board) -> None:
    fields = {**WORDS, "destination": "", "until": "", "form": board.token(PAGE)}
    answer = board.post(PAUSE, fields, origin="", referer=f"{URL}{PAGE}")
    assert answer.status_code == 303
    assert len(board.pauses(NAME)) == 1


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.rebound.example", "", "[::1"])
def test_another_host_name_is_refused_and_told_what_to_set(board: Board, host: str) -> None:
    answer = board.browser.get("/", headers={"host": host})
    assert answer.status_code == 400
    assert "ACTIVATION_BOARD_HOSTS" in answer.text
    assert NAME not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost", "[::1]:8400", "LOCALHOST:1"])
def test_the_names_of_this_machine_are_let_in(board: Board, host: str) -> None:
    assert board.browser.get("/", headers={"host": host}).status_code == 200


def test_a_host_name_of_the_settings_is_let_in(company: Company) -> None:
    settings = {"ACTIVATION_BOARD_HOSTS": "board.company.example, other.example"}
    with board_of(company, environment=settings) as board:
        answer = board.browser.get("/", headers={"host": "board.company.example"})
        assert answer.status_code == 200


@pytest.mark.parametrize("action", ["pause", "resume", "sign"])
def test_reading_an_action_does_nothing(board: Board, action: str) -> None:
    answer = board.browser.get(f"{PAGE}/{action}?by=x&reason=y&destination=")
    assert answer.status_code == 404
    assert board.pauses(NAME) == ()


def test_every_answer_runs_nothing_and_is_kept_nowhere(board: Board) -> None:
    answers = [board.browser.get(path) for path in ("/", PAGE, "/nothing", "/board.css")]
    answers.append(board.post(PAUSE, {}))
    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_cookie_is_for_this_site_alone(board: Board) -> None:
    plain = board.browser.get("/").headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Strict" in plain
    assert "Secure" not in plain
    behind_tls = board.new_browser("https://127.0.0.1:8400").get("/")
    assert "Secure" in behind_tls.headers["set-cookie"]


def test_cookies_of_other_programs_on_this_machine_do_not_matter(board: Board) -> None:
    form = board.token(PAGE)
    ours = board.browser.cookies.get("activation_board")
    board.browser.cookies.clear()
    fields = {**WORDS, "destination": "", "until": "", "form": form}
    answer = board.post(PAUSE, fields, cookie=f"a[b]=1; {{}}; activation_board={ours}; c,d=2")
    assert answer.status_code == 303


def test_no_token_is_needed_on_loopback_and_one_is_elsewhere(company: Company) -> None:
    for host in ("127.0.0.1", "localhost", "::1"):
        assert open_door({}, host, clock=lambda: company.now).token is None
    with pytest.raises(ConfigurationError, match="ACTIVATION_BOARD_TOKEN: not set"):
        open_door({}, "0.0.0.0", clock=lambda: company.now)  # noqa: S104 - refused


def test_a_short_token_is_refused_without_being_shown(company: Company) -> None:
    settings = {"ACTIVATION_BOARD_TOKEN": "hunter2"}
    with pytest.raises(ConfigurationError, match="7 characters, at least 32") as raised:
        open_door(settings, "127.0.0.1", clock=lambda: company.now)
    assert "hunter2" not in str(raised.value)


def test_nothing_is_shown_before_the_token(locked: Board) -> None:
    for path in ("/", PAGE, "/nothing"):
        answer = locked.browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert locked.post(PAUSE, {**WORDS, "form": locked.token("/sign-in")}).status_code == 401
    assert locked.pauses(NAME) == ()


def _sign_in(board: Board, token: str) -> int:
    fields = {"form": board.token("/sign-in"), "token": token}
    return int(board.post("/sign-in", fields).status_code)


@pytest.mark.parametrize("token", ["", "wrong", LONG_TOKEN[:-1], LONG_TOKEN + "x", "ä" * 40])
def test_another_token_opens_nothing(locked: Board, token: str) -> None:
    assert _sign_in(locked, token) == 401
    assert locked.browser.get("/").status_code == 303


def test_the_token_opens_the_board_for_twelve_hours(locked: Board) -> None:
    before = locked.browser.cookies.get("activation_board")
    assert _sign_in(locked, LONG_TOKEN) == 303
    assert locked.browser.cookies.get("activation_board") != before
    assert NAME in locked.page()
    assert locked.send(NAME, "pause", destination="", until="").status_code == 303
    locked.moved = timedelta(hours=12)
    assert locked.browser.get("/").status_code == 303


def test_signing_in_needs_a_form_of_the_board(locked: Board) -> None:
    locked.page("/sign-in")
    answer = locked.post("/sign-in", {"token": LONG_TOKEN})
    assert answer.status_code == 403
    assert locked.browser.get("/").status_code == 303


def test_a_program_may_send_the_token_itself(locked: Board) -> None:
    right = locked.browser.get("/", headers={"authorization": f"Bearer {LONG_TOKEN}"})
    wrong = locked.browser.get("/", headers={"authorization": f"Bearer {LONG_TOKEN}!"})
    basic = locked.browser.get("/", headers={"authorization": f"Basic {LONG_TOKEN}"})
    assert (right.status_code, wrong.status_code, basic.status_code) == (200, 303, 303)


def test_a_form_longer_than_any_of_ours_is_refused(board: Board) -> None:
    form = board.token(PAGE)
    answer = board.post(PAUSE, {**WORDS, "form": form, "reason": "x" * 20_000})
    assert answer.status_code == 400
    assert "write less" in answer.text
    assert board.pauses(NAME) == ()
