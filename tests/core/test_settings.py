"""Where an installation keeps its things, and what it says when it is not told."""

from __future__ import annotations

from pathlib import Path

import pytest

from activation_pipeline.errors import ConfigurationError
from activation_pipeline.settings import full_environment, read_settings

NEEDED = {
    "ACTIVATION_HOME": "home",
    "ACTIVATION_CONTRACTS": "contracts",
    "ACTIVATION_DBT_PROJECT": "dbt",
    "ACTIVATION_WAREHOUSE": "w.duckdb",
}


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_setting_is_named_with_where_it_was_looked_for(name: str) -> None:
    for given in ({k: v for k, v in NEEDED.items() if k != name}, NEEDED | {name: ""}):
        with pytest.raises(ConfigurationError, match=f"settings: {name} not set; looked in"):
            read_settings(given)


def test_all_missing_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match=", ".join(NEEDED)):
        read_settings({})


def test_paths_are_absolute_and_the_ledger_has_a_place_of_its_own() -> None:
    found = read_settings(NEEDED)
    assert found.home == Path("home").absolute()
    assert found.ledger == f"sqlite:///{found.home / 'ledger.sqlite'}"
    assert read_settings(NEEDED | {"ACTIVATION_LEDGER": "sqlite://"}).ledger == "sqlite://"


def test_the_manifest_is_where_dbt_was_told_to_write_it() -> None:
    assert read_settings(NEEDED).manifest == Path("dbt/target/manifest.json").absolute()
    moved = read_settings(NEEDED | {"DBT_TARGET_PATH": "elsewhere"})
    assert moved.manifest == Path("dbt/elsewhere/manifest.json").absolute()
    absolute = read_settings(NEEDED | {"DBT_TARGET_PATH": "/var/dbt"})
    assert absolute.manifest == Path("/var/dbt/manifest.json")


def test_the_environment_wins_over_the_file_and_both_are_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\nEMPTY\n", encoding="utf-8")
    assert full_environment({"A": "process", "C": "process"}, tmp_path) == {
        "A": "process",
        "B": "file",
        "C": "process",
    }
    assert full_environment({"A": "x"}, tmp_path / "none") == {"A": "x"}


def test_settings_show_no_secret_when_they_are_printed() -> None:
    secret = {"HUBSPOT_TOKEN": "s3cret", "ACTIVATION_LEDGER": "postgresql://me:s3cret@db/x"}
    assert "s3cret" not in repr(read_settings(NEEDED | secret))
    assert "s3cret" not in str(read_settings(NEEDED | secret))
