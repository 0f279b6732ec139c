"""An installation opened from its settings, and who still lives of those that sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from company import NOW, Company, contract_dict, manifest_of

from activation_pipeline.contract import Contract
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.runtime import is_gone, open_runtime, target, this_process
from activation_pipeline.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from activation_pipeline.settings import Settings

SECOND = timedelta(seconds=1)


def settings_in(folder: Path) -> Settings:
    return read_settings(
        {
            "ACTIVATION_HOME": str(folder / "home"),
            "ACTIVATION_CONTRACTS": str(folder / "contracts"),
            "ACTIVATION_DBT_PROJECT": str(folder / "dbt"),
            "ACTIVATION_WAREHOUSE": str(folder / "warehouse.duckdb"),
        }
    )


def test_an_installation_opens_and_reads_its_manifest_and_warehouse(company: Company) -> None:
    runtime = open_runtime(settings_in(company.folder))
    try:
        with pytest.raises(ConfigurationError, match=r"manifest\.json: not found under target/"):
            runtime.read_manifest()
        path = company.folder / "dbt" / "target" / "manifest.json"
        path.parent.mkdir(parents=True)
        for text in ("{", "[]", '{"nodes": {"model.t.x": {"resource_type": "model"}}}'):
            path.write_text(text, encoding="utf-8")
            with pytest.raises(ConfigurationError, match=r"not a dbt manifest .*; run dbt parse"):
                runtime.read_manifest()
        path.write_text(json.dumps(manifest_of(["mart"])), encoding="utf-8")
        assert runtime.read_manifest().resolve("mart").parts == ("warehouse", "main", "mart")
        with runtime.open_warehouse() as connection:
            assert connection.execute("select count(*) from mart").fetchone() == (0,)
        with pytest.raises(ConfigurationError, match="destination kind crm: not known"):
            runtime.connect("crm")
    finally:
        runtime.close()


def test_one_client_serves_all_destinations_of_its_kind_and_is_closed(company: Company) -> None:
    body = contract_dict()
    one = body["destinations"]["crm"]
    body["destinations"] = {"crm": one, "second": {**one, "kind": "crm"}, "third": one}
    body["matching"] = {"identity": "identity", "rules": ["billing_id"]}
    contract = Contract.model_validate(body)
    asked: list[str] = []
    with company.runtime() as runtime:
        connect = runtime.connect
        runtime.connect = lambda kind: (asked.append(kind), connect(kind))[1]
        for name in (*contract.destinations, *contract.destinations):
            runtime.client(contract, name)
        assert asked == ["crm", "third"]
        assert list(runtime._clients) == ["crm", "third"]
    assert runtime._clients == {}


def test_a_target_has_only_the_fields_that_the_caveats_let_through() -> None:
    body = contract_dict()
    body["destinations"]["crm"]["fields"]["Reason__c"] = {"from": "reason"}
    everything = target(Contract.model_validate(body), "crm")
    assert set(everything.fields) == {"Band__c", "Reason__c"}
    body["launch"] = {"decision": "launch_with_caveats", "caveats": {"fields": ["Reason__c"]}}
    assert set(target(Contract.model_validate(body), "crm").fields) == {"Reason__c"}


def test_a_sender_on_this_machine_lives_as_long_as_its_process() -> None:
    me = this_process()
    host = me.rsplit(":", 2)[0]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        began = is_gone(f"{host}:{other.pid}:0", NOW, now=NOW)
        other.kill()
        other.wait()
        assert began, "another process has this pid now"
        assert is_gone(f"{host}:{other.pid}:7", NOW, now=NOW)
    assert not is_gone(me, NOW, now=NOW + timedelta(days=99))
    assert is_gone(f"{host}:{os.getpid()}:1", NOW, now=NOW), "its pid was used again"
    assert is_gone(f"{host}:{2**22 + 1}:1", NOW, now=NOW)


def test_a_sender_elsewhere_lives_for_five_minutes_after_its_last_word() -> None:
    elsewhere = "another-machine:1:7"
    assert not is_gone(elsewhere, NOW, now=NOW + 300 * SECOND)
    assert is_gone(elsewhere, NOW, now=NOW + 301 * SECOND)
