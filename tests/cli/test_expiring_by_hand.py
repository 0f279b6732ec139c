"""``activation expire``: what a person sees, also while dbt holds the warehouse."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from company import contract_dict
from installation import NAME

from activation_pipeline.cli import exits
from activation_pipeline.errors import RetryableError
from activation_pipeline.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from installation import Installation

_HOLD = "import sys, duckdb; held = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


def outlived(place: Installation) -> None:
    """Deliver, and then promise less than an hour: what was scored an hour ago is over."""
    place.launched()
    assert place.run("sync", NAME).exit_code == 0
    known = contract_dict()["freshness"] | {"on_expiry": {"Churn_Risk_Band__c": "clear"}}
    place.write(freshness=known | {"stale_after": "30m", "expire_after": "30m"})


@contextmanager
def held_by_another(path: Path) -> Iterator[None]:
    """Keep the warehouse open for writing in a process of its own, as dbt does."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate("\n", timeout=30)


def test_it_works_while_dbt_holds_the_warehouse_and_its_manifest_is_broken(
    place: Installation,
) -> None:
    outlived(place)
    warehouse = place.folder / "warehouse.duckdb"
    manifest = place.folder / "dbt" / "target" / "manifest.json"
    assert manifest.is_file()
    manifest.write_text("{", encoding="utf-8")
    writes = place.writes()
    with held_by_another(warehouse):
        with pytest.raises(RetryableError), open_warehouse(warehouse, wait_s=0):
            pass
        dry = place.run("expire", NAME, "--dry-run")
        assert (dry.exit_code, place.writes()) == (exits.DONE, writes)
        assert "not refreshed for 30m: would be 6 cleared" in dry.stdout
        done = place.run("expire", NAME, "--destination", "salesforce")
    assert done.exit_code == exits.DONE
    assert "not refreshed for 30m: 6 cleared" in done.stdout
    assert place.writes() > writes
    again = place.report("expire", NAME)
    assert again["exit_code"] == exits.DONE
    (only,) = again["destinations"]
    assert (only["plan"], only["over"], only["done"]) == (None, 0, {})


def test_a_frozen_contract_is_refused_and_the_status_tells_of_an_expiry(
    place: Installation,
) -> None:
    outlived(place)
    word = ("--by", "demo_on_call", "--reason", "look first", "--class", "identity")
    assert place.run("freeze", NAME, *word).exit_code == exits.DONE
    refused = place.run("expire", NAME)
    assert refused.exit_code == exits.REFUSED
    assert "nothing expires while it is frozen" in refused.stderr
    back = ("--as", "cs_director", "--by", "demo_cs_director", "--reason", "looked")
    assert place.run("resume", NAME, *back).exit_code == exits.DONE
    assert place.run("expire", NAME).exit_code == exits.DONE
    assert "expired at" in place.run("status", NAME).stdout
    explained = place.run("explain", NAME, "A-1").stdout
    assert "expired" in explained
    assert "expire_after: 6 records over since" in explained
