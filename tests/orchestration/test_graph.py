"""The graph that is built from a folder of contracts: the shipped ones, and broken ones."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from tiny_company import NAME, write_contract
from yards import REPOSITORY, SCORE, SYNC

from activation_pipeline import gates, judgement
from activation_pipeline.contract import Contract
from activation_pipeline.definitions import build_defs
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.loading import load_all
from activation_pipeline.orchestration.ledger import KEYS

if TYPE_CHECKING:
    from pathlib import Path

    from yards import Yard

CONTRACTS = REPOSITORY / "contracts"
DAY = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped(company: Yard) -> dg.Definitions:
    """The shipped contracts on the shipped dbt project, which has no manifest yet."""
    environment = company.environment | {
        "ACTIVATION_CONTRACTS": str(CONTRACTS),
        "ACTIVATION_DBT_PROJECT": str(REPOSITORY / "dbt_project"),
        "DBT_PROFILES_DIR": str(REPOSITORY / "dbt_project"),
        "DBT_TARGET_PATH": str(company.folder / "shipped_target"),
    }
    with pytest.MonkeyPatch.context() as process:
        for name, value in environment.items():  # dbt reads the process's own
            process.setenv(name, value)
        return build_defs(environment=environment, clock=lambda: DAY)


def contracts() -> list[Contract]:
    found = load_all(CONTRACTS, today=DAY.date())
    return [contract for contract in found.values() if isinstance(contract, Contract)]


def keys_of(defs: dg.Definitions) -> set[str]:
    graph = defs.resolve_asset_graph()
    return {key.to_user_string() for key in graph.get_all_asset_keys()}


def test_every_shipped_contract_has_its_group_job_and_schedule(shipped: dg.Definitions) -> None:
    keys, graph = keys_of(shipped), shipped.resolve_asset_graph()
    assert contracts()
    for contract in contracts():
        things = [contract.asset_kind]
        for name in contract.destinations:
            things += [f"sync_{name}", f"reconciliation_{name}"]
        own = {f"{contract.name}/{thing}" for thing in things}
        assert {key for key in keys if key.startswith(f"{contract.name}/")} == own
        assert {graph.get(dg.AssetKey(key.split("/"))).group_name for key in own} == {contract.name}
        schedule = shipped.resolve_schedule_def(f"{contract.name}_schedule")
        assert schedule.cron_schedule == contract.freshness.refresh
        assert schedule.execution_timezone == contract.freshness.timezone
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_the_activated_asset_is_built_from_every_model_that_the_contract_reads(
    shipped: dg.Definitions,
) -> None:
    graph = shipped.resolve_asset_graph()
    parents = graph.get(dg.AssetKey(["renewal_risk_review", "score"])).parent_keys
    names = {key.to_user_string() for key in parents}
    assert {"mart_renewal_risk", "int_identity_account", "int_feed_freshness"} <= names
    assert {"suppress_churned_customers", "holdout_renewal_2026"} <= names


def test_a_job_builds_its_own_models_and_no_other_contracts(shipped: dg.Definitions) -> None:
    job = shipped.resolve_job_def("renewal_risk_review")
    chosen = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    chosen &= {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert "mart_renewal_risk" in chosen
    assert not {"mart_follow_up_priority", "expansion_education/audience"} & chosen


def test_nothing_decides_about_a_sync_by_these_tables(shipped: dg.Definitions) -> None:
    """They stand downstream of every sync, and only dbt's own models stand downstream of them."""
    graph = shipped.resolve_asset_graph()
    for key in KEYS.values():
        parents = {each.path[-1].split("_")[0] for each in graph.get(key).parent_keys}
        assert parents == {"sync"}
        children = {each.to_user_string() for each in graph.get(key).child_keys}
        assert children == {"fct_delivery_coverage"}
    job = shipped.resolve_job_def("export_ledger")
    chosen = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert chosen == {*(key.to_user_string() for key in KEYS.values()), "fct_delivery_coverage"}


def test_the_ledger_is_exported_by_itself_only_where_dbt_reads_it(
    shipped: dg.Definitions, company: Yard
) -> None:
    """Nobody's warehouse is written to because a package was installed."""
    status = dg.DefaultScheduleStatus
    for defs, expected in ((shipped, status.RUNNING), (company.defs, status.STOPPED)):
        assert defs.resolve_schedule_def("export_ledger_schedule").default_status is expected


def test_every_gate_is_a_check_with_the_gates_own_words(shipped: dg.Definitions) -> None:
    graph = shipped.resolve_asset_graph()
    for contract in contracts():
        key = dg.AssetKey([contract.name, contract.asset_kind])
        for spec in judgement.specs(contract):
            node = graph.get(dg.AssetCheckKey(key, spec.name))
            assert node.description == gates.GATES[spec.name].description
            assert node.blocking is not spec.warn


def test_people_may_read_who_answers_for_an_asset(shipped: dg.Definitions) -> None:
    node = shipped.resolve_asset_graph().get(dg.AssetKey(["renewal_risk_review", "score"]))
    assert node.owners == ["team:cs_director"]
    assert node.description.startswith("CSMs prioritise renewal-risk review")
    (place,) = node.metadata["dagster/code_references"].code_references
    text = (CONTRACTS / "renewal_risk_review.yaml").read_text(encoding="utf-8").splitlines()
    assert text[place.line_number - 1].startswith("workflow:")


def test_a_malformed_contract_fails_alone(yard: Yard) -> None:
    """The others load and run; the broken one is there, red, with the file's lines."""
    broken = write_contract(yard.folder / "contracts", "broken", field="Type")
    text = broken.read_text(encoding="utf-8").replace("at_least: 0.9", "at_least: 98")
    broken.write_text(text, encoding="utf-8")
    defs = build_defs(environment=yard.environment)
    assert {"broken/contract", SCORE.to_user_string(), SYNC.to_user_string()} <= keys_of(defs)
    done = defs.resolve_job_def("broken").execute_in_process(
        instance=yard.instance, raise_on_error=False
    )
    (check,) = done.get_asset_check_evaluations()
    assert not done.success
    assert check.check_name == "contract_valid"
    assert not check.passed
    assert check.description.startswith("contracts/broken.yaml:29:28: ")
    assert "gates.match_rate.at_least: 98 is not a ratio" in check.description
    assert yard.run(asset_selection={SYNC}).success


@pytest.mark.parametrize("name", ["two words.yaml", "ends_in.yml", "input.yaml", "päuse.yaml"])
def test_no_file_name_keeps_the_others_from_loading(yard: Yard, name: str) -> None:
    file = write_contract(yard.folder / "contracts", "other", field="Type")
    file.rename(file.with_name(name))
    defs = build_defs(environment=yard.environment)
    assert SYNC.to_user_string() in keys_of(defs)
    assert len(defs.resolve_asset_graph().get_all_asset_keys()) > len(
        yard.defs.resolve_asset_graph().get_all_asset_keys()
    )


def test_a_contract_that_broke_since_loading_is_not_sent(yard: Yard) -> None:
    """The page still shows the old graph; the file as it is now counts."""
    file = yard.folder / "contracts" / f"{NAME}.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("launch:\n", "lunch:\n"), "utf-8")
    assert not yard.run(asset_selection={SYNC}).success
    assert yard.sent() == 0


def test_a_launch_that_was_taken_back_in_the_file_is_not_sent(yard: Yard) -> None:
    file = yard.folder / "contracts" / f"{NAME}.yaml"
    text = file.read_text(encoding="utf-8").replace("decision: launch\n", "decision: pause\n")
    file.write_text(text, encoding="utf-8")
    assert not yard.run(asset_selection={SYNC}).success
    assert yard.sent() == 0


def test_a_missing_folder_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ACTIVATION_CONTRACTS, ACTIVATION_DBT_PROJECT"):
        build_defs(environment={})
    settings = {
        "ACTIVATION_CONTRACTS": str(tmp_path / "nowhere"),
        "ACTIVATION_DBT_PROJECT": str(tmp_path),
    }
    with pytest.raises(ConfigurationError, match="ACTIVATION_CONTRACTS: nowhere/ is not a folder"):
        build_defs(environment=settings)
    with pytest.raises(ConfigurationError, match=r"ACTIVATION_DBT_PROJECT: no dbt_project\.yml"):
        build_defs(environment=settings | {"ACTIVATION_CONTRACTS": str(CONTRACTS)})


def test_loading_reads_no_secret_and_opens_nothing(company: Yard) -> None:
    """Definitions load on machines that have no credentials, such as a reviewer's."""
    kept = ("ACTIVATION_CONTRACTS", "ACTIVATION_DBT_PROJECT", "DBT_TARGET_PATH")
    defs = build_defs(environment={name: company.environment[name] for name in kept})
    assert SYNC.to_user_string() in keys_of(defs)


def test_the_sensor_and_the_on_call_jobs_are_there(company: Yard) -> None:
    on_call = {"pause_contract", "resume_contract", "rollback_contract", "freeze_contract"}
    on_call |= {"expire_contract"}
    assert {*on_call, "every_contract"} <= {job.name for job in company.defs.resolve_all_job_defs()}
    sensor = company.defs.resolve_sensor_def("automation")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_copying_is_not_needed(tmp_path: Path) -> None:
    """The shipped instance settings hold no path of a machine."""
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1
