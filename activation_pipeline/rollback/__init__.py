"""Undo a delivered plan: put the values before back, where ours still stand.

An undo is a plan of its own, frozen, kept in the ledger and sent like any other, so that leases,
batches, read-backs and resuming hold for it too. Gates and pauses do not: undoing is what they
are for. What may not come back, and what somebody changed since, is listed and left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activation_pipeline.amending.desk import overtaken, send_amendment
from activation_pipeline.contract import fingerprint
from activation_pipeline.errors import RefusedError
from activation_pipeline.incident import Incident
from activation_pipeline.pausing import pause
from activation_pipeline.plan import Plan
from activation_pipeline.rollback.desk import opened
from activation_pipeline.rollback.report import BARRED, OVERTAKEN, RolledBack
from activation_pipeline.rollback.undoing import freeze_undo
from activation_pipeline.runtime import is_gone
from activation_pipeline.sending import waiting_rows
from activation_pipeline.settle import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from activation_pipeline.amending.tally import Tally
    from activation_pipeline.batches import Range
    from activation_pipeline.contract import Contract
    from activation_pipeline.incident import IncidentClass
    from activation_pipeline.plan import PlanPart
    from activation_pipeline.report import Report
    from activation_pipeline.rollback.restoration import Rules
    from activation_pipeline.rollback.undoing import Desk
    from activation_pipeline.runtime import Runtime


@dataclass(frozen=True)
class Request:
    """Who wants what undone, and why; ``plan`` None: what was delivered last."""

    by: str
    reason: str
    incident_class: IncidentClass
    plan: str | None = None
    dry_run: bool = False


def rollback(
    contract: Contract,
    destination: str,
    runtime: Runtime,
    request: Request,
    *,
    clock: Callable[[], datetime],
) -> RolledBack:
    """Put back what stood in one destination before a plan, where our value still stands.

    The contract is paused before the first write, or the next plan would send the same again. An
    interrupted undo is finished first. Undoing twice changes nothing.

    Raises:
        RefusedError: no such plan, or one that cannot be undone by this contract; or a delivery
            is running: it is stopped, and the undo has to be asked for again.
        RetryableError, PermanentError: the destination does not answer; call again.
    """
    plan = _plan_to_undo(contract, destination, runtime, request)
    if plan is None:
        return RolledBack(contract.name, destination, None, dry_run=request.dry_run)
    if all(part.destination != destination for part in plan.parts):
        return RolledBack(contract.name, destination, plan.id, dry_run=request.dry_run)
    errand = _Errand(contract, destination, runtime, request, plan, clock)
    if request.dry_run:
        return errand.look()
    return errand.run()


def _plan_to_undo(
    contract: Contract, destination: str, runtime: Runtime, request: Request
) -> Plan | None:
    incidents = runtime.ledger.incidents
    wanted = request.plan or incidents.last_sent(contract.name, destination)
    if wanted is None:
        return None
    plan = runtime.ledger.plan(wanted)
    if plan is None or plan.contract != contract.name:
        raise RefusedError(
            f"{contract.name}: there is no plan {wanted}; leave --plan out to undo what was "
            "delivered last",
            clause="plan",
        )
    if incidents.is_restoring(wanted):
        raise RefusedError(
            f"{contract.name}: plan {wanted} is itself an undo, or an expiry; resume the contract "
            "and plan again to send its values once more",
            clause="plan",
        )
    if contract.destinations[destination].behavior == "mirror" and (
        plan.fingerprint != fingerprint(contract)
    ):
        raise RefusedError(
            f"{contract.name}: {destination}: the contract changed since plan {wanted} "
            f"({plan.fingerprint} -> {fingerprint(contract)}), so its members may be in another "
            "place; check out the contract's file of then, and undo with it",
            clause="approved",
        )
    return plan


@dataclass(frozen=True)
class _Errand:
    """One undo under way."""

    contract: Contract
    destination: str
    runtime: Runtime
    request: Request
    plan: Plan
    clock: Callable[[], datetime]

    def look(self) -> RolledBack:
        """Say what an undo would do; nothing is written, in the ledger neither."""
        position, baseline = self.runtime.ledger.deliveries.position(
            self.contract.name, self.destination
        )
        with self.runtime.snapshots.workspace() as folder:
            desk, rules = self._opened(self.plan, folder)
            part, tally = freeze_undo(desk, rules, position=position, baseline=baseline)
        return self._done(self._plan_of(part) if part.rows else None, tally)

    def run(self) -> RolledBack:
        """Finish what was interrupted, then undo what of the plan still stands."""
        ledger, name, destination = self.runtime.ledger, self.contract.name, self.destination
        self._refuse_while_sending()
        finished = self._finish()
        position = settle(self.runtime, name, destination, now=self.clock())
        _, baseline = ledger.deliveries.position(name, destination)
        seen = ledger.history.last_attempt(name, destination)
        with self.runtime.snapshots.workspace() as folder:
            desk, rules = self._opened(self.plan, folder)
            part, tally = freeze_undo(desk, rules, position=position, baseline=baseline)
            restoring = self._plan_of(part)
            if not part.rows:
                self._keep_listing(desk, restoring, tally)
                return self._done(None, tally, *finished)
            self._pause()
            if ledger.history.last_attempt(name, destination) != seen:
                raise self._busy("a delivery has just begun")
            self.runtime.snapshots.publish_plan(desk.folder, name, restoring.id)
        self._record(restoring, tally)
        return self._done(restoring, tally, *finished, self._send(restoring, desk, {}))

    def _keep_listing(self, desk: Desk, restoring: Plan, tally: Tally) -> None:
        """Note the first undo of what was sent, also when nothing could be put back."""
        ledger, name, plan = self.runtime.ledger, self.contract.name, self.plan.id
        known = ledger.incidents.undoing(name, self.destination, plan)
        if not known and ledger.history.batches(plan, self.destination):
            self.runtime.snapshots.publish_plan(desk.folder, name, restoring.id)
            self._record(restoring, tally)

    def _opened(self, plan: Plan, folder: Path, returning: str = "remove") -> tuple[Desk, Rules]:
        return opened(
            self.contract,
            plan,
            self.destination,
            self.runtime,
            folder,
            incident=self.request.incident_class,
            returning=returning,
        )

    def _finish(self) -> tuple[Report, ...]:
        """Send what an interrupted undo of this plan had not sent, unless it was overtaken."""
        ledger = self.runtime.ledger
        reports = []
        undos = ledger.incidents.undoing(self.contract.name, self.destination, self.plan.id)
        for incident in undos:
            restoring = ledger.plan(incident.restoring) if incident.restoring else None
            if restoring is None:
                continue
            waiting = waiting_rows(self.runtime, restoring, self.destination)
            if not waiting:
                continue
            with self.runtime.snapshots.workspace() as folder:
                desk, rules = self._opened(restoring, folder, returning="add")
                held = _overtaken(desk, rules, waiting)
            self._pause()
            reports.append(self._send(restoring, desk, held))
        return tuple(reports)

    def _send(self, restoring: Plan, desk: Desk, held: dict[tuple[str, str], str]) -> Report:
        return send_amendment(
            self.contract,
            restoring,
            desk.place,
            self.runtime,
            clock=self.clock,
            held=held,
            check=lambda _: None,
        )

    def _refuse_while_sending(self) -> None:
        """Stop a delivery that runs: what it sends next would not be undone."""
        now = self.clock()
        is_free = self.runtime.ledger.deliveries.free_dead_lease(
            self.contract.name, self.destination, is_gone=lambda h, at: is_gone(h, at, now=now)
        )
        if not is_free:
            self._pause()
            raise self._busy("a delivery is running")

    def _busy(self, why: str) -> RefusedError:
        return RefusedError(
            f"{self.contract.name}: {self.destination}: {why}; it was paused and stops before its "
            "next batch; nothing was undone yet: ask again in a moment",
            clause="one_sender",
        )

    def _pause(self) -> None:
        """Pause the contract until somebody resumes it, unless it is."""
        name, now, request = self.contract.name, self.clock(), self.request
        for each in self.runtime.ledger.pauses(name, now=now):
            if each.destination is None and each.until is None:
                return
        why = f"rolled back from plan {self.plan.id} ({request.incident_class}): {request.reason}"
        pause(
            name,
            None,
            self.runtime,
            by=request.by,
            reason=why,
            until=None,
            now=now,
            contract=self.contract,
        )

    def _record(self, restoring: Plan, tally: Tally) -> None:
        request = self.request
        incident = Incident(
            contract=self.contract.name,
            destination=self.destination,
            incident_class=request.incident_class,
            action="rollback",
            plan=self.plan.id,
            restoring=restoring.id,
            by=request.by,
            reason=request.reason,
            counts=tally.counts,
            at=self.clock(),
        )
        self.runtime.ledger.incidents.record(incident, restoring)

    def _plan_of(self, part: PlanPart) -> Plan:
        return Plan(self.contract.name, fingerprint(self.contract), self.plan.definition, (part,))

    def _done(self, restoring: Plan | None, tally: Tally, *reports: Report) -> RolledBack:
        return RolledBack(
            contract=self.contract.name,
            destination=self.destination,
            plan=self.plan.id,
            restoring=restoring.id if restoring else None,
            tally=tally,
            reports=reports,
            dry_run=self.request.dry_run,
        )


def _overtaken(desk: Desk, rules: Rules, waiting: Sequence[Range]) -> dict[tuple[str, str], str]:
    """Say which rows of an interrupted undo, ``desk.plan``, stay: changed, or on a list since."""

    def barred(row: Mapping[str, Any]) -> str | None:
        returns = row["operation"] == "add"
        why = rules.barred(row["key"], row["destination_id"]) if returns else None
        return None if why is None else f"{BARRED}:{why}"

    part = desk.runtime.snapshots.part(desk.plan.contract, desk.plan.id, desk.destination)
    return overtaken(desk.place, part, waiting, barred=barred, changed=OVERTAKEN)
