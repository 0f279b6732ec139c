"""A role's word: what lands in the contract's file, and who may sign a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from installation import NAME

if TYPE_CHECKING:
    from installation import Installation


def text(place: Installation) -> str:
    return (place.folder / "contracts" / f"{NAME}.yaml").read_text(encoding="utf-8")


WORD = ("--as", "cs_director", "--by", 'Dana "D" Doe')


def test_an_approval_adds_one_line_and_changes_no_other_byte(place: Installation) -> None:
    path = place.write()
    before = "# why: see the review\n" + path.read_text() + "# the end\n"
    path.write_text(before)
    path.chmod(0o640)
    result = place.run("approve", NAME, *WORD)
    assert result.exit_code == 0, result.output
    after = path.read_text().splitlines(keepends=True)
    added = [line for line in after if line not in before.splitlines(keepends=True)]
    assert "".join(line for line in after if line not in added) == before
    assert len(added) == 2  # the key, and the entry under it
    assert "role: cs_director" in added[1]
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert place.run("validate").exit_code == 0


def test_the_same_approval_is_not_written_twice(place: Installation) -> None:
    place.run("approve", NAME, *WORD)
    text = (place.folder / "contracts" / f"{NAME}.yaml").read_text()
    assert place.report("approve", NAME, *WORD)["written"] is False
    assert (place.folder / "contracts" / f"{NAME}.yaml").read_text() == text


def test_a_role_that_the_contract_does_not_name_is_refused(place: Installation) -> None:
    path = place.folder / "contracts" / f"{NAME}.yaml"
    before = path.read_bytes()
    result = place.run("approve", NAME, "--as", "intern", "--by", "x")
    assert result.exit_code == 3
    assert "cs_director" in result.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("launch", ["launch: {decision: launch}\n"])
def test_a_file_that_cannot_take_the_line_is_left_alone(place: Installation, launch: str) -> None:
    path = place.write()
    head = path.read_text().partition("launch:")[0]
    path.write_text(head + launch)
    before = path.read_bytes()
    assert place.run("approve", NAME, *WORD).exit_code == 3
    assert path.read_bytes() == before


def test_a_signature_lets_one_plan_pass_one_gate(place: Installation) -> None:
    place.run("approve", NAME, *WORD)
    plan = place.report("plan", NAME)["plan"]
    signed = place.report(
        "approve", NAME, *WORD, "--plan", plan, "--gate", "change_volume", "--reason", "first"
    )
    assert signed["decision"] == "launch"
    assert signed["next"][-1]["command"] == f"activation sync {NAME}"
    other = place.run("approve", NAME, *WORD, "--plan", "0" * 16, "--reason", "an older one")
    assert other.exit_code == 3


def test_a_role_may_not_sign_for_another(place: Installation) -> None:
    plan = place.report("plan", NAME)["plan"]
    result = place.run(
        "approve", NAME, "--as", "cs_ops", "--by", "x", "--plan", plan, "--reason", "hurry"
    )
    assert result.exit_code == 3
    assert "cs_director signs" in result.stderr


def test_the_next_steps_are_commands_that_work(place: Installation) -> None:
    """Whoever follows what the command says, with nothing else at hand, gets the plan out."""
    for _ in range(6):
        steps = place.report("plan", NAME)["next"]
        commands = [step["command"] for step in steps if step["command"]]
        for command in commands:
            words = command.replace("WHO", "x").replace("TEXT", "y").split()[1:]
            result = place.run(*words)
            assert result.exit_code == 0, result.output
            if words[0] == "sync":
                assert "6 of 6 accepted" in result.stdout
                return
            if words[0] == "plan":
                break
    pytest.fail("the steps never led to a delivery")


def test_an_approval_names_the_account_that_the_settings_lead_to(place: Installation) -> None:
    report = place.report("approve", NAME, *WORD)
    assert report["destinations"] == {"salesforce": "127.0.0.1"}
    assert 'destinations: {salesforce: "127.0.0.1"}' in text(place)


def test_an_account_is_approved_without_its_secrets(place: Installation) -> None:
    """Who approves for production is not always somebody who may write there."""
    del place.environment["SALESFORCE_CLIENT_SECRET"]
    asked = place.run("approve", NAME, *WORD)
    assert "SALESFORCE_CLIENT_SECRET" in asked.stderr
    assert "or name each account that you approve: --account DESTINATION=ACCOUNT" in asked.stderr
    account = ("--account", "salesforce=acme.my.salesforce.com")
    assert place.run("approve", NAME, *WORD, *account).exit_code == 0
    assert 'destinations: {salesforce: "acme.my.salesforce.com"}' in text(place)


@pytest.mark.parametrize(
    ("account", "message"),
    [
        ("acme.my.salesforce.com", "write destination=account"),
        ("salesforce=", "write destination=account"),
        ("hubspot=1", "hubspot: no such destination; it has salesforce"),
    ],
)
def test_an_account_of_no_destination_approves_nothing(
    place: Installation, account: str, message: str
) -> None:
    before = text(place)
    result = place.run("approve", NAME, *WORD, "--account", account)
    assert message in result.stderr
    assert text(place) == before


def test_only_the_people_of_a_role_approve_where_the_settings_name_them(
    place: Installation,
) -> None:
    before = text(place)
    place.environment["ACTIVATION_PEOPLE_CS_DIRECTOR"] = "demo_director, demo_deputy"
    refused = place.run("approve", NAME, *WORD)
    assert (refused.exit_code, text(place)) == (3, before)
    assert "cs_director: whoever spoke is not one of the 2 people of this role" in refused.stderr
    assert place.run("approve", NAME, "--as", "cs_director", "--by", "demo_deputy").exit_code == 0
