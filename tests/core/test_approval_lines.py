"""An approval is written into the contract's file: every other byte stays, the meaning too."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from activation_pipeline.approval import Subject
from activation_pipeline.approve import approval_line, with_approval
from activation_pipeline.contract import fingerprint
from activation_pipeline.errors import ContractError, RefusedError
from activation_pipeline.loading import load

if TYPE_CHECKING:
    from activation_pipeline.contract import Approval, Contract

TODAY = date(2026, 11, 21)
SHIPPED = Path(__file__).parents[2] / "contracts" / "renewal_risk_review.yaml"
BARE = re.sub(
    r"  approvals:(?: \[\])?\n(?:    - .*\n)*", "", SHIPPED.read_text(encoding="utf-8")
).rstrip("\n")  # fmt: skip
GIVEN = (
    '- {role: cs_director, by: demo_cs_director, on: 2026-11-01, fingerprint: "0123456789abcdef"}'
)
HEAD, LAUNCH, _REST = BARE.partition("launch:\n")


def read(folder: Path, text: str) -> Contract:
    path = folder / "renewal_risk_review.yaml"
    path.write_bytes(text.encode())
    return load(path, today=TODAY)


def line_for(contract: Contract, by: str = "demo_cs_director") -> str:
    return approval_line(contract, about(contract), role="cs_director", by=by, on=TODAY)


def about(contract: Contract) -> Subject:
    return Subject(fingerprint(contract), "f" * 16, {"salesforce": "acme: #1"})


def approve(folder: Path, text: str, by: str = "demo_cs_director") -> str:
    return with_approval(text, line_for(read(folder, text), by))


def newest(folder: Path, text: str) -> Approval:
    return read(folder, text).launch.approvals[-1]


KEYS = (
    "\n  approvals:\n    - role: cs_director\n      on: 2026-11-01\n"
    '      fingerprint: "0123456789abcdef"\n      by: '
)
# The end of a file before and after; LINE is the entry.
ENDINGS = {
    "no approvals": ("\n", "\n  approvals:\n    - LINE\n"),
    "no final newline": ("", "\n  approvals:\n    - LINE\n"),
    "document end": ("\n...\n", "\n  approvals:\n    - LINE\n...\n"),
    "empty": ("\n  approvals: []\n", "\n  approvals:\n    - LINE\n"),
    "empty, no final newline": ("\n  approvals: []", "\n  approvals:\n    - LINE\n"),
    "empty with a comment": (
        "\n  approvals: []   # nobody yet\n",
        "\n  approvals:   # nobody yet\n    - LINE\n",
    ),
    "empty in quotes": ('\n  "approvals": []\n', '\n  "approvals":\n    - LINE\n'),
    "empty on the next line": ("\n  approvals:\n    []\n", "\n  approvals:\n\n    - LINE\n"),
    "empty, then a comment": ("\n  approvals: []\n# end\n", "\n  approvals:\n    - LINE\n# end\n"),
    "one": (f"\n  approvals:\n    {GIVEN}\n", f"\n  approvals:\n    {GIVEN}\n    - LINE\n"),
    "one, no final newline": (
        f"\n  approvals:\n    {GIVEN}",
        f"\n  approvals:\n    {GIVEN}\n    - LINE\n",
    ),
    "one, not indented": (
        f"\n  approvals:\n  {GIVEN}\n",
        f"\n  approvals:\n  {GIVEN}\n  - LINE\n",
    ),
    "one with comments": (
        f"\n  approvals:\n    {GIVEN} # first\n    # more to come\n",
        f"\n  approvals:\n    {GIVEN} # first\n    - LINE\n    # more to come\n",
    ),
    "one key per line": (
        f"{KEYS}demo_director\n\n# end\n",
        f"{KEYS}demo_director\n    - LINE\n\n# end\n",
    ),
    "folded text last": (
        f"{KEYS}>-\n        demo\n        director\n\n# end\n",
        f"{KEYS}>-\n        demo\n        director\n    - LINE\n\n# end\n",
    ),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_approval_changes_no_other_byte_and_no_meaning(
    tmp_path: Path, ending: str, newline: str
) -> None:
    start, end = (BARE + part for part in ENDINGS[ending])
    contract = read(tmp_path, start.replace("\n", newline))
    line = line_for(contract)
    after = with_approval(start.replace("\n", newline), line)
    assert after == end.replace("LINE", line).replace("\n", newline)
    found = read(tmp_path, after)
    assert fingerprint(found) == fingerprint(contract)
    assert len(found.launch.approvals) == len(contract.launch.approvals) + 1
    assert found.launch.approvals[-1].fingerprint == fingerprint(contract)
    assert found.launch.approvals[-1].destinations == {"salesforce": "acme: #1"}


def test_two_roles_sign_one_after_the_other(tmp_path: Path) -> None:
    once = approve(tmp_path, BARE, by="demo_cs_director")
    twice = approve(tmp_path, once, by="demo_deputy")
    assert twice.startswith(once)
    given = read(tmp_path, twice).launch.approvals
    assert [approval.by for approval in given] == ["demo_cs_director", "demo_deputy"]


def test_a_file_whose_last_section_is_another_one_keeps_it(tmp_path: Path) -> None:
    launch = BARE[len(HEAD) :]
    text = f"{launch}\n\n# the ten sections\n{HEAD}"
    after = approve(tmp_path, text)
    assert after.endswith(HEAD)
    assert newest(tmp_path, after).by == "demo_cs_director"


@pytest.mark.parametrize(
    "ending",
    [f"\n  approvals: [{GIVEN.removeprefix('- ')}]\n", "launch"],
    ids=["approvals", "launch"],
)
def test_a_section_on_one_line_is_refused_and_says_what_to_write(ending: str) -> None:
    text = f"{HEAD}launch: {{decision: launch}}\n" if ending == "launch" else BARE + ending
    with pytest.raises(RefusedError, match=r"line; write one .* per line, then approve again"):
        with_approval(text, "{}")


@pytest.mark.parametrize("text", ["", "- a\n", "other: 1\n", "launch: none\n"])
def test_text_without_a_launch_section_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        with_approval(text, "{}")


@pytest.mark.parametrize(
    "by",
    [
        'x", role: "revops',
        "x}\n    - {role: revops",
        "back\\slash",
        "# not a comment",
        "*alias &anchor !tag %x",
        "a: b, c: [d]",
        "ten\N{NEXT LINE}lines\N{LINE SEPARATOR}long",
        "\N{GRINNING FACE} Zoë",
        "two\nlines",
        "w " * 249 + "w",
    ],
)
def test_whatever_somebody_is_called_it_stays_a_name(tmp_path: Path, by: str) -> None:
    """A name that closes its quotes could approve in another role's stead."""
    after = approve(tmp_path, BARE, by=by)
    assert len(after.splitlines()) == len(BARE.splitlines()) + 2
    given = read(tmp_path, after).launch.approvals
    assert [(approval.role, approval.by) for approval in given] == [("cs_director", by)]


def test_a_role_that_the_contract_does_not_name_is_refused(tmp_path: Path) -> None:
    contract = read(tmp_path, BARE)
    with pytest.raises(RefusedError, match="intern is not a role of this contract; its roles are"):
        approval_line(contract, about(contract), role="intern", by="x", on=TODAY)


def test_a_name_that_would_show_as_another_one_makes_no_valid_file(tmp_path: Path) -> None:
    after = approve(tmp_path, BARE, by="\N{RIGHT-TO-LEFT OVERRIDE}rotcerid")
    with pytest.raises(ContractError, match=r"control character U\+202E"):
        read(tmp_path, after)
