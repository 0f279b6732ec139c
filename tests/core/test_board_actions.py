"""Pausing, resuming and signing from the board: the same use cases as the command line's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import desk
import pytest
from board_place import WORDS, Board, board_of, malformed, valid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from company import Company

    from activation_pipeline.contract import Contract

NAME = "renewal_risk"


@pytest.fixture
def contract(company: Company) -> Contract:
    return desk.build(company)


@pytest.fixture
def board(company: Company, contract: Contract) -> Iterator[Board]:
    with board_of(company, valid(contract), malformed("broken")) as found:
        yield found


def test_a_pause_is_in_the_ledger_with_who_why_and_until_when(board: Board) -> None:
    answer = board.send(NAME, "pause", destination="", until="4h")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/contracts/{NAME}?done=paused"
    (pause,) = board.pauses(NAME)
    assert (pause.destination, pause.by, pause.reason) == (None, "demo_oncall", "looking at it")
    assert pause.until == board.now() + timedelta(hours=4)
    shown = board.page(answer.headers["location"])
    assert "Nothing more is sent" in shown
    assert "paused" in board.page()


def test_one_destination_is_paused_by_itself(board: Board) -> None:
    assert board.send(NAME, "pause", destination="crm", until="").status_code == 303
    (pause,) = board.pauses(NAME)
    assert (pause.destination, pause.until) == ("crm", None)


def test_a_malformed_contract_is_paused_all_the_same(board: Board) -> None:
    assert board.send("broken", "pause", destination="", until="").status_code == 303
    assert len(board.pauses("broken")) == 1
    answer = board.send("broken", "resume", destination="", role="cs_director")
    assert answer.status_code == 400
    assert "mend it first" in answer.text
    assert len(board.pauses("broken")) == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"by": ""}, "by: is empty"),
        ({"reason": "  "}, "reason: is empty"),
        ({"reason": "two\nlines"}, "one printable line"),
        ({"reason": "x" * 501}, "501 characters"),
        ({"destination": "elsewhere"}, "destination: is not one of those offered"),
        ({"until": "forever"}, "until: is not one of those offered"),
    ],
)
def test_a_pause_that_says_too_little_is_refused(
    board: Board, fields: dict[str, str], told: str
) -> None:
    answer = board.send(NAME, "pause", **{"destination": "", "until": "", **fields})
    assert answer.status_code == 400
    assert told in answer.text
    assert board.pauses(NAME) == ()


def test_a_field_that_comes_twice_is_no_field(board: Board) -> None:
    form = board.token(f"/contracts/{NAME}")
    body = f"form={form}&by=a&by=b&reason=c&destination=&until="
    headers = {"origin": str(board.browser.base_url), "content-type": "text/plain"}
    answer = board.browser.post(f"/contracts/{NAME}/pause", content=body, headers=headers)
    assert answer.status_code == 400
    assert board.pauses(NAME) == ()


def test_only_the_role_that_the_contract_names_resumes(board: Board) -> None:
    board.send(NAME, "pause", destination="", until="")
    wrong = board.send(NAME, "resume", destination="", role="cs_ops")
    assert wrong.status_code == 409
    assert "cs_director may" in wrong.text
    assert len(board.pauses(NAME)) == 1
    right = board.send(NAME, "resume", destination="", role="cs_director")
    assert right.headers["location"] == f"/contracts/{NAME}?done=resumed"
    assert board.pauses(NAME) == ()
    assert "Resumed" in board.page(right.headers["location"])


def test_resuming_one_destination_says_that_the_other_pause_stays(board: Board) -> None:
    board.send(NAME, "pause", destination="", until="")
    board.send(NAME, "pause", destination="crm", until="")
    answer = board.send(NAME, "resume", destination="crm", role="cs_director")
    assert answer.headers["location"].endswith("done=still")
    assert [pause.destination for pause in board.pauses(NAME)] == [None]


def test_resuming_what_runs_says_so(board: Board) -> None:
    answer = board.send(NAME, "resume", destination="", role="cs_director")
    assert answer.headers["location"].endswith("done=not_paused")


def test_the_role_that_may_signs_the_plan_that_was_shown(
    company: Company, contract: Contract, board: Board
) -> None:
    desk.stock(company, ["A-1", "A-2"])
    plan = desk.plan(company, contract).plan
    assert plan is not None
    assert "Sign this plan" in board.page(f"/contracts/{NAME}")
    words = {"plan": plan.id, "gate": ""}
    wrong = board.send(NAME, "sign", role="cs_ops", **words)
    assert wrong.status_code == 409
    older = board.send(NAME, "sign", role="cs_director", plan="0" * 16, gate="")
    assert older.status_code == 409
    assert board.send(NAME, "sign", role="cs_director", **words).status_code == 303
    newest = board.runtime.ledger.newest(NAME)
    assert newest is not None
    assert newest.decision == "launch"
    (signature,) = board.runtime.ledger.history.signatures(NAME, plan.id)
    assert (signature.role, signature.by) == ("cs_director", WORDS["by"])
    assert "Sign this plan" not in board.page(f"/contracts/{NAME}")


def test_a_contract_that_is_gone_is_not_paused(board: Board) -> None:
    form = board.token(f"/contracts/{NAME}")
    answer = board.post("/contracts/nobody/pause", {"form": form, **WORDS})
    assert answer.status_code == 400
    assert board.pauses("nobody") == ()
