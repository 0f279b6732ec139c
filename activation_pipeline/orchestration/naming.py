"""What a contract's things are called in Dagster: keys, jobs, steps and pools.

The asset key is ``<contract>/<thing>``. Jobs and steps have stricter rules than contracts and
files do, so names that Dagster would refuse are changed here, the same way each time.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from activation_pipeline.contract import Contract

WRITER_POOL = "duckdb_writer"
EVERY_CONTRACT = "every_contract"
PAUSE_JOB = "pause_contract"
RESUME_JOB = "resume_contract"
ROLLBACK_JOB = "rollback_contract"
FREEZE_JOB = "freeze_contract"
EXPIRE_JOB = "expire_contract"
RESTORE_JOB = "restore_previous"
LEDGER_JOB = "export_ledger"
ALERT_JOB = "send_alerts"
_OURS = frozenset(
    {EVERY_CONTRACT, PAUSE_JOB, RESUME_JOB, LEDGER_JOB, ROLLBACK_JOB, FREEZE_JOB, EXPIRE_JOB,
     RESTORE_JOB, ALERT_JOB}
)  # fmt: skip
# Dagster refuses these as names of jobs and steps, as it does Python's keywords.
_DAGSTERS = frozenset(
    {"context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict",
     "int", "str", "float", "bool", "input", "output", "type"}
)  # fmt: skip
_UNFIT = re.compile(r"[^A-Za-z0-9_]")


def activated_key(contract: Contract) -> dg.AssetKey:
    """Name the activated asset: ``<contract>/audience`` or ``<contract>/score``."""
    return dg.AssetKey([contract.name, contract.asset_kind])


def sync_key(contract: Contract, destination: str) -> dg.AssetKey:
    """Name the sync of one destination."""
    return dg.AssetKey([contract.name, f"sync_{destination}"])


def reconciliation_key(contract: Contract, destination: str) -> dg.AssetKey:
    """Name the read-back of one destination."""
    return dg.AssetKey([contract.name, f"reconciliation_{destination}"])


def malformed_key(stem: str) -> dg.AssetKey:
    """Name the asset that stands for a file that is no contract."""
    return dg.AssetKey([_fit(stem), "contract"])


def job_name(stem: str) -> str:
    """Name the job of a contract: the contract's own name wherever Dagster takes it."""
    fit = _fit(stem)
    is_taken = fit in _OURS or fit in _DAGSTERS or keyword.iskeyword(fit)
    return f"{fit}_job" if is_taken else fit


def _fit(stem: str) -> str:
    """Replace what Dagster takes in no name; two files never end up with one name."""
    fit = _UNFIT.sub("_", stem)
    return fit if fit == stem else f"{fit}_{hashlib.sha256(stem.encode()).hexdigest()[:6]}"
