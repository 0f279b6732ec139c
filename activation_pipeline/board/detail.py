"""One contract's page: how it stands, who goes where, what judged it, what was sent and said.

Read from the ledger and, for the sample, the plan's snapshot. Keys and values of the sample are
masked here; whoever reviews it does so with ``activation review``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from activation_pipeline.approval import Subject, lapses_of, subject_of
from activation_pipeline.board.figures import NONE_YET, Figures, figures, point
from activation_pipeline.board.overview import SHOWN_PREPARATIONS
from activation_pipeline.board.waterfall import bars
from activation_pipeline.contract import fingerprint
from activation_pipeline.ledger.fleet import Word
from activation_pipeline.standing import standings
from activation_pipeline.status import outcome_of, status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from activation_pipeline.board.waterfall import Bar
    from activation_pipeline.contract import Approval, Contract
    from activation_pipeline.evidence import GateResult, Pause
    from activation_pipeline.incident import Incident
    from activation_pipeline.ledger.fleet import Judged, Tried
    from activation_pipeline.ledger.history import Signature
    from activation_pipeline.loading import Checked
    from activation_pipeline.plan import Plan
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.standing import Standing
    from activation_pipeline.status import Sent, Status

_ATTEMPTS = 20
_WORDS = 30
_HISTORY = 12


@dataclass(frozen=True)
class GateLine:
    """One gate: its newest result, and what it said in each of the last preparations."""

    name: str
    newest: GateResult | None
    past: tuple[tuple[datetime, GateResult | None], ...]


@dataclass(frozen=True)
class Approved:
    """One approval of the file, and why it does not hold now; empty: it does."""

    approval: Approval
    lapsed: str


@dataclass(frozen=True)
class Live:
    """What is known of a valid contract."""

    contract: Contract
    status: Status
    figures: Figures
    bars: tuple[Bar, ...]
    gates: tuple[GateLine, ...]
    approvals: tuple[Approved, ...]
    signatures: tuple[Signature, ...]
    sent: tuple[Sent, ...]

    @property
    def signable(self) -> tuple[GateResult, ...]:
        """List the gates that stop the newest plan and that somebody may sign."""
        return tuple(result for result in self.status.stopping if result.signer is not None)

    @property
    def plan(self) -> str | None:
        """Name the newest plan."""
        evaluation = self.status.evaluation
        return evaluation.plan.id if evaluation and evaluation.plan else None


@dataclass(frozen=True)
class Detail:
    """One contract file; ``live`` is None where it is malformed."""

    name: str
    checked: Checked
    standing: Standing
    pauses: tuple[Pause, ...]
    attempts: tuple[tuple[Tried, str], ...]
    words: tuple[Word, ...]
    live: Live | None
    now: datetime


def read_detail(name: str, checked: Checked, runtime: Runtime, *, now: datetime) -> Detail:
    """Read everything that the ledger has about one contract."""
    ledger = runtime.ledger
    attempts = tuple(
        (tried, outcome_of(tried.attempt, now=now))
        for tried in ledger.fleet.attempts(name, _ATTEMPTS)
    )
    said = [*ledger.fleet.words(name, _WORDS), *map(_incident_word, ledger.incidents.all(name))]
    said.sort(key=lambda word: word.at, reverse=True)
    return Detail(
        name=name,
        checked=checked,
        standing=standings({name: checked}, runtime, now=now)[name],
        pauses=ledger.pauses(name, now=now),
        attempts=attempts,
        words=tuple(said[:_WORDS]),
        live=_live(checked.contract, runtime, now=now) if checked.contract else None,
        now=now,
    )


def _live(contract: Contract, runtime: Runtime, *, now: datetime) -> Live:
    ledger = runtime.ledger
    found = status(contract, runtime, now=now)
    ids = ledger.fleet.newest_preparations(SHOWN_PREPARATIONS).get(contract.name, ())
    judged = ledger.fleet.judged(ids)
    measured = next((each.measures for each in reversed(judged) if each.measures), {})
    points = [point(each) for each in judged]
    evaluation = found.evaluation
    plan = evaluation.plan if evaluation else None
    return Live(
        contract=contract,
        status=found,
        figures=figures(contract, points, now=now) if points else NONE_YET,
        bars=bars(contract, measured, found.sent),
        gates=gate_lines(evaluation.results if evaluation else (), judged[-_HISTORY:]),
        approvals=tuple(
            _approved(contract, each, plan, runtime, now=now) for each in contract.launch.approvals
        ),
        signatures=ledger.history.signatures(contract.name, plan.id) if plan else (),
        sent=found.sent,
    )


def _approved(
    contract: Contract, approval: Approval, plan: Plan | None, runtime: Runtime, *, now: datetime
) -> Approved:
    """Judge one approval by the contract as it is, and the newest plan's logic and accounts."""
    mark = fingerprint(contract)
    subject = Subject(mark, approval.definition or "", approval.destinations)
    if plan is not None:
        subject = replace(subject_of(plan), fingerprint=mark)
    asked = [approval.fingerprint, approval.definition or "", subject.definition]
    versions = runtime.ledger.versions.known(contract.name, asked)
    lapsed = lapses_of(contract, approval, subject, versions, now=now)
    return Approved(approval, "; ".join(lapse.told for lapse in lapsed))


def gate_lines(newest: Sequence[GateResult], judged: Sequence[Judged]) -> tuple[GateLine, ...]:
    """Put each gate's past beside its newest result; those that stop now come first.

    A gate that comes several times, as ``null_rate`` does for each field, is one line per place.
    """
    results = dict(_numbered(newest))
    past = [(each.at, dict(_numbered(each.results))) for each in judged]
    names = [*results, *(name for _, found in past for name in found)]
    lines = [
        GateLine(name, results.get(name), tuple((at, found.get(name)) for at, found in past))
        for name in dict.fromkeys(names)
    ]
    return tuple(sorted(lines, key=lambda each: _rank(each.newest)))


def _rank(result: GateResult | None) -> int:
    if result is None:
        return 3
    if result.stops:
        return 0
    return 2 if result.passed else 1


def _numbered(results: Sequence[GateResult]) -> list[tuple[str, GateResult]]:
    seen: dict[str, int] = {}
    found = []
    for result in results:
        seen[result.gate] = count = seen.get(result.gate, 0) + 1
        found.append((result.gate if count == 1 else f"{result.gate} ({count})", result))
    return found


def _incident_word(incident: Incident) -> Word:
    return Word(
        kind=incident.action,
        at=incident.at,
        by=incident.by,
        text=f"{incident.told}: {incident.reason}",
        destination=incident.destination,
        plan=incident.plan,
    )
