"""A dbt project of three models, its contract and ten Salesforce accounts: enough to sync nine.

One of the ten is suppressed. How old the data are is a variable of the project, so that the
same models make a fresh and a stale warehouse.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "tiny_risk"
RECORDS = 9
_MODELS = {
    "mart_tiny": """
        select
            'BC-' || i as billing_customer_id,
            case when i % 2 = 0 then 'high' else 'low' end as risk_band,
            cast('{{ var("scored_at") }}' as timestamp) as scored_at
        from range(1, 11) as numbers (i)
    """,
    "identity_tiny": """
        select
            'BC-' || i as key,
            '001' || lpad(cast(i as varchar), 12, '0') || 'AAA' as destination_id,
            'BC-' || i as destination_key,
            'billing_customer_id' as rule,
            false as is_role_based_email
        from range(1, 11) as numbers (i)
    """,
    "suppress_tiny": """
        select 'BC-1' as key, 'test account' as reason, cast('2026-01-01' as timestamp) as since
    """,
}
_PROJECT = """
name: tiny
version: "1.0.0"
config-version: 2
profile: tiny
model-paths: [models]
flags: {send_anonymous_usage_stats: false}
vars: {scored_at: "2020-01-01 00:00:00"}
models: {tiny: {+materialized: table}}
"""
_PROFILE = """
tiny:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: "{{ env_var('ACTIVATION_WAREHOUSE') }}", threads: 1}
"""
_CONTRACT = """
version: 1
workflow:
  decision: CSMs prioritise renewal-risk review before weekly planning.
  kind: score
  risk: medium
  decision_window: 24h
  embarrassment: A strategic account is called about a renewal that was signed last week.
entity: {grain: account, key: billing_customer_id, one_row_per: active billing customer}
matching: {identity: identity_tiny, rules: [billing_customer_id], ambiguous: exclude}
source: {model: mart_tiny, systems: [billing]}
destinations:
  salesforce:
    object: Account
    key: Billing_Customer_ID__c
    behavior: update_only
    fields:
      Churn_Risk_Band__c: {from: risk_band, allowed: [low, medium, high], on_edit: overwrite}
    read_by: [weekly planning]
    edited_by: nobody
freshness:
  column: scored_at
  refresh: "0 6 * * *"
  stale_after: 24h
  expire_after: 7d
  on_expiry: {Churn_Risk_Band__c: clear}
suppression: {models: {suppress_tiny: {owner: cs_ops}}}
gates:
  - match_rate: {at_least: 0.9}
owners:
  source_model: analytics_engineering
  destination_field: salesforce_admin
  workflow: cs_director
  outcome: cs_director
monitoring:
  alert: [cs_ops]
  pause_when: {drift_above: 0.01}
  on_pause: keep_previous
  restarted_by: cs_director
  first_review: FIRST_REVIEW
launch:
  decision: launch
"""


def write_project(folder: Path) -> None:
    """Write the dbt project."""
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(_PROJECT, encoding="utf-8")
    (folder / "profiles.yml").write_text(_PROFILE, encoding="utf-8")
    for name, sql in _MODELS.items():
        (folder / "models" / f"{name}.sql").write_text(sql, encoding="utf-8")


def write_contract(folder: Path, name: str = NAME, *, field: str = "Churn_Risk_Band__c") -> Path:
    """Write the contract, not approved by anybody yet; two contracts may not own one field."""
    folder.mkdir(parents=True, exist_ok=True)
    review = datetime.now(UTC).date() + timedelta(days=30)
    file = folder / f"{name}.yaml"
    text = _CONTRACT.replace("FIRST_REVIEW", f"{review}").replace("Churn_Risk_Band__c", field)
    file.write_text(text, encoding="utf-8")
    return file


def write_records(folder: Path) -> None:
    """Write what Salesforce holds before the first sync."""
    folder.mkdir(parents=True)
    lines = ["Id,Name,Type,Billing_Customer_ID__c"]
    lines += [f"001{i:012d}AAA,Company {i},Customer,BC-{i}" for i in range(1, 11)]
    (folder / "salesforce_account.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
