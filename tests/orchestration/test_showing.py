"""What Dagster's page shows of a run: numbers and names, and nothing about a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
from tiny_company import NAME, RECORDS
from yards import SCORE, SYNC

from activation_pipeline import judgement
from activation_pipeline.loading import load

if TYPE_CHECKING:
    from yards import Yard

READ_BACK = dg.AssetKey([NAME, "reconciliation_salesforce"])


def newest(yard: Yard, key: dg.AssetKey) -> dict[str, object]:
    (record,) = yard.instance.fetch_materializations(key, limit=1).records
    found = record.asset_materialization.metadata
    return {name: value.value for name, value in found.items()}


def test_a_plan_is_shown_with_its_counts(yard: Yard) -> None:
    assert yard.run(asset_selection={SCORE, SYNC, READ_BACK}).success
    plan = newest(yard, SCORE)
    assert (plan["decision"], plan["candidates"], plan["planned"]) == ("launch", 10, RECORDS)
    counts = {row.data["disposition"]: row.data["count"] for row in plan["dispositions"].records}
    assert counts == {"eligible": RECORDS, "suppressed": 1}
    (rule,) = plan["suppressed"].records
    assert rule.data == {"rule": "suppress_tiny", "count": 1}
    (operations,) = plan["operations"].records
    assert operations.data["add"] == RECORDS
    assert operations.data["delivered before"] == "never"


def test_a_delivery_and_its_read_back_are_shown_with_their_counts(yard: Yard) -> None:
    done = yard.run(asset_selection={SCORE, SYNC, READ_BACK})
    sync, found = newest(yard, SYNC), newest(yard, READ_BACK)
    assert (sync["outcome"], sync["accepted"], sync["rejected"]) == ("delivered", RECORDS, 0)
    assert (found["records"], found["drift"]) == (RECORDS, 0.0)
    agrees = next(e for e in done.get_asset_check_evaluations() if e.check_name == "agrees")
    assert agrees.passed


def test_every_check_has_numbers_to_plot(yard: Yard) -> None:
    done = yard.run(asset_selection={SCORE})
    checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
    rate = checks["match_rate"].metadata
    assert (rate["observed"].value, rate["limit"].value) == (1.0, 0.9)
    assert isinstance(rate["limit"].value, float)
    signed = checks["change_volume"]
    assert signed.passed
    assert "signed by cs_director" in signed.description


def test_nothing_that_is_stored_names_a_person_or_a_value(yard: Yard) -> None:
    """Dagster's storage is read by everybody who sees the page."""
    done = yard.run(asset_selection={SCORE, SYNC, READ_BACK})
    stored = "\n".join(str(event) for event in yard.instance.all_logs(done.run_id))
    assert len(stored) > 10_000
    for private in ("sandbox-secret", "Company 2", "BC-2", "001000000000002AAA", "@"):
        assert private not in stored


def test_every_selected_check_has_a_result_when_the_ledger_cannot_be_read(
    yard: Yard,
) -> None:
    """A check without a result stops nothing."""
    ledger = yard.folder / "home" / "ledger.sqlite"
    for file in ledger.parent.glob("ledger.sqlite*"):
        file.unlink()
    ledger.write_bytes(b"not a database" * 100)
    done = yard.run(
        asset_selection=set(), asset_check_selection={dg.AssetCheckKey(SCORE, "freshness")}
    )
    (check,) = done.get_asset_check_evaluations()
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR


def test_checks_fail_before_any_plan_was_made(yard: Yard) -> None:
    for file in (yard.folder / "home").glob("ledger.sqlite*"):
        file.unlink()
    today = datetime.now(UTC).date()
    contract = load(yard.folder / "contracts" / f"{NAME}.yaml", today=today)
    names = {spec.name for spec in judgement.specs(contract)}
    done = yard.run(
        asset_selection=set(),
        asset_check_selection={dg.AssetCheckKey(SCORE, name) for name in names},
    )
    failed = {e.check_name for e in done.get_asset_check_evaluations() if not e.passed}
    assert failed == names - {"not_paused"}
