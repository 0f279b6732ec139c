"""A ledger in which a test tells what became of runs, for the rules that look at it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from company import ENGINES, contract_dict, make_contract

from activation_pipeline import pausing
from activation_pipeline.contract import fingerprint
from activation_pipeline.ledger import Evaluation, Ledger
from activation_pipeline.ledger.records import Attempt, BatchResult
from activation_pipeline.pause_rules import Applied, apply
from activation_pipeline.plan import Plan, PlanPart
from activation_pipeline.runtime import Runtime
from activation_pipeline.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from activation_pipeline.contract import Contract

    Told = Callable[..., "Teller"]

START = datetime(2026, 11, 20, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
LIVING, DEAD = "elsewhere:1:1", "elsewhere:2:2"


def nothing_else(*_: object) -> Any:
    raise AssertionError("rules ask the ledger only")


@contextmanager
def told_ledger(url: str, folder: Path) -> Iterator[Told]:
    """A ledger to tell runs to, without a warehouse or a destination behind it."""
    runtime = Runtime(
        ledger=Ledger(url),
        snapshots=Snapshots(folder),
        read_manifest=nothing_else,
        open_warehouse=nothing_else,
        connect=nothing_else,
        engines=ENGINES,
    )

    def tell(limits: dict[str, Any], on_pause: str = "keep_previous", **sections: Any) -> Teller:
        return Teller(runtime, ruled(limits, on_pause, **sections))

    try:
        yield tell
    finally:
        runtime.close()


def ruled(limits: dict[str, Any], on_pause: str = "keep_previous", **sections: Any) -> Contract:
    """The tiny company's contract with these pause rules, due at six o'clock."""
    monitoring = contract_dict()["monitoring"] | {"pause_when": limits, "on_pause": on_pause}
    freshness = contract_dict()["freshness"] | {"refresh": "0 6 * * *"}
    return make_contract(contract_dict(monitoring=monitoring, freshness=freshness, **sections))


@dataclass
class Teller:
    """Writes runs of a contract, an instant after one another."""

    runtime: Runtime
    contract: Contract
    now: datetime = START
    plans: list[Plan] = field(default_factory=list)

    def tick(self, by: timedelta = SECOND) -> datetime:
        self.now += by
        return self.now

    def prepares(
        self,
        *,
        rows: int = 100,
        matched: int = 100,
        suppressed: int = 10,
        decision: str | None = None,
    ) -> Plan:
        """A plan is made and judged; of a hundred candidates so many match."""
        content = f"content {len(self.plans)}"
        parts = tuple(
            PlanPart(name, content, rows, {"add": rows}, 0, 10, {})
            for name in self.contract.destinations
        )
        plan = Plan(self.contract.name, fingerprint(self.contract), "d", parts)
        dispositions = {"eligible": matched, "unmatched": 100 - matched}
        measures = {
            "candidates": 100,
            "dispositions": dispositions,
            "suppressed": {"suppress_a": suppressed},
            "lists": {},
        }
        self._evaluated(plan, measures, decision or self.contract.launch.decision, "")
        self.plans.append(plan)
        return plan

    def makes_no_plan(self, message: str = "the warehouse is locked") -> None:
        self._evaluated(None, {}, "pause", message)

    def _evaluated(
        self, plan: Plan | None, measures: dict[str, Any], decision: Any, message: str
    ) -> None:
        ledger, name, at = self.runtime.ledger, self.contract.name, self.tick()
        preparation = ledger.start_preparation(name, now=at)
        evaluation = Evaluation(preparation, name, plan, (), measures, decision, message, at)
        ledger.record_evaluation(evaluation)

    def begins(self, plan: Plan, destination: str = "crm", holder: str = LIVING) -> Attempt:
        return self.runtime.ledger.deliveries.begin(
            plan.id,
            contract=plan.contract,
            destination=destination,
            batch_size=100,
            holder=holder,
            now=self.tick(),
            is_gone=lambda _holder, _at: True,
        )

    def answers(self, attempt: Attempt, first: int, *, accepted: int = 0, **others: int) -> None:
        """One batch from this row on is sent and answered."""
        log = self.runtime.ledger.deliveries
        rejected, unknown = others.get("rejected", 0), others.get("unknown", 0)
        held = others.get("held", 0)
        size = accepted + rejected + unknown + held
        (intent,) = log.intend(
            attempt,
            ranges=[(first, first + size)],
            now=self.tick(),
            ended=(),
            check=lambda _pauses: None,
        )
        result = BatchResult(accepted, rejected, held, unknown)
        log.record_results([(intent, result)], now=self.tick())

    def ends(self, attempt: Attempt, outcome: str = "delivered", message: str = "") -> None:
        self.runtime.ledger.deliveries.end(
            attempt, outcome=outcome, message=message, now=self.tick()
        )

    def sends(self, plan: Plan, destination: str = "crm", **counts: int) -> Attempt:
        """A plan is sent in one batch, to its end."""
        attempt = self.begins(plan, destination)
        self.answers(attempt, 0, **(counts or {"accepted": 100}))
        self.ends(attempt)
        return attempt

    def fails(self, plan: Plan, destination: str = "crm", message: str = "down") -> None:
        """A delivery begins, and the destination does not answer."""
        self.ends(self.begins(plan, destination), "failed", message)

    def reads_back(self, plan: Plan, destination: str = "crm", **counts: int) -> None:
        self.runtime.ledger.record_reconciliation(
            self.contract.name, destination, plan.id, counts, now=self.tick()
        )

    def judges(self) -> Applied:
        """The rules look at the ledger, and pause."""
        self.tick()
        return apply(self.contract, self.runtime, clock=lambda: self.now)

    def resumes(self) -> None:
        """Somebody who may has looked at it."""
        pausing.resume(
            self.contract,
            None,
            self.runtime,
            role="cs_director",
            by="demo_cs_director",
            reason="looked at it",
            now=self.tick(),
        )

    @property
    def rules(self) -> list[str]:
        """The clauses of the pauses in force, oldest first."""
        pauses = self.runtime.ledger.pauses(self.contract.name, now=self.now)
        return [pause.reason.partition(":")[0] for pause in pauses]
