"""What the board shows: every contract, worst first, with figures; nothing hidden, nothing run."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import desk
import sqlalchemy as sa
from board_place import Board, board_of, malformed, valid
from company import NOW, contract_dict, make_contract
from starlette.testclient import TestClient

from activation_pipeline.board import Installation, create_board, open_door
from activation_pipeline.board.showing import TEMPLATES
from activation_pipeline.evidence import Pause
from activation_pipeline.standing import STATES

if TYPE_CHECKING:
    from company import Company

    from activation_pipeline.contract import Contract
    from activation_pipeline.loading import Checked

NAME = "renewal_risk"
MATCHED = [{"match_rate": {"at_least": 0.5}}]


def named(company: Company, name: str) -> Contract:
    body = contract_dict() | {"name": name}
    return make_contract(body, definition=company.definition())


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_before_the_first_plan_it_says_what_to_do(company: Company) -> None:
    with board_of(company, valid(desk.build(company))) as board:
        shown = text(board.page())
        assert "blocked" in shown
        assert "no plan yet" in shown
        assert f"activation plan {NAME}" in shown
        assert "never delivered" in shown
        assert "There is no plan to draw from" in text(board.page(f"/contracts/{NAME}"))


def test_an_empty_folder_is_said_to_be_empty(company: Company) -> None:
    with board_of(company) as board:
        assert "No contract files here" in board.page()


def test_a_delivered_contract_shows_its_figures(company: Company) -> None:
    contract = desk.build(company, gates=MATCHED)
    desk.stock(company, ["A-1", "A-2", "A-3"])
    company.add("A-4", record=None)
    desk.go(company, contract)
    with board_of(company, valid(contract)) as board:
        shown = text(board.page())
        for told in ("live", "1 h 0 min fresh", "stale 1d, expires 7d", "75% at least 50%",
                     "3 of 4", "crm 100% (3)", "crm delivered"):  # fmt: skip
            assert told in shown, told
        detail = text(board.page(f"/contracts/{NAME}"))
        for told in ("candidates 4", "unmatched unmatched:crm 1 1", "eligible 3", "held by crm",
                     "match_rate passed", "crm 3 3 0 0 0 0 3", "3 accepted, 0 rejected",
                     "cs_director (a test) on 2026-11-01", "change_volume of plan", "A-1 eligible",
                     "activation rollback renewal_risk --dry-run"):  # fmt: skip
            assert told in detail, told


def test_the_sample_shows_no_value(company: Company) -> None:
    contract = desk.build(company)
    desk.stock(company, ["A-1"], band="a-band-of-its-own")
    desk.go(company, contract)
    with board_of(company, valid(contract)) as board:
        page = board.page(f"/contracts/{NAME}")
        assert "A-1 eligible included all set" in text(page)
        assert "a-band-of-its-own" not in page


def test_a_sample_that_cannot_be_drawn_costs_only_itself(company: Company) -> None:
    contract = desk.build(company)
    desk.stock(company, ["A-1"])
    plan = desk.plan(company, contract).plan
    with board_of(company, valid(contract)) as board:
        assert plan is not None
        board.runtime.snapshots.population(NAME, plan.id).unlink()
        shown = text(board.page(f"/contracts/{NAME}"))
        assert "has no snapshot" in shown
        assert "grain_unique passed" in shown


def test_an_approval_that_lapsed_says_what_changed(company: Company) -> None:
    contract = desk.build(company)
    desk.stock(company, ["A-1"])
    desk.plan(company, contract)
    later = contract.model_copy(update={"version": 2})
    with board_of(company, valid(contract)) as board:
        assert "lapsed" not in text(board.page(f"/contracts/{NAME}"))
    with board_of(company, valid(later)) as board:
        assert "on 2026-11-01: version: 1 -&gt; 2" in text(board.page(f"/contracts/{NAME}"))


def test_the_worst_comes_first_and_a_malformed_file_is_there(company: Company) -> None:
    live, paused = named(company, "a_live"), named(company, "z_paused")
    desk.stock(company, ["A-1"])
    desk.go(company, live)
    with board_of(company, valid(live), malformed("m_broken"), valid(paused)) as board:
        board.runtime.ledger.pause(Pause("z_paused", None, "demo_revops", "why", NOW, None))
        page = board.page()
        order = re.findall(r'<article class="card s-(\w+)[^"]*" id="(\w+)"', page)
        assert order == [("paused", "z_paused"), ("blocked", "m_broken"), ("live", "a_live")]
        assert "98 is not a ratio" in page
        detail = text(board.page("/contracts/m_broken"))
        assert "line 22, column 31: gates.match_rate : 98 is not a ratio" in detail


def test_a_pause_shows_who_why_since_until_and_who_restarts(company: Company) -> None:
    with board_of(company, valid(desk.build(company))) as board:
        board.runtime.ledger.pause(Pause(NAME, None, "demo_revops", "wrong bands", NOW, None))
        shown = text(board.page())
        for told in ("not_paused : wrong bands", "since 2026-11-20 09:00 UTC", "by demo_revops",
                     "until somebody resumes it", "may restart cs_director"):  # fmt: skip
            assert told in shown, told


def test_a_clause_leads_to_its_section_of_the_runbook(company: Company) -> None:
    with board_of(company, valid(desk.build(company))) as board:
        assert "what to do docs/runbook.md#plan" in text(board.page())
    served = "https://runbook.example/on-call"
    with board_of(company, valid(desk.build(company)), runbook=served) as board:
        for path in ("/", f"/contracts/{NAME}"):
            assert f'href="{served}#plan"' in board.page(path)


def test_whatever_people_wrote_is_text(company: Company) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    contract = desk.build(company)
    strange = malformed("<b>x", message=hostile)
    with board_of(company, valid(contract), strange) as board:
        board.runtime.ledger.pause(Pause(NAME, None, hostile, hostile, NOW, None))
        pages = [board.page(p) for p in ("/", f"/contracts/{NAME}", "/contracts/%3Cb%3Ex")]
        pages.append(board.browser.get("/contracts/<script>alert(1)").text)
        for page in pages:
            assert "<script" not in page
            assert "<img" not in page
            assert "<b>x" not in page
        assert "&lt;script&gt;" in pages[0]


def test_no_page_loads_or_runs_anything_from_elsewhere(company: Company) -> None:
    contract = desk.build(company)
    desk.stock(company, ["A-1"])
    desk.go(company, contract)
    with board_of(company, valid(contract)) as board:
        for path in ("/", f"/contracts/{NAME}", "/sign-in", "/board.css", "/icon.svg"):
            page = board.page(path)
            assert "<script" not in page
            assert " style=" not in page
            found = set(re.findall(r"https?://[^\"'\s]+", page))
            assert found <= {"http://www.w3.org/2000/svg"}, path


def test_an_unknown_page_says_where_to_go(company: Company) -> None:
    with board_of(company) as board:
        answer = board.browser.get("/contracts/nobody")
        assert answer.status_code == 404
        assert "The first page lists all of them" in answer.text


def test_a_broken_ledger_is_told_without_its_statements(company: Company) -> None:
    with board_of(company, valid(desk.build(company))) as board:
        with board.runtime.ledger._engine.begin() as connection:
            connection.execute(sa.text("drop table pauses"))
        answer = board.browser.get("/")
        assert answer.status_code == 503
        assert "ledger does not answer" in answer.text
        for secret in ("Traceback", "SELECT", "pauses.", str(company.folder)):
            assert secret not in answer.text


def test_a_fault_of_the_board_shows_no_traceback(company: Company) -> None:
    with board_of(company, valid(desk.build(company))) as board:
        board.contracts = None  # type: ignore[assignment] # a fault that no code expects
        answer = board.browser.get("/")
        assert answer.status_code == 500
        assert "activation pause" in answer.text
        assert "Traceback" not in answer.text


def _queries(board: Board) -> int:
    """Count the statements of the first page's second look, a little later."""
    board.page()
    seen: list[str] = []
    engine = board.runtime.ledger._engine
    sa.event.listen(engine, "before_cursor_execute", lambda *each: seen.append(each[2]))
    board.page()
    return sum(statement.startswith("SELECT") for statement in seen)


def test_the_first_page_costs_as_many_queries_for_six_contracts_as_for_one(
    company: Company,
) -> None:
    with board_of(company, valid(named(company, "c0"))) as board:
        one = _queries(board)
    with board_of(company, *(valid(named(company, f"c{n}")) for n in range(6))) as board:
        assert _queries(board) == one


def test_the_board_looks_before_anybody_asks(company: Company) -> None:
    looked = threading.Event()

    def contracts() -> dict[str, Checked]:
        looked.set()
        return {}

    with company.runtime() as runtime:
        place = Installation(runtime, contracts, company.runtime, lambda: NOW)
        app = create_board(place, open_door({}, "127.0.0.1", clock=place.clock))
        with TestClient(app, base_url="http://127.0.0.1"):
            assert looked.wait(10)


def test_every_state_has_a_sign_of_its_own_beside_its_colour() -> None:
    parts = (TEMPLATES / "parts.html").read_text(encoding="utf-8")
    signs = dict(re.findall(r'"(\w+)": "(\S)"', parts))
    assert set(signs) == set(STATES)
    assert len(set(signs.values())) == len(STATES)
    style = (TEMPLATES / "board.css").read_text(encoding="utf-8")
    assert all(f".card.s-{state}" in style for state in STATES)
