"""Exit codes and messages: what a scheduler branches on and a person reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer
from installation import NAME
from typer.testing import CliRunner

from activation_pipeline.cli.exits import Commands, code_of_error, code_of_outcome
from activation_pipeline.errors import (
    ActivationError,
    ConfigurationError,
    ContractError,
    PermanentError,
    RefusedError,
    RetryableError,
    WarehouseError,
)

if TYPE_CHECKING:
    from installation import Installation


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContractError(()), 1),
        (ConfigurationError("x"), 1),
        (WarehouseError("x"), 1),
        (RefusedError("x", clause="freshness"), 3),
        (RetryableError("x"), 5),
        (PermanentError("x"), 5),
    ],
)
def test_every_kind_of_error_has_its_code(error: ActivationError, code: int) -> None:
    assert code_of_error(error) == code


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("delivered", 0),
        ("nothing_to_send", 0),
        ("alert_only", 0),
        ("delivered_in_part", 4),
        ("rejected", 5),
    ],
)
def test_every_outcome_has_its_code(outcome: str, code: int) -> None:
    assert code_of_outcome(outcome) == code


def test_an_unknown_contract_names_the_nearest(place: Installation) -> None:
    result = place.run("plan", "renewal_rsik")
    assert result.exit_code == 1
    assert f"did you mean {NAME}?" in result.stderr
    assert result.stdout == ""


def test_a_missing_setting_is_named(place: Installation) -> None:
    del place.environment["ACTIVATION_WAREHOUSE"]
    place.environment["ACTIVATION_WAREHOUSE"] = ""
    result = place.run("status")
    assert result.exit_code == 1
    assert "ACTIVATION_WAREHOUSE" in result.stderr


def test_wrong_usage_ends_with_two(place: Installation) -> None:
    for arguments in (
        ["plan"],
        ["sync", NAME, "--destination", "braze"],
        ["approve", NAME, "--as", "cs_director"],
        ["approve", NAME, "--as", "cs_director", "--by", "x", "--plan", "abc"],
        ["approve", NAME, "--as", "cs_director", "--by", "x", "--gate", "change_volume"],
        ["pause", NAME, "--by", "x", "--reason", "two\nlines"],
        ["nonsense"],
    ):
        assert place.run(*arguments).exit_code == 2, arguments


def test_a_plan_that_pauses_is_made_and_not_sent(place: Installation) -> None:
    planned = place.run("plan", NAME)
    assert planned.exit_code == 0
    assert "decision: pause" in planned.stdout
    sent = place.run("sync", NAME)
    assert sent.exit_code == 3
    assert "was paused by" in sent.stderr
    assert place.writes() == 0


def test_a_refusal_is_told_in_json_too(place: Installation) -> None:
    place.run("plan", NAME)
    result = place.run("sync", NAME, "--json")
    assert result.exit_code == 3
    document = json.loads(result.stdout)
    assert document["destinations"][0]["error"]["clause"]
    unknown = place.run("plan", "nope", "--json")
    assert json.loads(unknown.stdout)["error"]["kind"] == "configuration"


def test_a_delivery_that_loses_a_record_is_in_part(place: Installation) -> None:
    place.sql("update mart set band = 'purple' where id = 'A-1'")
    place.launched()
    result = place.run("sync", NAME)
    assert result.exit_code == 4, result.output
    assert "5 of 6 accepted, 1 rejected" in result.stdout


def test_a_delivery_of_nothing_but_rejects_has_failed(place: Installation) -> None:
    place.sql("update mart set band = 'purple'")
    place.launched()
    assert place.run("sync", NAME).exit_code == 5


def test_a_destination_that_refuses_us_has_failed_and_no_secret_is_shown(
    place: Installation,
) -> None:
    place.launched()
    place.environment |= {"SALESFORCE_CLIENT_SECRET": "not-the-secret"}
    result = place.run("sync", NAME, "--json")
    assert result.exit_code == 5
    assert "not-the-secret" not in result.output
    assert "Traceback" not in result.output


def test_an_interruption_has_its_code_and_no_traceback() -> None:
    typed = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @typed.command()
    def first() -> None:
        raise KeyboardInterrupt

    @typed.command()
    def second() -> None:
        """A group of one command would not be a group."""

    result = CliRunner().invoke(typed, ["first"])
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")
