"""The bundled demo company: reproducible, free of real people, documented, and messy on purpose.

The dbt build itself runs once, in a temporary folder, for every test that looks at its tables.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from activation_pipeline import ledger_export

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[1] / "dbt_project"
BUILD_DAY = datetime(2026, 3, 10, tzinfo=UTC).replace(tzinfo=None)
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
CONTRACTED = re.compile(r"(mart|suppress|review|holdout|int_identity|int_feed)_")
MARTS = {
    "mart_renewal_risk": "billing_customer_id",
    "mart_expansion_education": "product_user_id",
    "mart_follow_up_priority": "account_id",
    "mart_next_best_action": "opportunity_id",
}


def dbt(folder: Path, *arguments: str, **variables: object) -> None:
    """Run dbt from, and into, a folder of the test: never from the project's own."""
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments]
    command += ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    command += ["--vars", json.dumps({"build_day": f"{BUILD_DAY:%Y-%m-%d}", **variables})]
    settings = {
        "ACTIVATION_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    done = subprocess.run(
        command, cwd=folder, env=os.environ | settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build everything once; its tests and unit tests are ``make check``'s own step."""
    folder = tmp_path_factory.mktemp("demo")
    dbt(folder, "build", "--exclude-resource-type", "test", "unit_test")
    return folder


@pytest.fixture(scope="module")
def warehouse(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(built / "warehouse.duckdb"), read_only=True)
    yield connection
    connection.close()


def one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    return connection.execute(query).fetchall()[0][0]


def match_rate(connection: duckdb.DuckDBPyConnection, mart: str, key: str, identity: str) -> float:
    """Tell the share of candidates with exactly one record that no other candidate has."""
    return float(
        one(
            connection,
            f"""
            with matches as (select i.* from {identity} i join {mart} m on i.key = m.{key}),
            good as (
                select key from matches
                where destination_id not in (
                    select destination_id from matches group by 1 having count(distinct key) > 1
                )
                group by key having count(*) = 1
            )
            select count(good.key) / count(*) from {mart} m left join good on good.key = m.{key}
            """,
        )
    )


def test_the_derived_files_are_what_the_script_writes(tmp_path: Path) -> None:
    """Edited by hand, they could never be made again for a larger company."""
    script = PROJECT / "derive_demo_data.py"
    subprocess.run(
        [sys.executable, "-B", script, PROJECT / "seeds" / "leadforge", tmp_path], check=True
    )
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.csv")}
    kept = {
        path.relative_to(PROJECT / "seeds"): path.read_bytes()
        for folder in ("derived", "crm")
        for path in (PROJECT / "seeds" / folder).glob("*.csv")
    }
    assert written == kept


def test_addresses_reach_nobody() -> None:
    """Outside reserved domains an address is a contact's id, which no person would have chosen."""
    with (PROJECT / "seeds/derived/contact_emails.csv").open(encoding="utf-8", newline="") as file:
        emails = [row["email"] for row in csv.DictReader(file)]
    reserved = re.compile(r"@([a-z0-9-]+\.)*example\.(com|net|org)$")
    outside = [email for email in emails if not reserved.search(email)]
    assert len(set(emails)) == len(emails)
    assert len(outside) < len(emails) * 0.05
    assert all(re.match(r"cnt_\d{6}@", email) for email in outside)


def test_salesforce_ids_stay_different_when_case_is_lost() -> None:
    """A spreadsheet or a case-blind join would otherwise write to another company."""
    with (PROJECT / "seeds/crm/salesforce_account.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["Id"] for row in csv.DictReader(file)]
    assert all(re.fullmatch(r"001[0-9A-Za-z]{15}", record) for record in ids)
    assert len({record.lower() for record in ids}) == len(ids)


@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_every_model_says_what_one_row_is_and_proves_its_key(model: Path) -> None:
    described = yaml.safe_load(model.with_suffix(".yml").read_text(encoding="utf-8"))["models"]
    (entry,) = described
    assert entry["name"] == model.stem
    assert re.search(r"One row per [^.]+\.$", entry["description"].strip())
    tests = [column.get("data_tests", []) for column in entry.get("columns", [])]
    has_key = any({"unique", "not_null"} <= {t for t in ts if isinstance(t, str)} for ts in tests)
    assert has_key or any("one_row_per" in test for test in entry.get("data_tests", []))
    if CONTRACTED.match(model.stem):
        assert entry["config"]["contract"] == {"enforced": True}


def test_the_ledgers_tables_are_described_as_they_are_written() -> None:
    """Where the ledger was never exported, dbt makes empty ones out of the description."""
    text = (PROJECT / "models/outcomes/_sources.yml").read_text(encoding="utf-8")
    (source,) = yaml.safe_load(text)["sources"]
    described = {
        table["name"]: {column["name"]: column["data_type"] for column in table["columns"]}
        for table in source["tables"]
    }
    assert source["schema"] == ledger_export.SCHEMA
    assert described == ledger_export.TABLES
    assert all(c["description"] for table in source["tables"] for c in table["columns"])


@pytest.mark.demo
def test_coverage_is_empty_before_the_ledger_was_exported_and_follows_it(
    built: Path, tmp_path: Path
) -> None:
    shutil.copytree(built / "target", tmp_path / "target")
    shutil.copy(built / "warehouse.duckdb", tmp_path)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        assert one(connection, "select count(*) from fct_delivery_coverage") == 0
        ledger_export.prepare_tables(connection)
        connection.execute(
            """
            insert into activation.activation_records by name
            select 'c' as contract, 'crm' as destination, state, timestamp '2026-03-09' as
            delivered_at from (values ('accepted'), ('accepted'), ('rejected'), ('held')) t (state)
            """
        )
    dbt(tmp_path, "build", "--select", "fct_delivery_coverage")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        assert one(connection, "select coverage from fct_delivery_coverage") == 0.5


@pytest.mark.demo
def test_renewal_risk_has_the_flaws_its_gates_look_for(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rate = match_rate(warehouse, "mart_renewal_risk", "billing_customer_id", "int_identity_account")
    assert 0.98 <= rate < 1
    unsuppressed = """
        from mart_renewal_risk m
        where billing_customer_id not in (select key from suppress_churned_customers)
        and billing_customer_id not in (select key from suppress_pending_cancellations)
        and billing_customer_id not in (select key from suppress_test_accounts)
        and billing_customer_id not in (select key from suppress_identity_conflicts)
    """
    missing = one(warehouse, f"select count(*) {unsuppressed} and reason_code is null")
    assert 1 <= missing < 0.02 * one(warehouse, f"select count(*) {unsuppressed}")
    bands = "select count(distinct risk_band) from mart_renewal_risk"
    assert one(warehouse, bands) == 3


@pytest.mark.demo
def test_the_expansion_audience_has_a_population_and_leavers(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """Without candidates past 14 days nobody would ever be seen to leave the list."""
    for identity in ("int_identity_product_user", "int_identity_braze_user"):
        rate = match_rate(warehouse, "mart_expansion_education", "product_user_id", identity)
        assert 0.95 <= rate < 1
    end_of_day = BUILD_DAY + timedelta(days=1)
    ages = [
        end_of_day - moment
        for (moment,) in warehouse.execute(
            "select last_qualified_at from mart_expansion_education"
        ).fetchall()
    ]
    assert len(ages) >= 60
    assert any(age > timedelta(days=15) for age in ages)
    on_the_way = [age for age in ages if timedelta(days=14) < age <= timedelta(days=15)]
    assert not on_the_way, "crosses the 14-day limit during the build day"


@pytest.mark.demo
@pytest.mark.parametrize(
    "identity", ["int_identity_follow_up_contact", "int_identity_follow_up_account"]
)
def test_follow_ups_match_in_both_systems(
    warehouse: duckdb.DuckDBPyConnection, identity: str
) -> None:
    rate = match_rate(warehouse, "mart_follow_up_priority", "account_id", identity)
    assert 0.97 <= rate < 1
    assert 100 <= one(warehouse, "select count(*) from mart_follow_up_priority") <= 300


@pytest.mark.demo
def test_suggestions_have_every_flaw_that_holds_one_back(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """A suggestion without its reason, too old, or over the threshold must be seen to wait."""
    rate = match_rate(
        warehouse, "mart_next_best_action", "opportunity_id", "int_identity_opportunity"
    )
    assert 0.97 <= rate < 1
    candidates = one(warehouse, "select count(*) from mart_next_best_action")
    unexplained = "select count(*) from mart_next_best_action where reason_code is null"
    assert 1 <= one(warehouse, unexplained) < 0.03 * candidates
    assert one(warehouse, "select count(distinct reason) from review_suggestions") == 2
    old = f"suggested_at < timestamp '{BUILD_DAY - timedelta(days=13)}'"
    past = one(warehouse, f"select count(*) from mart_next_best_action where {old}")
    assert 1 <= past < 0.3 * candidates


@pytest.mark.demo
def test_no_suggestion_crosses_its_limit_during_the_build_day(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """A plan of the evening would otherwise differ from the one that was signed at noon."""
    moments = "select count(*) from mart_next_best_action where suggested_at::time <> '00:00:00'"
    assert one(warehouse, moments) == 0


@pytest.mark.demo
def test_every_suppression_rule_catches_a_candidate(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """A rule that catches nobody in the demo is a rule that nobody sees at work."""
    keys = {
        row[0]
        for mart, key in MARTS.items()
        for row in warehouse.execute(f"select {key} from {mart}").fetchall()
    }
    for model in MODELS:
        if model.stem.startswith(("suppress_", "review_")):
            caught = warehouse.execute(f"select key from {model.stem}").fetchall()
            assert keys & {row[0] for row in caught}, model.stem


@pytest.mark.demo
def test_feeds_are_fresh_all_day_and_never_in_the_future(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """Fresh at noon but stale at night would stop the demo in the evening."""
    assert warehouse.execute("select distinct as_of from int_feed_freshness").fetchall() == [
        (BUILD_DAY,)
    ]
    assert one(warehouse, "select min(scored_at) from mart_renewal_risk") == BUILD_DAY
    moments = warehouse.execute(
        "select table_name, column_name from duckdb_columns() where data_type = 'TIMESTAMP'"
    ).fetchall()
    assert len(moments) > len(MODELS) / 2
    for table, column in moments:
        newest = one(warehouse, f"select max({column}) from {table}")
        assert newest <= BUILD_DAY, f"{table}.{column}"


@pytest.mark.demo
def test_a_rebuild_with_stale_days_ages_everything_and_changes_nothing_else(
    built: Path, tmp_path: Path
) -> None:
    """A build that differed from the last one would plan writes that nobody asked for."""
    shutil.copytree(built / "target", tmp_path / "target")
    dbt(tmp_path, "run", "--exclude", "path:models/suppression", stale_days=3)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        again = [connection.execute(f"from {mart} order by all").fetchall() for mart in MARTS]
        feeds = connection.execute("select distinct as_of from int_feed_freshness").fetchall()
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        first = [connection.execute(f"from {mart} order by all").fetchall() for mart in MARTS]
    assert feeds == [(BUILD_DAY - timedelta(days=3),)]
    # Of a rebuild, nothing but the moments may differ, and they by just three days.
    assert again == [[tuple(_older(value) for value in row) for row in rows] for rows in first]


def _older(value: object) -> object:
    is_moment = hasattr(value, "year")
    return value - timedelta(days=3) if is_moment else value  # type: ignore[operator]  # dates and timestamps alike
