"""Take away what outlived its promise: clear it, let it leave, or say so, as the contract asks.

It needs the ledger, the snapshots and the destination; neither warehouse nor dbt nor a fresh
source, whose absence is why values grow old. What is taken away is a plan of its own, frozen, kept
in the ledger and sent like any other. Gates and pauses do not stop it, a freeze does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from activation_pipeline.amending.desk import overtaken, send_amendment
from activation_pipeline.amending.snapshot import part_types
from activation_pipeline.contract import fingerprint
from activation_pipeline.errors import RefusedError, RetryableError
from activation_pipeline.evidence import ITSELF
from activation_pipeline.expire.freezing import Case, Limits, freeze_expiry, over_query, reach_out
from activation_pipeline.expire.report import OVERTAKEN, REFRESHED, Expired
from activation_pipeline.expiry.due import (
    due_of,
    handled_until,
    newest_expiry,
    still_over,
)
from activation_pipeline.expiry.opening import open_ages, promises
from activation_pipeline.incident import Incident
from activation_pipeline.notation import elapsed, written_duration
from activation_pipeline.permission import asked_before_each_request
from activation_pipeline.plan import Plan
from activation_pipeline.runtime import is_gone
from activation_pipeline.sending import waiting_rows
from activation_pipeline.settle import settle
from activation_pipeline.snapshots import content_hash, verify_content
from activation_pipeline.steps import resume_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from activation_pipeline.amending.desk import Place
    from activation_pipeline.amending.tally import Tally
    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import Pause
    from activation_pipeline.expiry.due import Due
    from activation_pipeline.expiry.opening import Action
    from activation_pipeline.plan import PlanPart
    from activation_pipeline.report import Report
    from activation_pipeline.runtime import Runtime

_WAIT_S = 60.0


def expire(
    contract: Contract,
    destination: str,
    runtime: Runtime,
    *,
    clock: Callable[[], datetime],
    again: bool = False,
    dry_run: bool = False,
) -> Expired:
    """Deal with everything in one destination that was not refreshed for ``expire_after``.

    Only where our value still stands; an interrupted expiry is finished first. Twice changes
    nothing.

    Args:
        contract: as it is now.
        destination: one of the contract's.
        runtime: where everything is.
        clock: tells the time, UTC.
        again: look again at what an earlier expiry left, or was refused.
        dry_run: only say what would be done; nothing is written, in the ledger neither.

    Raises:
        RefusedError: somebody froze it; nothing is changed until a resume.
        RetryableError: a delivery is running, or the destination does not answer; call again.
        PermanentError: credentials, permission or mapping.
    """
    words = promises(contract, destination)
    errand = _Errand(contract, destination, runtime, clock, words, again=again, dry_run=dry_run)
    errand.refuse_where_frozen()
    return errand.look() if dry_run else errand.run()


@dataclass(frozen=True)
class _Errand:
    """One expiry under way."""

    contract: Contract
    destination: str
    runtime: Runtime
    clock: Callable[[], datetime]
    words: Mapping[str, Action]
    again: bool
    dry_run: bool

    def refuse_where_frozen(self) -> None:
        name, now = self.contract.name, self.clock()
        who = self.contract.monitoring.restarted_by
        frozen = self.runtime.ledger.incidents.freeze_in_force(name, self.destination, now=now)
        if frozen is not None:
            again = resume_command(name, role=who, destination=frozen.destination)
            raise RefusedError(
                f"{name}: {self.destination}: nothing expires while it is frozen, since "
                f"{frozen.at:%Y-%m-%d %H:%M} UTC ({frozen.incident_class}); "
                f"{who} may restart: {again}",
                clause="not_paused",
            )

    def look(self) -> Expired:
        """Say what an expiry would do."""
        return self._judge()[0]

    def run(self) -> Expired:
        """Finish what was interrupted, then deal with what is over."""
        self._wait_for_a_sender()
        settle(self.runtime, self.contract.name, self.destination, now=self.clock())
        finished = self._finish()
        settle(self.runtime, self.contract.name, self.destination, now=self.clock())
        known = self.runtime.ledger.history.newest_attempt(self.contract.name, self.destination)
        done, plan, place = self._judge()
        reports = (*finished, *self._sent(plan, place, known))
        return replace(done, reports=reports)

    def _sent(
        self, plan: Plan | None, place: Place | None, known: int | None
    ) -> tuple[Report, ...]:
        if plan is None or place is None or not plan.part(self.destination).rows:
            return ()
        return (self._send(plan, place, {}, known),)

    def _judge(self) -> tuple[Expired, Plan | None, Place | None]:
        """Look at what is over; unless that is all that is wanted, note what is done about it."""
        runtime, name, limit = (
            self.runtime,
            self.contract.name,
            self.contract.freshness.expire_after,
        )
        prepared, now = runtime.ledger.history.last_preparation(name), self.clock()
        handled = handled_until(
            self.contract, newest_expiry(self.contract, self.destination, runtime)
        )
        nothing = Expired(name, self.destination, limit, now, dry_run=self.dry_run)
        with runtime.snapshots.workspace() as folder, runtime.engine(folder) as engine:
            values = open_ages(
                engine, self.contract, self.destination, runtime, now=now, handled=handled
            )
            if values is None:
                return nothing, None, None
            due = due_of(engine, values, self.contract, now=now, handled=handled)
            limits = Limits(now - limit, handled - limit if handled else None, self.again)
            query = over_query(values, self.words, list(engine.columns("held")), limits)
            position, baseline = runtime.ledger.deliveries.position(name, self.destination)
            case = self._case(folder)
            part, tally, place = freeze_expiry(
                case, engine, query, position=position, baseline=baseline
            )
            found = replace(nothing, over=due.over, first=due.first, next=due.next)
            if not tally.counts or not (part.rows or due.new):
                return found, None, None
            plan = self._plan_of(part, case.folder)
            done = replace(found, plan=plan.id, tally=tally)
            if not self.dry_run:
                if runtime.ledger.history.last_preparation(name) != prepared:
                    raise self._later("a plan was made meanwhile")
                runtime.snapshots.publish_plan(case.folder, name, plan.id)
                runtime.ledger.incidents.record_once(self._incident(plan, tally, due, now), plan)
        return done, plan, place

    def _case(self, folder: Path) -> Case:
        files = folder / "plan"
        files.mkdir()
        return Case(self.contract, self.destination, self.runtime, self.words, files)

    def _plan_of(self, part: PlanPart, folder: Path) -> Plan:
        """Name the plan; no model is behind it, so what it leaves alone tells it from others."""
        listing = content_hash(folder / f"{self.destination}.withheld.parquet")[:16]
        return Plan(self.contract.name, fingerprint(self.contract), listing, (part,))

    def _incident(self, plan: Plan, tally: Tally, due: Due, now: datetime) -> Incident:
        limit = written_duration(self.contract.freshness.expire_after)
        since = ""
        if due.first is not None:
            since = f" since {due.first:%Y-%m-%d %H:%M} UTC, {elapsed(now - due.first)} before"
        return Incident(
            contract=self.contract.name,
            destination=self.destination,
            incident_class="freshness",
            action="expire",
            plan=self.runtime.ledger.incidents.last_sent(self.contract.name, self.destination),
            restoring=plan.id,
            by=ITSELF,
            reason=f"expire_after: {due.new:,} records over{since}; at most {limit}",
            counts=tally.counts,
            at=now,
        )

    def _finish(self) -> tuple[Report, ...]:
        """Send what an interrupted expiry had not sent, unless it was overtaken or refreshed."""
        runtime, name = self.runtime, self.contract.name
        newest = newest_expiry(self.contract, self.destination, runtime)
        waiting = waiting_rows(runtime, newest[1], self.destination) if newest else ()
        if newest is None or not waiting:
            return ()
        plan, known = newest[1], runtime.ledger.history.newest_attempt(name, self.destination)
        part = runtime.snapshots.part(name, plan.id, self.destination)
        verify_content(part, plan.part(self.destination).content)
        with runtime.snapshots.workspace() as folder:
            over = still_over(
                self.contract, self.destination, runtime, part, folder, now=self.clock()
            )
            place = reach_out(self._case(folder), part_types(pq.read_schema(part)))

            def barred(row: Mapping[str, Any]) -> str | None:
                return None if (row["key"], row["delivered_id"]) in over else REFRESHED

            held = overtaken(place, part, waiting, barred=barred, changed=OVERTAKEN)
        return (self._send(plan, place, held, known),)

    def _send(
        self,
        plan: Plan,
        place: Place,
        held: Mapping[tuple[str, str], str],
        known: int | None,
    ) -> Report:
        """Send, unless somebody else did meanwhile, and stop where somebody stops it."""
        name, now = self.contract.name, self.clock()
        before = self.runtime.ledger.pauses(name, now=now)

        def check(pauses: tuple[Pause, ...]) -> None:
            if set(pauses) - set(before):
                raise RefusedError(
                    f"{name}: {self.destination}: paused meanwhile; what is over and was not "
                    "dealt with yet is looked at again by the next run",
                    clause="not_paused",
                )

        def ask() -> None:
            check(self.runtime.ledger.pauses(name, now=self.clock()))

        try:
            with asked_before_each_request(ask):
                return send_amendment(
                    self.contract,
                    plan,
                    place,
                    self.runtime,
                    clock=self.clock,
                    held=held,
                    check=check,
                    after=known,
                )
        except RefusedError as error:
            if error.clause == "one_sender":
                raise self._later("a delivery has just begun") from error
            raise

    def _wait_for_a_sender(self) -> None:
        """Leave a delivery that runs alone: it may be about to refresh what is over."""
        now = self.clock()
        is_free = self.runtime.ledger.deliveries.free_dead_lease(
            self.contract.name, self.destination, is_gone=lambda h, at: is_gone(h, at, now=now)
        )
        if not is_free:
            raise self._later("a delivery is running")

    def _later(self, why: str) -> RetryableError:
        return RetryableError(
            f"{self.contract.name}: {self.destination}: {why}; nothing expires meanwhile: ask "
            "again in a minute",
            retry_after=_WAIT_S,
        )
