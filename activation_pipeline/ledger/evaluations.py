"""One preparation's judgement, as the ledger's rows tell it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from activation_pipeline.evidence import GateResult
from activation_pipeline.ledger._engine import moment
from activation_pipeline.plan import Plan, PlanPart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Row

    from activation_pipeline.plan import Decision


@dataclass(frozen=True)
class Evaluation:
    """The judgement of one preparation: its plan (None: none could be made) and gate results.

    ``decision`` is the newest one: an approval may have added to the first. ``measures`` are the
    population's counts: ``candidates``, ``dispositions``, ``suppressed``, ``reasons``, ``lists``,
    ``newest``.
    """

    preparation: int
    contract: str
    plan: Plan | None
    results: tuple[GateResult, ...]
    measures: Mapping[str, Any]
    decision: Decision
    message: str
    at: datetime


def read_plan(row: Row[Any]) -> Plan:
    """Read a plan out of a row of ``plans``."""
    parts = tuple(PlanPart(**part) for part in json.loads(row.body))
    return Plan(row.contract, row.fingerprint, row.definition, parts)


def read_evaluation(row: Row[Any]) -> Evaluation:
    """Read an evaluation with its newest decision, and with its plan where there is one."""
    causes = {cause["gate"]: cause["overridden_by"] for cause in json.loads(row.causes)}
    results = (_as_decided(GateResult(**each), causes) for each in json.loads(row.results))
    return Evaluation(
        preparation=row.preparation,
        contract=row.contract,
        plan=read_plan(row) if row.plan else None,
        results=tuple(results),
        measures=json.loads(row.measures),
        decision=row.decision,
        message=row.message,
        at=moment(row.at),
    )


def _as_decided(result: GateResult, causes: Mapping[str, str | None]) -> GateResult:
    """Give a gate's result as the newest decision took it: signed, or not in its way any more."""
    if result.gate in causes:
        return replace(result, overridden_by=causes[result.gate] or result.overridden_by)
    return replace(result, passed=True, message="not any more") if result.stops else result
