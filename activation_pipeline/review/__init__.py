"""The launch review: one contract's pack of one to two pages, built once and laid out twice.

``pack`` answers the agenda's six questions, counts the waterfall, draws the sample and looks for
reasons to pause; ``rendering`` writes it as Markdown and as a page. Only the contract, dbt's
manifest, the ledger and the plan's frozen snapshots are read: neither the warehouse nor a
destination has to answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from activation_pipeline.contract import fingerprint
from activation_pipeline.errors import ConfigurationError
from activation_pipeline.first_review import is_reviewed
from activation_pipeline.notation import without_addresses
from activation_pipeline.review.agenda import answers, mapping
from activation_pipeline.review.conditions import CONDITIONS, Seen, conditions
from activation_pipeline.review.counting import count_waterfall
from activation_pipeline.review.document import GateLine, Pack
from activation_pipeline.review.lineage import read_lineage
from activation_pipeline.review.questions import blanks, questions
from activation_pipeline.review.sampling import Reader, draw, open_plan, sample_size
from activation_pipeline.review.writing import caveats, hidden, number, shown
from activation_pipeline.snapshots import verify_content
from activation_pipeline.steps import next_steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from activation_pipeline.contract import Contract
    from activation_pipeline.evidence import GateResult
    from activation_pipeline.ledger import Evaluation
    from activation_pipeline.plan import Plan
    from activation_pipeline.review.document import Sampled, Waterfall
    from activation_pipeline.runtime import Runtime
    from activation_pipeline.steps import Step

__all__ = ["Pack", "pack"]

_WORDS = ("stops", "warns", "signed", "passed")  # what has to be talked about comes first


@dataclass(frozen=True)
class _Counted:
    """What the snapshots gave."""

    waterfall: Waterfall | None
    sample: tuple[Sampled, ...]


def pack(
    contract: Contract,
    runtime: Runtime,
    *,
    now: datetime,
    plan: str | None = None,
    show_values: bool = False,
) -> Pack:
    """Build the pack of a contract and its newest plan, or of an older plan of it.

    Args:
        contract: as it is now.
        runtime: where everything is; the warehouse and the destinations are not asked.
        now: UTC; conditions are judged from it, counts and sample do not depend on it.
        plan: an older plan's id; None: the newest, and without one the pack says so.
        show_values: write the sample's values; without, only whether there is one.

    Raises:
        ConfigurationError: no such plan of this contract, or its snapshots are gone.
        RefusedError: a snapshot is not what was gated.
    """
    evaluation = _chosen(contract, runtime, plan)
    counted = _counted(contract, evaluation, runtime, show_values=show_values, now=now)
    found = conditions(_seen(contract, evaluation, runtime, now=now))
    return replace(
        _judged(_of_contract(contract, now=now), evaluation),
        answers=answers(contract, counted=counted.waterfall is not None),
        remarks=tuple(_remarks(contract, runtime, evaluation, now=now)),
        waterfall=counted.waterfall,
        sample=counted.sample,
        shows_values=show_values and bool(counted.sample),
        conditions=found,
        conditions_met=len(CONDITIONS) - len(found),
        questions=questions(contract, counted.waterfall),
        steps=_steps(contract, runtime, now=now),
        blanks=blanks(contract, evaluation, now=now),
    )


def _of_contract(contract: Contract, *, now: datetime) -> Pack:
    """Fill in what the contract says by itself."""
    return Pack(
        contract=contract.name,
        version=contract.version,
        kind=contract.workflow.kind,
        fingerprint=fingerprint(contract),
        as_of=now.date(),
        proposal=contract.launch.decision,
        caveats=caveats(contract),
        embarrassment=contract.workflow.embarrassment,
        caught_by=contract.workflow.caught_by,
        mapping=mapping(contract),
    )


def _judged(made: Pack, evaluation: Evaluation | None) -> Pack:
    """Add the plan and what the gates said of it, or why there is none."""
    if evaluation is None or evaluation.plan is None:
        why = evaluation.message if evaluation else "none was made yet"
        return replace(made, no_plan=without_addresses(why))
    return replace(
        made,
        definition=evaluation.plan.definition,
        plan=evaluation.plan.id,
        made_at=evaluation.at,
        verdict=evaluation.decision,
        stops=tuple(result.gate for result in evaluation.results if result.stops),
        gates=tuple(
            sorted(map(_gate_line, evaluation.results), key=lambda g: _WORDS.index(g.word))
        ),
    )


def _seen(
    contract: Contract, evaluation: Evaluation | None, runtime: Runtime, *, now: datetime
) -> Seen:
    results = evaluation.results if evaluation else ()
    delivered = runtime.ledger.rules.first_delivery(contract.name)
    return Seen(
        contract=contract,
        results={result.gate: result for result in results},
        lineage=read_lineage(contract, runtime.read_manifest),
        is_reviewed=delivered is not None and is_reviewed(contract, runtime, since=delivered),
        now=now,
    )


def _chosen(contract: Contract, runtime: Runtime, plan: str | None) -> Evaluation | None:
    if plan is None:
        return runtime.ledger.newest(contract.name, finished=True)
    found = runtime.ledger.evaluated(plan)
    if found is None or found.contract != contract.name:
        raise ConfigurationError(
            f"{contract.name}: no plan {plan} in the ledger; activation status {contract.name} "
            "names the newest"
        )
    return found


def _counted(
    contract: Contract,
    evaluation: Evaluation | None,
    runtime: Runtime,
    *,
    show_values: bool,
    now: datetime,
) -> _Counted:
    plan = evaluation.plan if evaluation else None
    if evaluation is None or plan is None:
        return _Counted(None, ())
    if not runtime.snapshots.population(contract.name, plan.id).is_file():
        raise ConfigurationError(
            f"{contract.name}: plan {plan.id} has no snapshot under ACTIVATION_HOME; "
            f"run activation plan {contract.name}"
        )
    _verify(plan, runtime)
    write = shown if show_values else hidden
    reader = Reader(plan, sample_size(contract), write, show_values)
    named_by = evaluation.measures["reasons"]
    with runtime.snapshots.workspace() as folder, runtime.engine(folder) as engine:
        open_plan(engine, runtime.snapshots, plan)
        waterfall = count_waterfall(contract, plan, engine, named_by, now=now)
        return _Counted(waterfall, draw(engine, reader))


def _verify(plan: Plan, runtime: Runtime) -> None:
    """Show only what was gated: a sample of something else would be signed for nothing."""
    for part in plan.parts:
        path = runtime.snapshots.part(plan.contract, plan.id, part.destination)
        verify_content(path, part.content)


def _remarks(
    contract: Contract,
    runtime: Runtime,
    evaluation: Evaluation | None,
    *,
    now: datetime,
) -> Iterator[str]:
    """Say what the reader has to know before reading on."""
    for pause in runtime.ledger.pauses(contract.name, now=now):
        where = pause.destination or "everything"
        yield f"{where} is {pause.told(contract.monitoring.restarted_by)}"
    made = evaluation.plan if evaluation else None
    if made is not None and made.fingerprint != fingerprint(contract):
        yield (
            f"The contract has changed since plan {made.id}, which was made from fingerprint "
            f"{made.fingerprint}: counts, gates and sample are of then, the rest is of now."
        )
    newest = runtime.ledger.newest(contract.name, finished=True)
    if evaluation and newest and newest.preparation != evaluation.preparation:
        yield "This is not the newest plan, and an older one is never sent."


def _gate_line(result: GateResult) -> GateLine:
    line = GateLine(
        gate=result.gate,
        word="passed",
        observed=number(result.observed),
        limit=number(result.limit),
        message=without_addresses(result.message),
        owner=result.owner,
        signer=result.signer or "nobody",
    )
    if result.passed:
        return line
    if result.overridden_by:
        return replace(line, word="signed", signer=result.overridden_by)
    return replace(line, word="stops" if result.blocking else "warns")


def _steps(contract: Contract, runtime: Runtime, *, now: datetime) -> tuple[Step, ...]:
    """List what stands between the contract and a delivery; sending itself is not the review's."""
    pauses = runtime.ledger.pauses(contract.name, now=now)
    found = next_steps(contract, runtime.ledger.newest(contract.name, finished=True), pauses)
    return tuple(step for step in found if not (step.command or "").startswith("activation sync "))
